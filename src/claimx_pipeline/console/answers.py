"""Answers that are files: JSON lines and CSV, cell by cell as spreadsheets take them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from starlette.responses import Response

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def as_json_lines(rows: Iterable[Any], name: str) -> Response:
    """Return *rows* as a file with one JSON value a line."""
    lines = b"".join(msgspec.json.encode(row, enc_hook=str) + b"\n" for row in rows)
    return _file(lines, "application/x-ndjson", f"{name}.jsonl")


def as_csv(rows: Iterable[Mapping[str, Any]], columns: Sequence[str], name: str) -> Response:
    """Return *rows* as a CSV file.

    A text that a spreadsheet would take for a formula gets an apostrophe in front.
    """
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_harmless(row.get(column)) for column in columns])
    return _file(out.getvalue().encode(), "text/csv; charset=utf-8", f"{name}.csv")


def _harmless(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, (dict, list)):
        value = msgspec.json.encode(value, enc_hook=str).decode()
    text = str(value)
    return f"'{text}" if isinstance(value, str) and text.startswith(_FORMULA) else text


def _file(content: bytes, kind: str, name: str) -> Response:
    safe = "".join(sign if sign.isalnum() or sign in "._-" else "_" for sign in name)
    return Response(
        content, media_type=kind, headers={"content-disposition": f'attachment; filename="{safe}"'}
    )
