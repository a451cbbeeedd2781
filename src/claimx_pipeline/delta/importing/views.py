"""SQL views with the names and types of the former tables, over ours."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Literal

import pyarrow as pa
from attrs import frozen

from claimx_pipeline.delta.importing.old_table import OldColumn, OldTable, OldType
from claimx_pipeline.delta.spec import TableSpec

Dialect = Literal["duckdb", "spark", "tsql"]
DIALECTS: tuple[Dialect, ...] = ("duckdb", "spark", "tsql")

YES = ("yes", "true", "1")
"""Words that the former system took for true."""


@frozen(kw_only=True)
class Sql:
    """How one dialect says what views need."""

    types: Mapping[OldType, str]
    quote: Callable[[str], str]
    table: Callable[[str, str], str]
    """Location and name of our table to what comes after FROM."""
    moment: str
    """A time as ISO 8601 text in UTC, ``+00:00`` at its end; ``{}`` is the column."""
    whole: str
    """A number without its fraction; ``{}`` is the column."""
    true: str
    false: str
    opening: str
    """Statement that makes the schema."""
    create: str
    """Beginning of a view's definition."""
    closing: str
    """After each statement."""


def _double_quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


_SQL: Mapping[Dialect, Sql] = {
    "duckdb": Sql(
        types={
            "string": "VARCHAR",
            "long": "BIGINT",
            "int": "INTEGER",
            "double": "DOUBLE",
            "bool": "BOOLEAN",
            "timestamp": "TIMESTAMPTZ",
            "date": "DATE",
        },
        quote=_double_quoted,
        table=lambda uri, _name: f"delta_scan({_literal(uri)})",
        # Without a session's time zone: microseconds since 1970 name the moment itself.
        moment=(
            "strftime(make_timestamp(epoch_us({0})), '%Y-%m-%dT%H:%M:%S') || "
            "CASE WHEN epoch_us({0}) % 1000000 = 0 THEN '' "
            "ELSE strftime(make_timestamp(epoch_us({0})), '.%f') END || '+00:00'"
        ),
        whole="CAST(trunc({}) AS INTEGER)",
        true="TRUE",
        false="FALSE",
        opening="CREATE SCHEMA IF NOT EXISTS {};",
        create="CREATE OR REPLACE VIEW",
        closing=";",
    ),
    "spark": Sql(
        types={
            "string": "STRING",
            "long": "BIGINT",
            "int": "INT",
            "double": "DOUBLE",
            "bool": "BOOLEAN",
            "timestamp": "TIMESTAMP",
            "date": "DATE",
        },
        quote=lambda name: "`" + name.replace("`", "``") + "`",
        table=lambda uri, _name: "delta.`" + uri.replace("`", "``") + "`",
        moment=(
            "concat(replace(CAST(TIMESTAMP_NTZ '1970-01-01 00:00:00' + make_dt_interval(0, 0, 0, "
            "CAST(unix_micros({0}) / 1000000BD AS DECIMAL(18, 6))) AS STRING), ' ', 'T'), "
            "'+00:00')"
        ),
        whole="CAST({} AS INT)",
        true="TRUE",
        false="FALSE",
        opening="CREATE SCHEMA IF NOT EXISTS {};",
        create="CREATE OR REPLACE VIEW",
        closing=";",
    ),
    "tsql": Sql(
        types={
            "string": "varchar(8000)",
            "long": "bigint",
            "int": "int",
            "double": "float",
            "bool": "bit",
            "timestamp": "datetime2(6)",
            "date": "date",
        },
        quote=lambda name: "[" + name.replace("]", "]]") + "]",
        table=lambda _uri, name: f"[dbo].[{name}]",
        moment="CONVERT(varchar(33), {}, 126) + '+00:00'",
        whole="CAST({} AS int)",
        true="CAST(1 AS bit)",
        false="CAST(0 AS bit)",
        opening="IF SCHEMA_ID({name}) IS NULL EXEC('CREATE SCHEMA {0}');",
        create="CREATE OR ALTER VIEW",
        closing="\nGO",
    ),
}


def view_statements(
    tables: Iterable[tuple[OldTable, TableSpec, str]], dialect: Dialect, schema: str
) -> list[str]:
    """Return the statements that make a schema with a view for each former table.

    Args:
        tables: Former tables, each with ours and the location of ours.
        dialect: Whose SQL.
        schema: The views' schema; they have the names of our tables, so it must be another.
    """
    sql = _SQL[dialect]
    quoted = sql.quote(schema)
    statements = [sql.opening.format(quoted, name=_literal(schema)) + sql.closing.lstrip(";")]
    for old, spec, uri in tables:
        columns = ",\n  ".join(
            f"{_expression(column, spec, sql)} AS {sql.quote(column.name)}"
            for column in old.columns
        )
        where = f"\nWHERE {old.where}" if old.where else ""
        statements.append(
            f"{sql.create} {quoted}.{sql.quote(old.name)} AS\nSELECT\n  {columns}\n"
            f"FROM {sql.table(uri, old.name)}{where}{sql.closing}"
        )
    return statements


def _expression(column: OldColumn, spec: TableSpec, sql: Sql) -> str:
    kind = sql.types[column.type]
    if column.target is None:
        return f"CAST(NULL AS {kind})"
    name, ours = sql.quote(column.target), spec.column(column.target).type
    if pa.types.is_timestamp(ours) and column.type == "string":
        return sql.moment.format(name)
    if pa.types.is_floating(ours) and column.type == "int":
        return sql.whole.format(name)
    if pa.types.is_string(ours):
        return _of_text(column, name, kind, sql)
    return f"CAST({name} AS {kind})"


def _of_text(column: OldColumn, name: str, kind: str, sql: Sql) -> str:
    """Return the expression of a column that is text here."""
    if column.type == "bool":
        words = ", ".join(map(_literal, YES))
        # What is neither, "Not Available" say, was false there.
        return (
            f"CASE WHEN {name} IS NULL THEN NULL WHEN lower({name}) IN ({words}) "
            f"THEN {sql.true} ELSE {sql.false} END"
        )
    if column.words:
        swapped = " ".join(
            f"WHEN {_literal(ours)} THEN {_literal(theirs)}"
            for theirs, ours in column.words.items()
        )
        return f"CASE {name} {swapped} ELSE {name} END"
    cast = "CAST" if column.type == "string" else "TRY_CAST"
    return f"{cast}({name} AS {kind})"
