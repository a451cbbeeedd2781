"""Messages between a domain's own workers: tasks to enrich, and rows to store.

An event travels as the fields of its own class, flat; rows travel by kind. The key of the event
has the domain's own word for it in every message.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

import msgspec
from attrs import evolve, field, frozen

from claimx_pipeline.broker.protocol import OutRecord
from claimx_pipeline.delta.spec import BUCKETS, DATE, TIMESTAMP, TableSpec, bucket_of
from claimx_pipeline.domain.entities import RowsByKind
from claimx_pipeline.domain.events import DomainEvent
from claimx_pipeline.domain.kinds import EntityKind
from claimx_pipeline.errors import DecodeError
from claimx_pipeline.json_errors import why
from claimx_pipeline.times import in_utc, read_date, read_time

M = TypeVar("M")

EVENT_ID = "claimx-id"
"""Header with the id of the event that a message is about."""


@frozen
class EntityMessage:
    """What became of one event; keyed by the event's key.

    There is one for every event, also for one that brought no rows.
    """

    event_id: str
    """The event's id."""
    event_type: str
    """The event's type."""
    key: str
    """What the event is about."""
    log: dict[str, Any]
    """Row of the domain's event log."""
    rows: RowsByKind
    """Its rows, by kind."""


class _Received(Protocol):
    """An ``EntityMessage`` before its kinds are looked at."""

    event_id: str
    event_type: str
    key: str
    log: dict[str, Any]
    rows: dict[str, list[dict[str, Any]]]
    plugins: dict[str, str]
    """Kind to the plugin that declares it, for kinds that are not the domain's own."""
    columns: dict[str, dict[str, str]]
    """Kind to columns that have a value and are a plugin's, each with the plugin."""


_encode = msgspec.json.Encoder(decimal_format="string").encode


@frozen(kw_only=True, eq=False)
class DomainMessages:
    """Writes and reads the messages of one domain."""

    key_name: str
    """The domain's word for the key."""
    event: type[Any]
    """Class of its events."""
    kinds: Sequence[EntityKind]
    """Its kinds of entity."""
    rows: type[RowsByKind]
    """Class of its rows."""
    event_log: TableSpec
    """Table of what became of each event."""
    rows_topic: str
    """Logical name of the topic of entity rows."""
    buckets: int = BUCKETS
    """Over how many buckets keys are spread, as in the tables."""
    tables: Mapping[str, TableSpec] = field(init=False)
    """Kind to its table, parents before children."""
    _times: Mapping[str, tuple[tuple[str, Any], ...]] = field(init=False)
    _log_times: tuple[tuple[str, Any], ...] = field(init=False)
    _plugins: Mapping[str, str] = field(init=False)
    _added: Mapping[str, Mapping[str, str]] = field(init=False)
    """Kind to the columns that plugins added, each with its plugin."""
    _decode_event: Callable[[bytes], Any] = field(init=False)
    _decode_rows: Callable[[bytes], _Received] = field(init=False)

    @tables.default
    def _tables_of_kinds(self) -> Mapping[str, TableSpec]:
        return {kind.name: kind.table for kind in self.kinds}

    @_times.default
    def _times_of_kinds(self) -> Mapping[str, tuple[tuple[str, Any], ...]]:
        return {name: _columns_with_times(table) for name, table in self.tables.items()}

    @_log_times.default
    def _times_of_log(self) -> tuple[tuple[str, Any], ...]:
        return _columns_with_times(self.event_log)

    @_plugins.default
    def _plugins_of_kinds(self) -> Mapping[str, str]:
        return {kind.name: kind.plugin for kind in self.kinds if kind.plugin}

    @_added.default
    def _added_of_kinds(self) -> Mapping[str, Mapping[str, str]]:
        return {kind.name: added for kind in self.kinds if (added := kind.added)}

    @_decode_event.default
    def _event_decoder(self) -> Callable[[bytes], Any]:
        return msgspec.json.Decoder(self.event).decode

    @_decode_rows.default
    def _rows_decoder(self) -> Callable[[bytes], _Received]:
        received = msgspec.defstruct(
            "EntityMessage",
            [
                ("event_id", str),
                ("event_type", str),
                ("key", str),
                ("log", dict[str, Any]),
                ("rows", dict[str, list[dict[str, Any]]], msgspec.field(default_factory=dict)),
                ("plugins", dict[str, str], msgspec.field(default_factory=dict)),
                ("columns", dict[str, dict[str, str]], msgspec.field(default_factory=dict)),
            ],
            rename={"key": self.key_name},
        )
        return msgspec.json.Decoder(received).decode  # type: ignore[return-value] # made above

    def task(self, event: DomainEvent, created_at: bytes) -> bytes:
        """Return the task to enrich *event* as JSON; times are ISO 8601 in UTC.

        Args:
            event: The event.
            created_at: When it was made into a task, as ``created`` returns it.
        """
        return _encode(event)[:-1] + created_at

    def event_of_task(self, value: bytes | None) -> Any:
        """Return the event of the task in a record's value.

        Raises:
            DecodeError: It is not a valid task.
        """
        event = _decoded(value, self._decode_event, "enrichment task")
        if event.ingested_at.tzinfo is UTC:
            return event
        if event.ingested_at.tzinfo is None:
            raise DecodeError(
                "the record is not a valid enrichment task: its 'ingested_at' has no time zone"
            )
        try:
            return evolve(event, ingested_at=in_utc(event.ingested_at))
        except ValueError as error:
            raise DecodeError(
                f"the record is not a valid enrichment task: its 'ingested_at' {error}"
            ) from error

    def encode(self, message: EntityMessage) -> bytes:
        """Return *message* as JSON; times are ISO 8601 in UTC, to the microsecond."""
        value = {
            "event_id": message.event_id,
            "event_type": message.event_type,
            self.key_name: message.key,
            "log": message.log,
            "rows": message.rows,
        }
        if self._plugins:
            plugins = {
                kind: plugin
                for kind, plugin in self._plugins.items()
                if getattr(message.rows, kind, None)
            }
            if plugins:
                value["plugins"] = plugins
        if self._added:
            columns = {
                kind: named
                for kind, added in self._added.items()
                if (named := _filled(added, getattr(message.rows, kind, ())))
            }
            if columns:
                value["columns"] = columns
        return _encode(value)

    def record(self, message: EntityMessage) -> OutRecord:
        """Return *message* as a record; all rows of a key go to one partition."""
        return OutRecord(
            self.rows_topic,
            self.encode(message),
            message.key.encode(),
            ((EVENT_ID, message.event_id.encode()),),
            bucket=bucket_of(message.key, self.buckets),
        )

    def summary(self, value: bytes | None) -> tuple[str, str, str, dict[str, Any]]:
        """Return id, type and key of the event of an entity message, and its line of the log.

        Rows are not looked at, so a message with rows of an unknown kind can be read as well.

        Raises:
            DecodeError: It is not such a message.
        """
        found = _decoded(value, self._decode_rows, "message of entity rows")
        return found.event_id, found.event_type, found.key, found.log

    def decode(self, value: bytes | None) -> EntityMessage:
        """Return the message in a record's value, times and dates typed as in the tables.

        Raises:
            DecodeError: It is not such a message, a time or date in it cannot be read, or it
                has rows of a kind that is not known here.
        """
        found = _decoded(value, self._decode_rows, "message of entity rows")
        _type_times(found.log, self._log_times, self.event_log.name)
        by_kind = {kind: rows for kind, rows in found.rows.items() if rows}
        for kind, rows in by_kind.items():
            if kind not in self.tables:
                raise self._unknown(kind, len(rows), found)
            self._refuse_unknown_columns(kind, found)
            for row in rows:
                _type_times(row, self._times[kind], self.tables[kind].name)
        return EntityMessage(
            found.event_id, found.event_type, found.key, found.log, self.rows(**by_kind)
        )

    def _refuse_unknown_columns(self, kind: str, message: _Received) -> None:
        """Refuse a message with values for columns of a plugin that is not installed here.

        Raises:
            DecodeError: It has; stored without them, they would be lost.
        """
        named = message.columns.get(kind)
        if not named:
            return
        table = self.tables[kind]
        known = {column.name for column in table.columns}
        if unknown := sorted(named.keys() - known):
            raise DecodeError(
                f"the message of event {message.event_id!r} has values for the column "
                f"{unknown[0][:60]!r} of table {table.name!r}, which this worker does not know; "
                f"install the plugin {named[unknown[0]][:60]!r}, which declares it, then replay "
                "the dead letter"
            )

    def _unknown(self, kind: str, rows: int, message: _Received) -> DecodeError:
        plugin = message.plugins.get(kind)
        named = f"the plugin {plugin[:60]!r}, which" if plugin else "the plugin that"
        return DecodeError(
            f"the message of event {message.event_id!r} has {rows} row(s) of the kind "
            f"{kind[:60]!r}, which this worker does not know (it knows {', '.join(self.tables)}); "
            f"install {named} declares it, or upgrade this worker, then replay the dead letter"
        )


def _filled(added: Mapping[str, str], rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return those columns of *added* in which one of *rows* has a value."""
    return {
        column: plugin
        for column, plugin in added.items()
        if any(row.get(column) is not None for row in rows)
    }


def created(now: datetime) -> bytes:
    """Return the end of a task that was made at *now*, for ``DomainMessages.task``."""
    return b',"created_at":' + _encode(now) + b"}"


def _decoded(value: bytes | None, decode: Callable[[bytes], M], what: str) -> M:
    if not value:
        raise DecodeError(f"the record is empty; a {what} is a JSON object")
    try:
        return decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DecodeError(f"the record is not a valid {what}: {why(error)}") from error


def _columns_with_times(spec: TableSpec) -> tuple[tuple[str, Any], ...]:
    readers = {TIMESTAMP: read_time, DATE: read_date}
    return tuple(
        (column.name, readers[column.declared])
        for column in spec.columns
        if column.declared in readers
    )


def _type_times(row: dict[str, Any], times: tuple[tuple[str, Any], ...], table: str) -> None:
    for name, read in times:
        value = row.get(name)
        if isinstance(value, str):
            try:
                row[name] = read(value)
            except ValueError as error:
                raise DecodeError(
                    f"the row for {table!r} has {value[:60]!r} in {name!r}: {error}"
                ) from error
