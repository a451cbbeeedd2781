"""Reads a Kusto table by time, page by page, and no row twice or never.

Rows of one time have no order, and the clock of Kusto is finer than Python's. So times stay the
text that Kusto writes, seven digits after the second; a page ends with the last time of which it
surely has every row; and a time that has more rows than a page is read in one piece.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from attrs import field, frozen
from attrs.validators import ge, gt, matches_re, min_len, optional
from azure.kusto.data import ClientRequestProperties
from azure.kusto.data.aio import KustoClient
from azure.kusto.data.exceptions import (
    KustoApiError,
    KustoAuthenticationError,
    KustoError,
    KustoMultiApiError,
    KustoServiceError,
)

from claimx_pipeline.sources import SourceError, SourceRecord
from eventhouse_source.login import Login, connection

TIME = "source_time_"
"""Column of an answer that holds the time of each row."""

_PRECISE = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,7})?Z"


@frozen(kw_only=True)
class EventhouseOptions:
    """Settings under ``sources.<name>.options``."""

    cluster: str = field(validator=min_len(1))
    """Address of the query service, such as ``https://….kusto.fabric.microsoft.com``."""

    database: str = field(validator=min_len(1))
    """Database with the table."""

    table: str = field(validator=min_len(1))
    """Table with the events; a function or a view works as well."""

    time: str = field(default="ingestion_time()", validator=min_len(1))
    """When a row arrived: an expression of the query language that never changes for a row."""

    begin: str | None = field(default=None, validator=optional(matches_re(_PRECISE)))
    """Rows after this time are read, such as ``2026-01-01T00:00:00Z``; all if not given."""

    page_size: int = field(default=1000, validator=ge(1))
    """Rows of one query, at most."""

    delay_seconds: float = field(default=10.0, validator=ge(0))
    """Younger rows are left for later: others of the same time may still be on their way."""

    timeout_seconds: float = field(default=100.0, validator=gt(0))
    """How long one query may take."""

    login: Login = field(factory=Login)
    """How to log in."""


@frozen
class Answer:
    """The rows of one query, in the order of their times."""

    columns: Sequence[str]
    dynamic: frozenset[str]
    """Columns whose values are JSON."""
    rows: Sequence[Sequence[Any]]

    def time(self, row: Sequence[Any]) -> str:
        """Return the time of *row* as Kusto writes it."""
        text: str = row[self.columns.index(TIME)]
        return precise(text)

    def event(self, row: Sequence[Any]) -> dict[str, Any]:
        """Return *row* as an object."""
        found = dict(zip(self.columns, row, strict=True))
        del found[TIME]
        return {name: self._value(name, value) for name, value in found.items()}

    def _value(self, name: str, value: Any) -> Any:
        if name not in self.dynamic or not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except ValueError:
            return value


class EventhouseSource:
    """One table, from a time on."""

    def __init__(self, options: EventhouseOptions, column: str | None) -> None:
        """Read the rows of a table.

        Args:
            options: Which, and how.
            column: Column that holds the whole event as JSON; None if a row is the event.
        """
        self._options = options
        self._column = column
        self._client: KustoClient | None = None

    async def read(
        self, position: Mapping[str, str] | None
    ) -> tuple[list[SourceRecord], Mapping[str, str] | None]:
        """Return the next rows; the position is the time up to which every row was read."""
        after = position["after"] if position else self._options.begin
        answer = await self._ask(_page(self._options, after))
        rows = answer.rows
        if len(rows) == self._options.page_size:
            last = answer.time(rows[-1])
            rows = [row for row in rows if answer.time(row) != last]
            if not rows:
                answer = await self._ask(_one_time(self._options, last), whole=True)
                rows = answer.rows
        if not rows:
            return [], position
        records = [self._record(answer, row) for row in rows]
        return records, {"after": answer.time(rows[-1])}

    async def close(self) -> None:
        """Disconnect."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()  # type: ignore[no-untyped-call]

    def _record(self, answer: Answer, row: Sequence[Any]) -> SourceRecord:
        event, time = answer.event(row), answer.time(row)
        value: Any = event if self._column is None else event.get(self._column)
        fault = "" if value else f"column {self._column!r} of this row is empty"
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        return SourceRecord(
            value=text.encode(),
            at=f"{self._options.table}@{time}",
            time=datetime.fromisoformat(time).astimezone(UTC),
            fault=fault,
        )

    async def _ask(self, query: str, *, whole: bool = False) -> Answer:
        """Return what *query* answers; *whole*: however much it is."""
        properties = ClientRequestProperties()  # type: ignore[no-untyped-call]
        properties.set_option("servertimeout", timedelta(seconds=self._options.timeout_seconds))
        if whole:
            properties.set_option("notruncation", True)
        try:
            if self._client is None:
                self._client = KustoClient(connection(self._options.cluster, self._options.login))
            found = await self._client.execute_query(self._options.database, query, properties)
        except KustoError as error:
            raise _as_source_error(error) from error
        if found.errors_count:
            # Rows before an error are not all rows.
            raise SourceError(f"the query was not answered whole: {found.get_exceptions()}", True)
        table = found.primary_results[0]
        columns = [column.column_name for column in table.columns]
        dynamic = frozenset(
            column.column_name for column in table.columns if column.column_type == "dynamic"
        )
        return Answer(columns, dynamic, table.raw_rows)


def precise(text: str) -> str:
    """Return a time as Kusto writes it, with seven digits after the second.

    Texts of this form are in the order of the times, and can be compared.

    >>> precise("2026-01-05T10:00:00Z")
    '2026-01-05T10:00:00.0000000Z'
    """
    whole, _, fraction = text.removesuffix("Z").partition(".")
    return f"{whole}.{fraction:0<7}Z"


def _page(options: EventhouseOptions, after: str | None) -> str:
    lines = [_table(options)]
    if after is not None:
        lines.append(f"| where {TIME} > datetime({after})")
    if options.delay_seconds:
        lines.append(f"| where {TIME} <= ago({options.delay_seconds:g}s)")
    return "\n".join([*lines, f"| order by {TIME} asc", f"| take {options.page_size}"])


def _one_time(options: EventhouseOptions, time: str) -> str:
    return f"{_table(options)}\n| where {TIME} == datetime({time})"


def _table(options: EventhouseOptions) -> str:
    return f"{options.table}\n| extend {TIME} = {options.time}"


def _as_source_error(error: KustoError) -> SourceError:
    """Return *error* with whether it is likely to pass: a wrong query does not."""
    permanent = isinstance(error, KustoAuthenticationError)
    if isinstance(error, KustoMultiApiError):
        permanent = any(each.permanent for each in error.get_api_errors())
    elif isinstance(error, KustoApiError):
        permanent = bool(error.get_api_error().permanent)
    elif isinstance(error, KustoServiceError) and error.is_semantic_error():
        permanent = True
    return SourceError(str(error) or type(error).__name__, passes=not permanent)
