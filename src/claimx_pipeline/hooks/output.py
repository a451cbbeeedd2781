"""What commands print: tables, JSON, errors. Data goes to stdout, all else to stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec


def print_json(value: Any) -> None:
    """Print *value* as one JSON document."""
    encoded = msgspec.json.format(msgspec.json.encode(value, enc_hook=str), indent=2)
    sys.stdout.write(encoded.decode() + "\n")


def print_table(rows: Iterable[Mapping[str, Any]], columns: Sequence[str], title: str = "") -> None:
    """Print rows: a drawn table on a terminal, tab-separated lines elsewhere."""
    if not sys.stdout.isatty():
        sys.stdout.write("\t".join(columns) + "\n")
        for row in rows:
            cells = (shown(row.get(column)) for column in columns)
            sys.stdout.write("\t".join(cell.replace("\t", " ") for cell in cells) + "\n")
        return
    draw_table(rows, columns, title)


def draw_table(rows: Iterable[Mapping[str, Any]], columns: Sequence[str], title: str = "") -> None:
    """Print rows as a drawn table, wherever the output goes."""
    from rich.box import SIMPLE  # noqa: PLC0415 - most output is not drawn
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    table = Table(title=title or None, title_justify="left", header_style="bold", box=SIMPLE)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(shown(row.get(column)) for column in columns))
    Console().print(table)


def shown(value: Any) -> str:
    """Return a cell as a person reads it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(shown(item) for item in value)
    return str(value)


def note(text: str) -> None:
    """Print a line for the person at the keyboard, beside the data."""
    sys.stderr.write(text + "\n")
