"""Topics, and the records in them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from claimx_pipeline import operations
from claimx_pipeline.broker.protocol import Record
from claimx_pipeline.clock import published_at
from claimx_pipeline.console.access import note_view
from claimx_pipeline.console.answers import as_csv, as_json_lines
from claimx_pipeline.console.personal import is_personal
from claimx_pipeline.console.rendering import Console
from claimx_pipeline.errors import UsageError
from claimx_pipeline.operations.record_filter import json_value

SHOWN: Final = 50
MOST_SHOWN: Final = 500
SEARCHED: Final = 20_000
"""Newest records of each partition that a search without a beginning looks at."""
SEARCH_SECONDS: Final = 8.0
"""A search that takes longer shows what it has found, and says so."""


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
    limit = min(max(_whole(asked.get("limit"), SHOWN), 1), MOST_SHOWN)
    records, complete = await _found(console, topic, asked, limit)
    rows = [_row(console, record) for record in records]
    if console.settings.show_personal_data and rows:
        note_view(request, f"{len(rows)} records of topic {topic}")
    kind = asked.get("as", "")
    if kind == "json":
        return as_json_lines(rows, topic)
    if kind == "csv":
        columns = ["partition", "offset", "time", "key", "value"]
        return as_csv(rows, columns, topic)
    return console.page(
        request,
        "messages.html",
        topic=topic,
        rows=rows,
        complete=complete,
        limit=limit,
        asked=dict(asked),
        seconds=SEARCH_SECONDS,
    )


async def _found(
    console: Console, topic: str, asked: Mapping[str, str], limit: int
) -> tuple[list[Record], bool]:
    """Return the newest records that match, the newest first, and whether all were looked at."""
    now = console.pipeline.clock.now()
    lines = [line.strip() for line in asked.get("where", "").splitlines() if line.strip()]
    where = operations.RecordFilter.parse(lines) if lines else None
    if where is not None and not console.settings.show_personal_data:
        _refuse_personal(where)
    start = operations.bound(_texts(asked.get("from", "")), now)
    stop = operations.bound(_texts(asked.get("to", "")), now)
    if start is None:
        start = {None: -SEARCHED if where else -limit}
    found: list[Record] = []
    try:
        async with asyncio.timeout(SEARCH_SECONDS):
            async for record in operations.read_records(
                console.pipeline, topic, where=where, start=start, stop=stop
            ):
                found.append(record)
                del found[:-limit]
    except TimeoutError:
        return found[::-1], False
    return found[::-1], True


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
