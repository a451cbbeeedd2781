"""``claimx-run query``: ask the tables with SQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from claimx_pipeline import operations
from claimx_pipeline.cli import completing
from claimx_pipeline.cli.asked import CSV, JSON, VERTICAL
from claimx_pipeline.cli.context import CommandLine
from claimx_pipeline.errors import UsageError
from claimx_pipeline.hooks.output import note, print_rows

if TYPE_CHECKING:
    from claimx_pipeline.pipeline import Pipeline

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def query(
    context: typer.Context,
    sql: Annotated[
        str | None, typer.Argument(metavar="[SQL]", help="One statement that reads.")
    ] = None,
    name: Annotated[
        str | None,
        typer.Option("--name", "-n", help="Ask a named query.", autocompletion=completing.queries),
    ] = None,
    param: Annotated[
        list[str] | None, typer.Option("--param", "-p", help="NAME=VALUE for a named query.")
    ] = None,
    list_: Annotated[bool, typer.Option("--list", help="List the named queries.")] = False,
    json: JSON = False,
    csv: CSV = False,
    vertical: VERTICAL = False,
) -> None:
    """Ask the tables with SQL.

    Besides what DataFusion offers, DATEDIFF(unit, start, end) counts whole units and
    DATEDIFF(end, start) days of the calendar.
    'claimx-run tables list' shows the tables, 'DESCRIBE table' its columns.
    """
    from claimx_pipeline.delta.querying.answer import shown_rows

    command_line: CommandLine = context.obj
    pipeline = command_line.pipeline()
    if list_:
        _print_queries(pipeline, json=json, csv=csv, vertical=vertical)
        return
    if (sql is None) == (name is None):
        raise UsageError("give either SQL or --name; 'claimx-run query --list' shows the names")
    if sql is not None and param:
        raise UsageError("--param goes with --name")
    if sql is not None:
        answer = operations.query(pipeline, sql)
    else:
        answer = operations.named_query(pipeline, name or "", _parameters(param or []))
    rows = shown_rows(answer)
    if print_rows(rows, answer.column_names, json=json, csv=csv, vertical=vertical):
        note(f"{len(rows)} {'row' if len(rows) == 1 else 'rows'}")


def _print_queries(pipeline: Pipeline, *, json: bool, csv: bool, vertical: bool) -> None:
    rows = [
        {
            "name": query.name,
            "summary": query.summary,
            "parameters": [parameter.name for parameter in query.parameters],
            "sql": query.sql,
        }
        for _, query in sorted(pipeline.queries.items())
    ]
    title = f"{len(rows)} named queries; 'query --name NAME' asks one"
    columns = ["name", "summary", "parameters"]
    print_rows(rows, columns, title, json=json, csv=csv, vertical=vertical)


def _parameters(texts: Sequence[str]) -> dict[str, str]:
    values = {}
    for pair in texts:
        key, equals, value = pair.partition("=")
        if not equals:
            raise UsageError(f"--param {pair!r} is not of the form NAME=VALUE")
        values[key] = value
    return values
