"""The task trigger: every event of a cabinet task becomes a message of the plugin's topic."""

from __future__ import annotations

from collections.abc import Iterator

from claimx_pipeline import (
    Settings,
    SettingsSection,
    TaskTriggerPlugin,
    Topic,
    WorkerSpec,
    hookimpl,
)
from claimx_pipeline.plugins import TaskTriggerConfig, Trigger, TriggerActions
from itel_cabinet_plugin.monitoring import MonitoringPart, monitoring
from itel_cabinet_plugin.settings import SECTION, ItelSettings
from itel_cabinet_plugin.topics import TASK_TRACKING


class CabinetTrigger(TaskTriggerPlugin):
    """Publishes on any event of a task whose template is one of ``itel_cabinet.task_ids``."""

    name = "itel_cabinet_trigger"
    # Its configuration comes from the plugin's section, shared by all four entry points.
    config_class = None

    def __init__(self, config: TaskTriggerConfig | None = None) -> None:
        super().__init__(config or trigger_config(ItelSettings()))

    def topics(self) -> Iterator[Topic]:
        """Yield the plugin's topic."""
        yield TASK_TRACKING

    @hookimpl
    def claimx_register_settings(self) -> SettingsSection:
        """Add the section ``itel_cabinet``."""
        return SettingsSection(name=SECTION, kind=ItelSettings)

    @hookimpl
    def claimx_register_monitoring(self, settings: Settings) -> list[MonitoringPart]:
        """Add dashboards, alerts, and the metrics of the predecessor's documents."""
        return monitoring(settings)

    @hookimpl
    async def claimx_worker_starting(self, worker: WorkerSpec, settings: Settings) -> None:
        """Take the task ids from the settings."""
        self.config = trigger_config(settings.section(SECTION, ItelSettings))
        await super().claimx_worker_starting(worker, settings)


def trigger_config(settings: ItelSettings) -> TaskTriggerConfig:
    """Return what *settings* mean for the trigger."""
    publish = TriggerActions(publish_to_topic=TASK_TRACKING.name)
    trigger = Trigger(name=settings.trigger_name, on_any=publish)
    return TaskTriggerConfig(
        triggers=dict.fromkeys(settings.task_ids, trigger), include_project_data=True
    )
