"""The dashboards, alerts and former names of metrics that plugins add."""

from __future__ import annotations

from claimx_pipeline.errors import ClaimxError
from claimx_pipeline.monitoring.alerts import ALERTS
from claimx_pipeline.monitoring.dashboards import DASHBOARDS
from claimx_pipeline.monitoring.model import Alert, Dashboard
from claimx_pipeline.plugins.host.answers import owner, section_of
from claimx_pipeline.plugins.host.load_checks import CORE
from claimx_pipeline.plugins.host.registrations import Registrations
from claimx_pipeline.telemetry.former import FormerMetrics
from claimx_pipeline.telemetry.former_names import FormerMetric
from claimx_pipeline.telemetry.metrics import Metrics


def monitoring_parts(registrations: Registrations) -> list[Dashboard | Alert | FormerMetric]:
    """Return what plugins add to the monitoring.

    Raises:
        ClaimxError: A plugin raised or returned something else, or a name is there already.
    """
    what = "part of the monitoring"
    owners = dict.fromkeys([each.uid for each in DASHBOARDS], CORE)
    owners |= dict.fromkeys([each.name for each in ALERTS], CORE)
    found: list[Dashboard | Alert | FormerMetric] = []
    metrics = Metrics()
    for plugin, part in registrations.several("claimx_register_monitoring", what):
        name = part.uid if isinstance(part, Dashboard) else part.name
        with registrations.refusals.of(section_of(plugin)):
            if name in owners:
                raise ClaimxError(
                    f"{owner(plugin)} registers {what} {name!r}, which {owner(owners[name])} has "
                    "registered already; give one of them another name"
                )
            if isinstance(part, FormerMetric):
                _see_that_it_can_be_served(plugin, part, metrics)
            owners[name] = plugin
            found.append(part)
    return found


def _see_that_it_can_be_served(plugin: str, metric: FormerMetric, metrics: Metrics) -> None:
    try:
        FormerMetrics([metric], metrics.registry).register()
    except ValueError as error:
        # Not a name that Prometheus allows, or one that a metric of this version has.
        raise ClaimxError(
            f"{owner(plugin)} registers the former metric {metric.name!r}, which cannot be served: "
            "it is not a valid name, or a metric of this version has it; correct or remove it"
        ) from error
