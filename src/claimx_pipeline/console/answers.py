"""Answers that are files: JSON lines and CSV, cell by cell as spreadsheets take them."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
from starlette.responses import Response, StreamingResponse

Rows = Iterable[Mapping[str, Any]] | AsyncIterator[Mapping[str, Any]]
PIECE_BYTES: Final = 64 * 1024
_NONE: Final = object()

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def as_json_lines(rows: Rows, name: str) -> Response:
    """Return *rows* as a file with one JSON value a line; it begins before all rows are there."""

    async def lines() -> AsyncIterator[bytes]:
        async for row in _each(rows):
            yield msgspec.json.encode(row, enc_hook=str) + b"\n"

    return _file(lines(), "application/x-ndjson", f"{name}.jsonl")


def as_csv(rows: Rows, columns: Sequence[str], name: str) -> Response:
    """Return *rows* as a CSV file; it begins before all rows are there.

    A text that a spreadsheet would take for a formula gets an apostrophe in front.
    """

    async def lines() -> AsyncIterator[bytes]:
        yield _csv_line(columns)
        async for row in _each(rows):
            yield _csv_line([_harmless(row.get(column)) for column in columns])

    return _file(lines(), "text/csv; charset=utf-8", f"{name}.csv")


async def begun(rows: AsyncIterator[Any]) -> AsyncIterator[Any]:
    """Return *rows* once the first is there, so that what fails at once is answered as an error."""
    first = await anext(rows, _NONE)

    async def again() -> AsyncIterator[Any]:
        if first is not _NONE:
            yield first
        async for row in rows:
            yield row

    return again()


async def _each(rows: Rows) -> AsyncIterator[Any]:
    if isinstance(rows, Iterable):
        for row in rows:
            yield row
    else:
        async for row in rows:
            yield row


def _csv_line(cells: Sequence[str]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerow(cells)
    return out.getvalue().encode()


def _harmless(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, (dict, list)):
        value = msgspec.json.encode(value, enc_hook=str).decode()
    text = str(value)
    return f"'{text}" if isinstance(value, str) and text.startswith(_FORMULA) else text


def _file(lines: AsyncIterator[bytes], kind: str, name: str) -> Response:
    safe = "".join(sign if sign.isalnum() or sign in "._-" else "_" for sign in name)
    headers = {"content-disposition": f'attachment; filename="{safe}"'}
    return StreamingResponse(_pieces(lines), media_type=kind, headers=headers)


async def _pieces(lines: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Join lines: the first goes out at once, the others some hundred at a time."""
    kept: list[bytes] = []
    size, least = 0, 1
    async for line in lines:
        kept.append(line)
        size += len(line)
        if size >= least:
            yield b"".join(kept)
            kept, size, least = [], 0, PIECE_BYTES
    yield b"".join(kept)
