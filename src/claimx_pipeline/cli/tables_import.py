"""``claimx-run tables import`` and ``tables views``: what a former system left."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
import typer

from claimx_pipeline import operations
from claimx_pipeline.cli import completing
from claimx_pipeline.cli.context import CommandLine
from claimx_pipeline.cli.live import following
from claimx_pipeline.hooks.output import note, print_json

if TYPE_CHECKING:
    from claimx_pipeline.delta.importing.progress import ImportState
    from claimx_pipeline.operations import ImportedTable


def import_(
    context: typer.Context,
    *,
    source: Annotated[
        str, typer.Option("--from", metavar="PATH", help="Folder or URL of the former table.")
    ],
    table: Annotated[
        str,
        typer.Option(
            "--table", metavar="NAME", help="Our table.", autocompletion=completing.tables
        ),
    ],
    work: Annotated[
        Path | None,
        typer.Option(
            help="Folder for the report and meanwhile for the rows.  [claimx-import/NAME]"
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Read and judge every row, write none.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Copy a table of the predecessor into ours, which is created if it is missing.

    Doubles become one row by the rules that hold for every writer, so workers may go on, and
    a second import changes nothing. One that was killed goes on where it was: type it again.
    """
    command_line: CommandLine = context.obj
    pipeline = command_line.pipeline()
    with following(pipeline.clock) as say:
        done = asyncio.run(
            operations.import_table(
                pipeline,
                source,
                table,
                dry_run=dry_run,
                work=work,
                on_slice=lambda state: say(_so_far(state)),
            )
        )
    if json:
        print_json(_facts(done))
        return
    _print(done)


def views(
    context: typer.Context,
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME]...", help="Tables; all that the predecessor had."),
    ] = None,
    *,
    dialect: Annotated[Literal["duckdb", "spark", "tsql"], typer.Option(help="Whose SQL.")],
    schema: Annotated[str, typer.Option(help="Where the views are.")] = "predecessor",
) -> None:
    """Print SQL that makes views with the predecessor's names and types over our tables."""
    command_line: CommandLine = context.obj
    statements = operations.old_table_views(
        command_line.pipeline(), *(names or ()), dialect=dialect, schema=schema
    )
    typer.echo("\n\n".join(statements))


def _so_far(state: ImportState) -> str:
    return f"{state.counts.rows:,} rows, part {state.done} of {state.slices}"


def _print(done: ImportedTable) -> None:
    counts = done.counts
    verb = "would be in" if done.dry_run else "new or changed in"
    typer.echo(
        f"{done.table}: {counts.rows} rows of version {done.version} of {done.source}; "
        f"{counts.written} {verb} ours, {counts.unchanged} say nothing new, {counts.doubles} are "
        f"doubles of others, {counts.refused} refused; {counts.values_left_out} values left out"
    )
    for column, count in done.zoneless.items():
        note(f"{column}: {count} times name no time zone; they were read as UTC")
    for column in done.left_out:
        note(f"{column}: our table has no column for it; it is left out")
    if counts.refused or counts.values_left_out or done.left_out:
        note(f"what did not fit, with the reason of each: {done.report}")


def _facts(done: ImportedTable) -> dict[str, Any]:
    counts: dict[str, Any] = msgspec.to_builtins(done.counts)
    return {
        "table": done.table,
        "source": done.source,
        "version": done.version,
        "dry_run": done.dry_run,
        **counts,
        "zoneless": dict(done.zoneless),
        "columns_left_out": list(done.left_out),
        "report": str(done.report),
    }
