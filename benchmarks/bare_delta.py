"""The bare ways to append events to a Delta table, against which the product is measured."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
from attrs import define, field
from deltalake import DeltaTable, Schema, write_deltalake

from claimx_pipeline.claimx.tables import EVENTS

REOPEN_EVERY = 15
NAMES = EVENTS.schema().names


def columns(events: Sequence[dict[str, Any]], raw: Sequence[bytes]) -> pa.Table:
    """Return decoded events as a table of the events' columns, with no check at all."""
    now = datetime.now(UTC)
    times = [datetime.fromisoformat(event["ingestedAt"]) for event in events]
    made: dict[str, list[Any]] = {
        "event_id": [f"{event['projectId']}|{event['mediaId']}" for event in events],
        "event_type": [event["eventType"] for event in events],
        "project_id": [str(event["projectId"]) for event in events],
        "media_id": [str(event["mediaId"]) for event in events],
        "task_assignment_id": [event["taskAssignmentId"] for event in events],
        "video_collaboration_id": [None] * len(events),
        "master_file_name": [event["masterFileName"] for event in events],
        "ingested_at": times,
        "created_at": [now] * len(events),
        "event_date": [time.date() for time in times],
        "raw_data": [value.decode() for value in raw],
    }
    return pa.table({name: made[name] for name in NAMES}, schema=EVENTS.schema())


@define
class BareTable:
    """A reused handle, reopened now and then."""

    path: Path
    _handle: DeltaTable = field(init=False)
    _commits: int = 0

    def __attrs_post_init__(self) -> None:
        if self.path.exists():
            self._handle = DeltaTable(str(self.path))
            return
        self._handle = DeltaTable.create(
            str(self.path),
            schema=Schema.from_arrow(EVENTS.schema()),
            partition_by=list(EVENTS.partitions()),
            configuration={"delta.checkpointInterval": "20"},
        )

    def append(self, table: pa.Table) -> None:
        """Append *table*."""
        write_deltalake(self._handle, table, mode="append")
        self._commits += 1
        if self._commits % REOPEN_EVERY == 0:
            self._handle = DeltaTable(str(self.path))


def append(table: BareTable, events: Sequence[dict[str, Any]], raw: Sequence[bytes]) -> None:
    """Make columns of *events* and append them."""
    table.append(columns(events, raw))
