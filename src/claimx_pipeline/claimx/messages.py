"""Messages between the pipeline's own workers: tasks to enrich, and rows to store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any, TypeVar

import msgspec
from attrs import field, frozen

from claimx_pipeline.broker.protocol import OutRecord
from claimx_pipeline.claimx.entities import KINDS, EntityRows
from claimx_pipeline.claimx.event_tables import EVENT_LOG
from claimx_pipeline.claimx.events import NO_PAYLOAD, Event
from claimx_pipeline.delta.spec import DATE, TIMESTAMP, TableSpec, bucket_of
from claimx_pipeline.domain.entities import EntityRow, RowsByKind
from claimx_pipeline.domain.kinds import EntityKind
from claimx_pipeline.errors import DecodeError
from claimx_pipeline.times import in_utc, read_date, read_time
from claimx_pipeline.topics import ENTITIES_ROWS

M = TypeVar("M")

EVENT_ID = "claimx-id"
"""Header with the id of the event that a message is about."""

_Instant = Annotated[datetime, msgspec.Meta(tz=True)]


@frozen
class EnrichmentTask:
    """An event to be enriched; on ``claimx.enrichment.pending``, keyed by project."""

    event_id: str
    event_type: str
    project_id: str
    ingested_at: _Instant
    """When the source took the event in."""
    created_at: _Instant
    """When the event was made into this task."""
    media_id: str | None = None
    task_assignment_id: str | None = None
    video_collaboration_id: str | None = None
    master_file_name: str | None = None
    id_has_time: bool = False
    media_ids: tuple[str, ...] = ()
    payload: msgspec.Raw = field(default=NO_PAYLOAD, eq=False, repr=False)

    @classmethod
    def of(cls, event: Event, created_at: datetime) -> EnrichmentTask:
        """Return the task to enrich *event*."""
        return cls(
            event.event_id,
            event.event_type,
            event.project_id,
            event.ingested_at,
            created_at,
            event.media_id,
            event.task_assignment_id,
            event.video_collaboration_id,
            event.master_file_name,
            event.id_has_time,
            event.media_ids,
            event.payload,
        )

    def event(self) -> Event:
        """Return the event."""
        return Event(
            self.event_id,
            self.event_type,
            self.project_id,
            in_utc(self.ingested_at),
            self.media_id,
            self.task_assignment_id,
            self.video_collaboration_id,
            self.master_file_name,
            self.id_has_time,
            self.media_ids,
            self.payload,
        )


@frozen
class EntityMessage:
    """What became of one event; on ``claimx.entities.rows``, keyed by project.

    There is one for every event, also for one that brought no rows.
    """

    event_id: str
    event_type: str
    project_id: str
    log: dict[str, Any]
    """Row of ``claimx_event_log``."""
    rows: RowsByKind = field(factory=EntityRows)


@frozen
class _Received:
    """An ``EntityMessage`` before its kinds are looked at."""

    event_id: str
    event_type: str
    project_id: str
    log: dict[str, Any]
    rows: dict[str, list[dict[str, Any]]] = field(factory=dict)


_encode = msgspec.json.Encoder(decimal_format="string").encode
_decode_task = msgspec.json.Decoder(EnrichmentTask).decode
_decode_entities = msgspec.json.Decoder(_Received).decode


def encode_task(task: EnrichmentTask) -> bytes:
    """Return *task* as JSON; times are ISO 8601 in UTC."""
    return _encode(task)


def decode_task(value: bytes | None) -> EnrichmentTask:
    """Return the task in a record's value.

    Raises:
        DecodeError: It is none.
    """
    return _decoded(value, _decode_task, "enrichment task")


def encode_entities(message: EntityMessage) -> bytes:
    """Return *message* as JSON; times are ISO 8601 in UTC, to the microsecond."""
    return _encode(message)


def entity_record(message: EntityMessage) -> OutRecord:
    """Return *message* as a record; all rows of a project go to one partition."""
    return OutRecord(
        ENTITIES_ROWS.name,
        encode_entities(message),
        message.project_id.encode(),
        ((EVENT_ID, message.event_id.encode()),),
        bucket=bucket_of(message.project_id),
    )


def event_of_message(value: bytes | None) -> tuple[str, str, str, dict[str, Any]]:
    """Return id, type and project of the event of an entity message, and its line of the log.

    Rows are not looked at, so a message with rows of an unknown kind can be read as well.

    Raises:
        DecodeError: It is not such a message.
    """
    found = _decoded(value, _decode_entities, "message of entity rows")
    return found.event_id, found.event_type, found.project_id, found.log


class EntityDecoder:
    """Reads messages of entity rows, of the kinds that it is made for."""

    def __init__(self, kinds: Sequence[EntityKind], make: type[RowsByKind]) -> None:
        """Know *kinds*; *make* holds their rows."""
        self.tables = {kind.name: kind.table for kind in kinds}
        self._times = {name: _columns_with_times(table) for name, table in self.tables.items()}
        self._make = make

    def decode(self, value: bytes | None) -> EntityMessage:
        """Return the message in a record's value, times and dates typed as in the tables.

        Raises:
            DecodeError: It is none, a time or date in it cannot be read, or it has rows of a
                kind that this version does not know.
        """
        found = _decoded(value, _decode_entities, "message of entity rows")
        _type_times(found.log, _LOG_TIMES, EVENT_LOG.name)
        by_kind = {kind: rows for kind, rows in found.rows.items() if rows}
        for kind, rows in by_kind.items():
            if kind not in self.tables:
                raise self._unknown(kind, len(rows), found)
            for row in rows:
                _type_times(row, self._times[kind], self.tables[kind].name)
        rows_by_kind = self._make(**by_kind)
        return EntityMessage(
            found.event_id, found.event_type, found.project_id, found.log, rows_by_kind
        )

    def _unknown(self, kind: str, rows: int, message: _Received) -> DecodeError:
        return DecodeError(
            f"the message of event {message.event_id!r} has {rows} row(s) of the kind "
            f"{kind[:60]!r}, which this worker does not know (it knows {', '.join(self.tables)}); "
            "install the plugin that declares it or upgrade this worker, then replay the "
            "dead letter"
        )


def _decoded(value: bytes | None, decode: Callable[[bytes], M], what: str) -> M:
    if not value:
        raise DecodeError(f"the record is empty; a {what} is a JSON object")
    try:
        return decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DecodeError(f"the record is not a valid {what}: {error}") from error


def _columns_with_times(spec: TableSpec) -> tuple[tuple[str, Any], ...]:
    readers = {TIMESTAMP: read_time, DATE: read_date}
    return tuple(
        (column.name, readers[column.type])
        for column in spec.columns
        if column.type in (TIMESTAMP, DATE)
    )


_LOG_TIMES = _columns_with_times(EVENT_LOG)

DECODER = EntityDecoder(KINDS, EntityRows)
"""Reads messages with rows of the kinds that are built in."""


def _type_times(row: EntityRow, times: tuple[tuple[str, Any], ...], table: str) -> None:
    for name, read in times:
        value = row.get(name)
        if isinstance(value, str):
            try:
                row[name] = read(value)
            except ValueError as error:
                raise DecodeError(
                    f"the row for {table!r} has {value[:60]!r} in {name!r}: {error}"
                ) from error
