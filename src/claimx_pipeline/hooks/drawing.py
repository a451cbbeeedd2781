"""How rows are laid out for a person: a table where they fit, records where they do not."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from claimx_pipeline.hooks.cells import is_number, plain, width
from claimx_pipeline.hooks.manner import manner

INDENT, GAP = "  ", "  "
PAIR = 2
"""Columns of a table of names and values, which is one at any width."""
PROSE, HEIGHT = 24, 6
"""A column of text is at least so wide, a row at most so high; beyond it records read better."""


def laid_out(
    rows: Sequence[Mapping[str, Any]],
    columns: Sequence[str],
    *,
    vertical: bool,
    spare: Sequence[str] = (),
) -> tuple[list[str], list[str]]:
    """Return the lines that show *rows* within the terminal, and the columns they leave out.

    Text wraps between words only, so that no name, id or path is torn; where even that is too
    wide, each row is a record of one line per column.

    Args:
        rows: What to show.
        columns: Which of its values, in this order.
        vertical: Records in any case.
        spare: Columns to leave out, the first first, before records are made.
    """
    wide = terminal_width()
    kept = list(columns)
    for dropped in (None, *spare):
        if dropped in kept:
            kept.remove(dropped)
        table = None if vertical else _table(rows, kept, wide)
        if table is not None:
            return table, [each for each in columns if each not in kept]
    return list(_records(rows, columns, wide)), []


def terminal_width() -> int:
    """Return how many characters a line of the terminal holds; 80 where that is not known."""
    return max(20, shutil.get_terminal_size((80, 24)).columns)


def bold(text: str) -> str:
    """Return *text* as a terminal shows it bold; as it is where that is not wanted."""
    return f"\x1b[1m{text}\x1b[0m" if manner.colours and sys.stdout.isatty() else text


def _table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], wide: int) -> Any:
    """Return the lines of a table; None if it is not one that can be read."""
    cells = [[plain(row.get(column)) for column in columns] for row in rows]
    if not columns or any("\n" in cell for line in cells for cell in line):
        return None
    full = [
        max(width(text) for text in (column, *(line[at] for line in cells)))
        for at, column in enumerate(columns)
    ]
    room = wide - len(INDENT) - len(GAP) * (len(columns) - 1)
    widths = _fitted(columns, cells, full, room)
    if widths is None:
        return None
    right = [_is_numeric(rows, column) for column in columns]
    lines = [bold(_line([[name] for name in columns], widths, right)[0])]
    lines.append(INDENT + GAP.join(_rule(each) for each in widths))
    for row in cells:
        wrapped = [_wrapped(cell, wide) for cell, wide in zip(row, widths, strict=True)]
        if len(columns) > PAIR and any(len(cell) > HEIGHT for cell in wrapped):
            return None
        lines += _line(wrapped, widths, right)
    return lines


def _fitted(
    columns: Sequence[str], cells: list[list[str]], full: list[int], room: int
) -> list[int] | None:
    """Return the columns' widths; columns of several words give way. None if they cannot."""
    if sum(full) <= room:
        return full
    least = [
        max(
            width(columns[at]),
            max((width(word) for line in cells for word in line[at].split()), default=0),
        )
        for at in range(len(columns))
    ]
    least = [min(whole, max(word, PROSE)) for whole, word in zip(full, least, strict=True)]
    if len(columns) == PAIR and full[0] <= room - PROSE:
        # A name and a value: the value may run over the edge, where the terminal wraps it.
        return [full[0], room - full[0]]
    if sum(least) > room:
        return None
    widths = list(full)
    while sum(widths) > room:
        # The one that has the most to give is narrowed first.
        at = max(range(len(widths)), key=lambda at: widths[at] - least[at])
        widths[at] -= 1
    return widths


def _wrapped(cell: str, wide: int) -> list[str]:
    if width(cell) <= wide:
        return [cell]
    return textwrap.wrap(cell, wide, break_long_words=False, break_on_hyphens=False) or [""]


def _line(
    cells: Sequence[Sequence[str]], widths: Sequence[int], right: Sequence[bool]
) -> list[str]:
    """Return the lines of one row."""
    lines = []
    for number in range(max(map(len, cells))):
        parts = []
        for cell, wide, to_right in zip(cells, widths, right, strict=True):
            text = cell[number] if number < len(cell) else ""
            blanks = " " * (wide - width(text))
            parts.append(blanks + text if to_right else text + blanks)
        lines.append((INDENT + GAP.join(parts)).rstrip())
    return lines


def _records(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], wide: int) -> Iterator[str]:
    """Yield one line per value, the rows apart from one another."""
    named = max((width(column) for column in columns), default=0)
    for number, row in enumerate(rows, 1):
        head = f"{_rule(2)} {number} of {len(rows)} "
        yield bold(INDENT + head + _rule(max(2, min(wide, 60) - len(INDENT + head))))
        for column in columns:
            lead = f"{INDENT}{column}{' ' * (named - width(column))}{GAP}"
            yield from _value(plain(row.get(column)), lead, wide)


def _value(value: str, lead: str, wide: int) -> Iterator[str]:
    """Yield the lines of one value; a word that is longer than a line is left whole."""
    room = max(PROSE, wide - len(lead))
    first = lead
    for part in value.splitlines() or [""]:
        for line in _wrapped(part, room):
            yield (first + line).rstrip()
            first = " " * len(lead)


def _is_numeric(rows: Sequence[Mapping[str, Any]], column: str) -> bool:
    values = [row.get(column) for row in rows]
    found = [value for value in values if value is not None]
    return bool(found) and all(is_number(value) for value in found)


def _rule(wide: int) -> str:
    encoding = (sys.stdout.encoding or "ascii").lower()
    return ("─" if encoding.startswith("utf") else "-") * wide
