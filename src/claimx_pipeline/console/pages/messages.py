"""Topics, and the records in them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from claimx_pipeline import operations
from claimx_pipeline.broker.protocol import Record
from claimx_pipeline.clock import published_at
from claimx_pipeline.console.access import note_view
from claimx_pipeline.console.answers import as_csv, as_json_lines, begun
from claimx_pipeline.console.personal import is_personal
from claimx_pipeline.console.rendering import Console
from claimx_pipeline.errors import UsageError
from claimx_pipeline.operations.record_filter import json_value

SHOWN: Final = 50
MOST_SHOWN: Final = 500
SEARCH_SECONDS: Final = 0.6
"""A search that takes longer shows what it has found, and goes on when it is asked to."""


async def topics(request: Request) -> Response:
    """List the topics that hold records, and those that do not."""
    console = Console.of(request)
    listed = await operations.list_topics(console.pipeline)
    return console.page(
        request,
        "topics.html",
        filled=[each for each in listed if each.records],
        empty=[each for each in listed if not each.records],
    )


async def messages(request: Request) -> Response:
    """Show the newest records of a topic, or those that a search finds."""
    console = Console.of(request)
    topic = request.path_params["topic"]
    asked = request.query_params
    if asked.get("as", "") in ("json", "csv"):
        return await _export(request, console, topic)
    limit = min(max(_whole(asked.get("limit"), SHOWN), 1), MOST_SHOWN)
    where, start, stop = _search(console, asked)
    found = await operations.newest_records(
        console.pipeline,
        topic,
        where=where,
        start=start,
        stop=stop,
        limit=limit,
        seconds=SEARCH_SECONDS,
    )
    rows = [_row(console, record) for record in found.records]
    if console.settings.show_personal_data and rows:
        note_view(request, f"{len(rows)} records of topic {topic}")
    return console.page(
        request,
        "messages.html",
        topic=topic,
        rows=rows,
        stopped_at=found.stopped_at,
        further=_further(asked, found.stopped_at),
        limit=limit,
        asked=dict(asked),
    )


def _further(asked: Mapping[str, str], stopped_at: datetime | None) -> str:
    """Return the query of the page that goes on looking where this one stopped."""
    return urlencode({**asked, "to": stopped_at.isoformat()}) if stopped_at else ""


def _search(
    console: Console, asked: Mapping[str, str]
) -> tuple[operations.RecordFilter | None, Any, Any]:
    """Return the conditions, where to begin and where to end; None for what is not given."""
    now = console.pipeline.clock.now()
    lines = [line.strip() for line in asked.get("where", "").splitlines() if line.strip()]
    where = operations.RecordFilter.parse(lines) if lines else None
    if where is not None and not console.settings.show_personal_data:
        _refuse_personal(where)
    start = operations.bound(_texts(asked.get("from", "")), now)
    return where, start, operations.bound(_texts(asked.get("to", "")), now)


async def _export(request: Request, console: Console, topic: str) -> Response:
    """Return all records that match as a file, the oldest first."""
    where, start, stop = _search(console, request.query_params)

    async def rows() -> AsyncIterator[dict[str, Any]]:
        count = 0
        try:
            async for record in operations.read_records(
                console.pipeline, topic, where=where, start=start, stop=stop
            ):
                count += 1
                yield _row(console, record)
        finally:
            if console.settings.show_personal_data and count:
                note_view(request, f"{count} exported records of topic {topic}")

    found = await begun(rows())
    if request.query_params["as"] == "json":
        return as_json_lines(found, topic)
    return as_csv(found, ["partition", "offset", "time", "key", "value"], topic)


def _refuse_personal(where: operations.RecordFilter) -> None:
    """See that a search does not say what the page hides.

    Raises:
        UsageError: A condition is about a field of a person.
    """
    for condition in where.conditions:
        if any(is_personal(part) for part in condition.path.split(".")):
            raise UsageError(
                f"{condition.path} is personal data, which this console hides; start it with "
                "--show-personal-data to search for it"
            )


def _texts(text: str) -> list[str]:
    return [text.strip()] if text.strip() else []


def _whole(text: str | None, otherwise: int) -> int:
    return int(text) if text and text.isascii() and text.isdigit() else otherwise


def _row(console: Console, record: Record) -> dict[str, Any]:
    value = json_value(record.value)
    shown = console.hide(value) if value is not None else _text(console, record.value)
    return {
        "partition": record.partition,
        "offset": record.offset,
        "time": published_at(record.timestamp),
        "key": _text(console, record.key),
        "headers": {name: _text(console, content) for name, content in record.headers},
        "value": shown,
    }


def _text(console: Console, content: bytes | None) -> str | None:
    if content is None:
        return None
    return console.hide_text(content.decode("utf-8", "replace"))
