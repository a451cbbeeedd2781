"""Sends completed forms to the iTel Cabinet API: entry point ``itel_cabinet_api``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from claimx_pipeline import hookimpl

if TYPE_CHECKING:
    from claimx_pipeline import Stage, WorkerSpec


@hookimpl
def claimx_register_stages() -> Mapping[str, type[Stage]]:
    """Offer the stage ``itel_send``."""
    from itel_cabinet_plugin.submission.stage import SendStage  # noqa: PLC0415 - only for workers

    return {"itel_send": SendStage}


@hookimpl
def claimx_register_workers() -> Iterable[WorkerSpec]:
    """Offer the worker ``itel-api``."""
    from itel_cabinet_plugin.submission.worker import WORKER  # noqa: PLC0415 - slow to import

    return [WORKER]
