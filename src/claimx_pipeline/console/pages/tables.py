"""Tables with schema, rows and versions, and questions to them in SQL."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from claimx_pipeline import operations
from claimx_pipeline.console import drawing
from claimx_pipeline.console.access import note_view
from claimx_pipeline.console.answers import as_csv, as_json_lines
from claimx_pipeline.console.rendering import Console
from claimx_pipeline.delta.querying.query import AnswerLimits
from claimx_pipeline.errors import ClaimxError

LIMITS: Final = AnswerLimits(rows=10_000, bytes=32 * 1024 * 1024, seconds=20.0)
SHOWN: Final = 200
VERSIONS: Final = 20
_BARS = 2
"""A result of this many columns, the second of numbers, is drawn as well."""


async def tables(request: Request) -> Response:
    """List the tables: what is in them, where they are, what is wrong with them."""
    console = Console.of(request)
    return console.page(
        request, "tables.html", tables=await operations.list_tables(console.pipeline)
    )


async def table(request: Request) -> Response:
    """Show one table: its columns and some of its rows."""
    console = Console.of(request)
    name = request.path_params["table"]
    described = await operations.describe_table(console.pipeline, name)
    rows: list[dict[str, Any]] = []
    versions: list[operations.TableVersion] = []
    if described.listed.created and not described.listed.error:
        versions = await operations.table_versions(console.pipeline, name, limit=VERSIONS)
        rows = await _answer(console, f'SELECT * FROM "{name}" LIMIT 20')  # noqa: S608 - a declared name
    if rows and console.settings.show_personal_data:
        note_view(request, f"{len(rows)} rows of table {name}")
    return console.page(request, "table.html", table=described, rows=rows, versions=versions)


async def query(request: Request) -> Response:
    """Answer a question in SQL."""
    console = Console.of(request)
    sql = request.query_params.get("sql", "").strip()
    kind = request.query_params.get("as", "")
    rows: list[dict[str, Any]] = []
    error = ""
    if sql:
        try:
            rows = await _answer(console, sql)
        except ClaimxError as refused:
            error = str(refused)
    if rows and console.settings.show_personal_data:
        note_view(request, f"{len(rows)} rows of a query")
    columns = list(rows[0]) if rows else []
    if rows and kind == "json":
        return as_json_lines(rows, "query")
    if rows and kind == "csv":
        return as_csv(rows, columns, "query")
    return console.page(
        request,
        "query.html",
        code=400 if error else 200,
        sql=sql,
        error=error,
        rows=rows[:SHOWN],
        count=len(rows),
        columns=columns,
        plot=_plot(rows, columns),
        named=sorted(console.pipeline.queries.values(), key=lambda each: each.name),
        tables=sorted(console.pipeline.tables),
    )


async def _answer(console: Console, sql: str) -> list[dict[str, Any]]:
    answer = await asyncio.to_thread(
        operations.query,
        console.pipeline,
        sql,
        limits=LIMITS,
        hidden=console.hidden_columns,
    )
    return [console.hide(row) for row in answer.to_pylist()]


def _plot(rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> Markup | None:
    """Return a picture of a result of names and numbers."""
    if len(columns) != _BARS or not 1 < len(rows) <= drawing.MOST_BARS:
        return None
    values = [row[columns[1]] for row in rows]
    if not all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values):
        return None
    names = [str(row[columns[0]]) for row in rows]
    return Markup(drawing.bars(names, values, f"{columns[1]} by {columns[0]}"))  # noqa: S704 - drawing escapes
