"""Hears of cabinet tasks and publishes them: entry point ``itel_cabinet_trigger``."""

from itel_cabinet_plugin.trigger.cabinet import CabinetTrigger, trigger_config

__all__ = ["CabinetTrigger", "trigger_config"]
