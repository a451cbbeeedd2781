"""``claimx-run compare``: what two tables have in common, and what not."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from claimx_pipeline import operations
from claimx_pipeline.cli import completing
from claimx_pipeline.cli.context import CommandLine
from claimx_pipeline.hooks.output import note, print_json, print_table

if TYPE_CHECKING:
    from claimx_pipeline.operations import Comparison

FAILED = 1

app = typer.Typer(add_completion=False, rich_markup_mode=None, help="Compare two tables.")


@app.command()
def compare(
    context: typer.Context,
    old: Annotated[
        str,
        typer.Argument(
            help="Folder or URL of a table, or one of ours.", autocompletion=completing.tables
        ),
    ],
    new: Annotated[
        str,
        typer.Argument(
            help="One of our tables, or a folder or URL.", autocompletion=completing.tables
        ),
    ],
    *,
    keys: Annotated[
        str, typer.Option(metavar="NAME,...", help="What tells rows apart.  [key of our table]")
    ] = "",
    columns: Annotated[
        str,
        typer.Option(metavar="NAME,...", help="Columns to compare.  [all about the claim]"),
    ] = "",
    samples: Annotated[int, typer.Option(min=0, help="Differences shown, of each kind.")] = 5,
    work: Annotated[
        Path | None, typer.Option(help="Where both tables are written meanwhile.")
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="End with 1 if there is any difference.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare two tables by their keys, and count and show the differences.

    If NEW is one of our tables, OLD may be the predecessor's: its columns are read as
    'tables import' reads them, and rows of one key count as one.
    """
    command_line: CommandLine = context.obj
    found = asyncio.run(
        operations.compare_tables(
            command_line.pipeline(),
            old,
            new,
            keys=_names(keys),
            columns=_names(columns),
            samples=samples,
            work=work,
        )
    )
    if json:
        print_json(_facts(found))
    else:
        _print(found)
    if strict and not found.same:
        raise typer.Exit(FAILED)


def _names(given: str) -> list[str]:
    return [name.strip() for name in given.split(",") if name.strip()]


def _print(found: Comparison) -> None:
    typer.echo(
        f"{found.old_rows} rows in old ({found.old_doubles} doubles), "
        f"{found.new_rows} in new ({found.new_doubles} doubles); keys: {found.equal} equal, "
        f"{found.different} different, {found.only_old} only in old, {found.only_new} only in new"
    )
    note(f"key {', '.join(found.key)}; compared {', '.join(found.columns)}")
    if found.old_unreadable:
        note(f"{found.old_unreadable} values of old cannot be read; they count as missing")
    rows = [{"column": name, "different": count} for name, count in found.by_column.most_common()]
    if rows:
        print_table(rows, ["column", "different"], "Columns that differ")
    shown = [
        {"what": each.what, "key": _text(each.key), "old": _text(each.old), "new": _text(each.new)}
        for each in found.samples
    ]
    if shown:
        print_table(shown, ["what", "key", "old", "new"], "Samples")


def _text(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in values.items())


def _facts(found: Comparison) -> dict[str, Any]:
    return {
        "key": list(found.key),
        "columns": list(found.columns),
        "old_rows": found.old_rows,
        "old_doubles": found.old_doubles,
        "old_unreadable": found.old_unreadable,
        "new_rows": found.new_rows,
        "new_doubles": found.new_doubles,
        "equal": found.equal,
        "different": found.different,
        "only_old": found.only_old,
        "only_new": found.only_new,
        "by_column": dict(found.by_column),
        "samples": [
            {"what": each.what, "key": dict(each.key), "old": dict(each.old), "new": dict(each.new)}
            for each in found.samples
        ],
    }
