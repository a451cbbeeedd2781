"""Sends completed forms to the iTel Cabinet API: entry point ``itel_cabinet_api``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib import resources
from typing import TYPE_CHECKING

from claimx_pipeline import hookimpl

if TYPE_CHECKING:
    from claimx_pipeline import Settings, SettingsSection, WorkerSpec
    from claimx_pipeline.stages import Stage

domains = ("claimx",)
"""It is about tasks of ClaimX."""


@hookimpl
def claimx_register_settings() -> SettingsSection:
    """Bring the connection to the iTel Cabinet API and its variables."""
    from claimx_pipeline import SettingsSection  # noqa: PLC0415 - slow to import
    from itel_cabinet_plugin.former_variables import VARIABLES  # noqa: PLC0415 - as well
    from itel_cabinet_plugin.settings import CONNECTION, ENVIRONMENT  # noqa: PLC0415 - as well

    defaults = resources.files("itel_cabinet_plugin").joinpath("defaults/itel.yaml")
    return SettingsSection(
        name=CONNECTION,
        environment=ENVIRONMENT,
        former=VARIABLES,
        former_prefixes=("ITEL_",),
        defaults=defaults.read_text(encoding="utf-8"),
    )


@hookimpl
def claimx_register_stages() -> Mapping[str, type[Stage]]:
    """Offer the stage ``itel_send``, and ``itel_told`` that the chain ends with."""
    from itel_cabinet_plugin.acknowledge import AcknowledgeStage  # noqa: PLC0415 - for workers
    from itel_cabinet_plugin.submission.stage import SubmitStage  # noqa: PLC0415 - for workers

    return {"itel_send": SubmitStage, "itel_told": AcknowledgeStage}


@hookimpl
def claimx_register_workers(settings: Settings) -> Iterable[WorkerSpec]:
    """Offer the worker ``itel-api``, if forms are read."""
    from itel_cabinet_plugin.looked_up_task import forms_are_read  # noqa: PLC0415 - with the rest
    from itel_cabinet_plugin.submission.worker import worker  # noqa: PLC0415 - slow to import

    return [worker(settings)] if forms_are_read(settings) else []
