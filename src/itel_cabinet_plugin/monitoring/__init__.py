"""What operators see of the plugin: dashboards, alerts, and metrics under their former names."""

from __future__ import annotations

from claimx_pipeline import Settings
from claimx_pipeline.hooks import Alert, Dashboard, FormerMetric
from itel_cabinet_plugin.monitoring.alerts import alerts
from itel_cabinet_plugin.monitoring.dashboards import dashboards
from itel_cabinet_plugin.monitoring.former_metrics import former_metrics
from itel_cabinet_plugin.settings import itel_settings
from itel_cabinet_plugin.topics import TASK_TRACKING

MonitoringPart = Alert | Dashboard | FormerMetric


def monitoring(settings: Settings) -> list[MonitoringPart]:
    """Return everything that the plugin adds to monitoring."""
    topic = settings.broker.topics.get(TASK_TRACKING.name)
    name = (topic and topic.name) or f"{settings.broker.prefix}{TASK_TRACKING.name}"
    connections = itel_settings(settings).connections
    return [
        *dashboards(name, connections),
        *alerts(connections),
        *former_metrics(settings, name, connections),
    ]
