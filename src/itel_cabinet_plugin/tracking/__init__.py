"""Writes the plugin's tables: entry point ``itel_cabinet_tracking``.

``worker`` keeps the life of each task, its form and its photos; ``media`` notes where the
photos were stored; ``results`` keeps what was sent to iTel and what they said.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from claimx_pipeline import hookimpl

if TYPE_CHECKING:
    from claimx_pipeline import Settings, WorkerSpec
    from claimx_pipeline.stages import Stage
    from claimx_pipeline.tables import NamedQuery, OldTable, TableSpec

domains = ("claimx",)
"""It is about tasks of ClaimX."""


@hookimpl
def claimx_register_tables(settings: Settings) -> Iterable[TableSpec]:
    """Declare the four tables."""
    from itel_cabinet_plugin import tables  # noqa: PLC0415 - Arrow is slow to import
    from itel_cabinet_plugin.settings import itel_settings  # noqa: PLC0415 - with the tables

    tracking = tables.tracking_table(itel_settings(settings).extra_columns)
    return [tracking, tables.FORMS, tables.ATTACHMENTS, tables.SUBMISSIONS]


@hookimpl
def claimx_register_old_tables() -> Iterable[OldTable]:
    """Tell what the predecessor's two tables look like."""
    from itel_cabinet_plugin.predecessor import old_tables  # noqa: PLC0415 - Arrow is slow to import

    return old_tables()


@hookimpl
def claimx_register_stages() -> Mapping[str, type[Stage]]:
    """Offer the stages that make rows, and ``itel_told`` that the chain ends with."""
    from itel_cabinet_plugin.acknowledge import AcknowledgeStage  # noqa: PLC0415 - for workers
    from itel_cabinet_plugin.tracking.form_rows import FormRowsStage  # noqa: PLC0415 - for workers
    from itel_cabinet_plugin.tracking.media import StoredPhotoStage  # noqa: PLC0415 - for workers
    from itel_cabinet_plugin.tracking.photos import PhotosStage  # noqa: PLC0415 - for workers
    from itel_cabinet_plugin.tracking.row import TrackingRowStage  # noqa: PLC0415 - for workers

    return {
        "itel_tracking_row": TrackingRowStage,
        "itel_form_rows": FormRowsStage,
        "itel_photos": PhotosStage,
        "itel_stored_photo": StoredPhotoStage,
        "itel_told": AcknowledgeStage,
    }


@hookimpl
def claimx_register_workers(settings: Settings) -> Iterable[WorkerSpec]:
    """Offer ``itel-tracking``, if forms are read, ``itel-media`` and ``itel-results``."""
    from itel_cabinet_plugin.looked_up_task import forms_are_read  # noqa: PLC0415 - with the rest
    from itel_cabinet_plugin.tracking import media, results, worker  # noqa: PLC0415 - slow to import

    reading = [worker.WORKER] if forms_are_read(settings) else []
    return [*reading, media.WORKER, results.WORKER]


@hookimpl
def claimx_register_queries() -> Iterable[NamedQuery]:
    """Offer the questions about the tracking table."""
    from itel_cabinet_plugin.queries import queries  # noqa: PLC0415 - only the command needs them

    return queries()
