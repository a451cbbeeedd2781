"""How records are printed: one JSON object per line, or as people read them."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import msgspec

from claimx_pipeline.operations import ShownRecord
from claimx_pipeline.runtime.process import stop_on_signals

if TYPE_CHECKING:
    from claimx_pipeline.broker.protocol import Record

HEX_BYTES = 256
"""Of a value that is not text, this much is shown; ``--json`` has it all."""


async def print_records(records: AsyncIterator[Record], *, headers: bool, json: bool) -> int:
    """Print records as they come, until they end or a signal comes; return how many."""
    count = 0

    async def print_all() -> None:
        nonlocal count
        async for record in records:
            sys.stdout.write(line_of(record) if json else readable(record, headers=headers))
            sys.stdout.flush()
            count += 1

    task = asyncio.create_task(print_all())

    def stop() -> None:
        task.cancel()

    async with stop_on_signals(stop):
        with contextlib.suppress(asyncio.CancelledError):  # a signal: what was read is printed
            await task
    return count


def line_of(record: Record) -> str:
    """Return a record as one line of JSON."""
    return msgspec.json.encode(ShownRecord(record).as_json()).decode() + "\n"


def readable(record: Record, *, headers: bool = True) -> str:
    """Return a record as a person reads it: when, where and its key; its headers; its value."""
    shown = ShownRecord(record)
    known = shown.as_json()
    when = shown.published
    time = f"{when:%Y-%m-%d %H:%M:%S}.{when.microsecond // 1000:03}" if when else "(no time)"
    key = "no key" if known["key"] is None else f"key {known['key']}"
    lines = [f"{time}  {shown.location}  {key}"]
    if headers:
        lines += [f"  {each['name']}: {each['value']}" for each in known["headers"]]
    return "\n".join([*lines, f"  {_value(record.value, known)}", ""])


def _value(content: bytes | None, known: dict[str, object]) -> str:
    if content is None:
        return "(no value: a tombstone)"
    if known["value_encoding"] == "base64":
        more = "" if len(content) <= HEX_BYTES else f" ... {len(content)} bytes in all"
        return content[:HEX_BYTES].hex(" ", 4) + more
    value = known["value"]
    return bytes(value).decode() if isinstance(value, msgspec.Raw) else str(value) or "(empty)"
