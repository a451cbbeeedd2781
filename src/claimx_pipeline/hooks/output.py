"""What commands print: tables, CSV, JSON, errors. Data goes to stdout, all else to stderr."""

from __future__ import annotations

import csv as csv_module
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from claimx_pipeline.errors import UsageError
from claimx_pipeline.hooks.cells import of_csv, shown
from claimx_pipeline.hooks.manner import manner


def print_json(value: Any) -> None:
    """Print *value* as one JSON document."""
    encoded = msgspec.json.format(msgspec.json.encode(value, enc_hook=str), indent=2)
    sys.stdout.write(encoded.decode() + "\n")


def with_snake_keys(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return *facts* with each key that has blanks a second time, in snake case.

    The keys with blanks were the first ones; version 0.2 prints both, the next one drops them.
    """
    snake = {key.replace(" ", "_"): value for key, value in facts.items() if " " in key}
    return {**facts, **snake}


def print_csv(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Print rows as CSV with a header line; a null is an empty cell, a time is ISO 8601."""
    writer = csv_module.writer(sys.stdout, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([of_csv(row.get(column)) for column in columns] for row in rows)


def print_rows(  # noqa: PLR0913 - one for each form
    rows: Sequence[Mapping[str, Any]],
    columns: Sequence[str],
    title: str = "",
    *,
    json: bool = False,
    csv: bool = False,
    vertical: bool = False,
    spare: Sequence[str] = (),
) -> bool:
    """Print rows in the form that was asked for, and say whether a person reads it.

    Args:
        rows: What to print; as JSON with all its keys.
        columns: Which of its values otherwise, in this order.
        title: What one looks at, for a person.
        json: As one JSON document.
        csv: As CSV.
        vertical: As records, one line per column.
        spare: Columns that a table may leave out where the terminal is too narrow.

    Raises:
        UsageError: Two forms are asked for.
    """
    asked = [name for name, on in (("json", json), ("csv", csv), ("vertical", vertical)) if on]
    if len(asked) > 1:
        raise UsageError(f"--{' and --'.join(asked)} exclude each other; give one of them")
    if json:
        print_json(rows)
    elif csv:
        print_csv(rows, columns)
    else:
        print_table(rows, columns, title, vertical=vertical, spare=spare)
    return not (json or csv)


def print_table(
    rows: Iterable[Mapping[str, Any]],
    columns: Sequence[str],
    title: str = "",
    *,
    vertical: bool = False,
    spare: Sequence[str] = (),
) -> None:
    """Print rows: a drawn table on a terminal, tab-separated lines elsewhere.

    Args:
        rows: What to print.
        columns: Which of its values, in this order.
        title: What one looks at; on a terminal only.
        vertical: As records, one line per column, wherever the output goes.
        spare: Columns that a table may leave out where the terminal is too narrow.
    """
    if sys.stdout.isatty() or vertical:
        draw_table(rows, columns, title, vertical=vertical, spare=spare)
        return
    sys.stdout.write("\t".join(columns) + "\n")
    for row in rows:
        cells = (shown(row.get(column)) for column in columns)
        sys.stdout.write("\t".join(cell.replace("\t", " ") for cell in cells) + "\n")


def draw_table(
    rows: Iterable[Mapping[str, Any]],
    columns: Sequence[str],
    title: str = "",
    *,
    vertical: bool = False,
    spare: Sequence[str] = (),
) -> None:
    """Print rows as ``print_table`` does on a terminal, wherever the output goes."""
    from claimx_pipeline.hooks.drawing import bold, laid_out  # noqa: PLC0415 - not all is drawn

    lines, left_out = laid_out([*rows], columns, vertical=vertical, spare=spare)
    if title:
        lines = [bold(title), "", *lines]
    sys.stdout.write("\n".join([*lines, ""]) + "\n" if title else "\n".join(lines) + "\n")
    if left_out:
        sys.stdout.flush()
        note(f"columns left out for want of width: {', '.join(left_out)} (--vertical shows them)")


def note(text: str) -> None:
    """Print a line for the person at the keyboard, beside the data; not with ``--quiet``."""
    if not manner.quiet:
        sys.stderr.write(text + "\n")


def warn(text: str) -> None:
    """Print a line on stderr that is also read with ``--quiet``: a warning or an error."""
    sys.stderr.write(text + "\n")
