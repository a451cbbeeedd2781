"""Keeps one row per event of a cabinet task: entry point ``itel_cabinet_tracking``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from claimx_pipeline import hookimpl

if TYPE_CHECKING:
    from claimx_pipeline import Stage, TableSpec, WorkerSpec


@hookimpl
def claimx_register_tables() -> Iterable[TableSpec]:
    """Declare ``itel_cabinet_task_tracking``."""
    from itel_cabinet_plugin.tables import TASK_TRACKING  # noqa: PLC0415 - Arrow is slow to import

    return [TASK_TRACKING]


@hookimpl
def claimx_register_stages() -> Mapping[str, type[Stage]]:
    """Offer the stage ``itel_tracking_row``."""
    from itel_cabinet_plugin.tracking.row import TrackingRowStage  # noqa: PLC0415 - for workers

    return {"itel_tracking_row": TrackingRowStage}


@hookimpl
def claimx_register_workers() -> Iterable[WorkerSpec]:
    """Offer the worker ``itel-tracking``."""
    from itel_cabinet_plugin.tracking.worker import WORKER  # noqa: PLC0415 - slow to import

    return [WORKER]
