"""Stage ``itel_tracking_row``: the columns that the message does not have under their name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import frozen

from claimx_pipeline import Clock, Item, RecordError, RecordStage, Resources
from itel_cabinet_plugin.form.values import moment, whole_id

PROCESSING = frozenset({"created_at", "updated_at", "last_enriched_at"})
"""Columns of the core's rows that tell when they were made."""


@frozen(kw_only=True)
class TrackingRowConfig:
    """Options of ``itel_tracking_row``."""

    task_field: str = "claimx_task_full"
    """Field with the assignment as the ClaimX API answered it."""


class TrackingRowStage(RecordStage):
    """Adds what only the looked-up task knows, and the date that partitions the table."""

    config_class: ClassVar[type[Any]] = TrackingRowConfig

    def __init__(self, config: TrackingRowConfig) -> None:
        self.config = config
        self._clock: Clock

    async def open(self, resources: Resources) -> None:
        """Take the clock."""
        self._clock = resources.clock

    async def process_one(self, item: Item) -> None:
        """Fill in one row.

        Raises:
            RecordError: Permanent; there is no task, or the event's time cannot be read.
        """
        data = item.data
        task = data.get(self.config.task_field)
        if not isinstance(task, Mapping):
            raise RecordError(
                f"field {self.config.task_field!r} holds no task; a lookup must put it there"
            )
        happened = moment(data["event_timestamp"])
        if happened is None:
            shown = repr(data["event_timestamp"])
            raise RecordError(f"field 'event_timestamp' is {shown}, which is no ISO time")
        data.update(
            event_timestamp=happened,
            processed_timestamp=self._clock.now(),
            # The event tells the status; who and when only the task itself knows.
            assigned_to_user_id=whole_id(task.get("assigneeId")),
            assigned_by_user_id=whole_id(task.get("assignorId")),
            task_created_at=moment(task.get("dateAssigned")),
            task_completed_at=moment(task.get("dateCompleted")),
            year=happened.year,
            month=happened.month,
            day=happened.day,
            original_event=without_processing(data.get("original_event")),
            project_data=without_processing(data.get("project_data")),
        )


def without_processing(row: Any) -> Any:
    """Return a row as the event brought it, without the times at which it was worked on.

    They differ each time an event is worked on, and the row's contents must not.
    """
    if not isinstance(row, Mapping):
        return row
    return {name: value for name, value in row.items() if name not in PROCESSING}
