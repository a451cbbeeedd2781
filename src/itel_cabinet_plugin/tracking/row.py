"""Stage ``itel_tracking_row``: the columns that the message does not have under their name."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, TypeVar

from attrs import frozen

from claimx_pipeline import Clock, RecordError, Resources
from claimx_pipeline.stages import Item, RecordStage
from claimx_pipeline.values import instant
from itel_cabinet_plugin.form.values import moment, read_id
from itel_cabinet_plugin.looked_up_task import TASK_FIELD, task_in

PROCESSING = frozenset({"created_at", "updated_at", "last_enriched_at"})
"""Columns of the core's rows that tell when they were made."""

log = logging.getLogger(__name__)

T = TypeVar("T")

_IN_ANSWER = ("assignorId", "assigneeId", "dateAssigned", "dateCompleted")
_IN_EVENT = ("assignor_id", "assignee_id", "date_assigned", "date_completed")
"""The same four in the task's row that the event brought."""


@frozen(kw_only=True)
class TrackingRowConfig:
    """Options of ``itel_tracking_row``."""

    task_field: str = TASK_FIELD
    """Field with the assignment as the ClaimX API answered it."""


class TrackingRowStage(RecordStage):
    """Adds what only the looked-up task knows, and the date that partitions the table."""

    config_class: ClassVar[type[Any]] = TrackingRowConfig

    def __init__(self, config: TrackingRowConfig) -> None:
        self.config = config
        self._reported: set[str] = set()
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
        happened = moment(data["event_timestamp"])
        if happened is None:
            shown = repr(data["event_timestamp"])
            raise RecordError(
                f"field 'event_timestamp' is {shown}, which is not a valid point in time"
            )
        data.update(
            event_timestamp=happened,
            processed_timestamp=self._clock.now(),
            # The event tells the status; who and when the task itself knows best.
            **self._people_and_times(item),
            year=happened.year,
            month=happened.month,
            day=happened.day,
            original_event=without_processing(data.get("original_event")),
            project_data=without_processing(data.get("project_data")),
        )
        if log.isEnabledFor(logging.DEBUG):
            event, assignment = data.get("event_id"), data.get("assignment_id")
            about = item.log_fields()
            log.debug("event %s of assignment %s is tracked", event, assignment, extra=about)

    def _people_and_times(self, item: Item) -> dict[str, Any]:
        """Return who and when, from ClaimX's answer or else from the row the event brought."""
        if item.unfinished is None:
            names, task = _IN_ANSWER, task_in(item.data, self.config.task_field)
        else:
            brought = item.data.get("original_event")
            names, task = _IN_EVENT, brought if isinstance(brought, Mapping) else {}
        by, to, created, completed = (task.get(name) for name in names)
        by_name, to_name, created_name, completed_name = names
        return {
            "assigned_to_user_id": self._read(item, read_id, to_name, to),
            "assigned_by_user_id": self._read(item, read_id, by_name, by),
            "task_created_at": self._read(item, instant, created_name, created),
            "task_completed_at": self._read(item, instant, completed_name, completed),
        }

    def _read(
        self, item: Item, reader: Callable[[Any], T | None], name: str, given: Any
    ) -> T | None:
        """Return what a field means; one that cannot be read is null, counted and logged."""
        try:
            return None if given is None else reader(given)
        except ValueError as error:
            counted = item.data.get("form_misfits")
            misfits = Counter(counted if isinstance(counted, Mapping) else {})
            misfits["bad_value"] += 1
            item.data["form_misfits"] = dict(misfits)
            if name not in self._reported:
                self._reported.add(name)
                log.warning(
                    "tracking, field %r of assignment %s cannot be used and is null: it %s; "
                    "further ones are counted only",
                    name,
                    item.data.get("assignment_id"),
                    error,
                )
            return None


def without_processing(row: Any) -> Any:
    """Return a row as the event brought it, without the times at which it was worked on.

    They differ each time an event is worked on, and the row's contents must not.
    """
    if not isinstance(row, Mapping):
        return row
    return {name: value for name, value in row.items() if name not in PROCESSING}
