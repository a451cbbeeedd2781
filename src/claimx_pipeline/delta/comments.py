"""What a stored table says of itself: a description, and a comment on each column.

Spark, Unity Catalog, DuckDB and others show them. They are in the log of the table alone: no file
of rows is written again for them, and no writer depends on them.
"""

from __future__ import annotations

from attrs import frozen
from deltalake import DeltaTable, Field, Schema

from claimx_pipeline.delta.spec import Column, TableSpec

COMMENT = "comment"
"""Key of the metadata of a column in which all readers look for it."""


@frozen
class Unexplained:
    """What a stored table does not say of itself, and is declared."""

    columns: tuple[str, ...] = ()
    """Columns without a comment."""
    described: bool = True
    """False if its description is missing, or only the first sentence of the declared one."""

    def __bool__(self) -> bool:
        return bool(self.columns) or not self.described


def description_of(spec: TableSpec) -> str:
    """Return what a table is, in a few sentences of plain text."""
    return _plain(f"{spec.summary.removesuffix('.')}. {spec.doc}" if spec.doc else spec.summary)


def fields_of(spec: TableSpec) -> list[Field]:
    """Return the fields of the stored table, each with its comment."""
    stored = Schema.from_arrow(spec.schema()).fields
    columns = {column.name: column for column in spec.stored_columns()}
    return [
        Field(each.name, each.type, nullable=each.nullable, metadata=_comment(columns[each.name]))
        for each in stored
    ]


def unexplained(spec: TableSpec, table: DeltaTable) -> Unexplained:
    """Return what *table* lacks; what others wrote there is theirs, and not lacking."""
    silent = {each.name for each in table.schema().fields if not each.metadata.get(COMMENT)}
    wanted = (each.name for each in spec.stored_columns() if each.doc and each.name in silent)
    known = table.metadata().description or ""
    replaced = known in ("", spec.summary) and known != description_of(spec)
    return Unexplained(tuple(wanted), not replaced)


def explain(spec: TableSpec, table: DeltaTable) -> None:
    """Write to *table* what it lacks, in at most two commits that change no row.

    Raises:
        CommitFailedError: Others have changed the table at the same moment.
    """
    lacking = unexplained(spec, table)
    columns = {column.name: column for column in spec.stored_columns()}
    if lacking.columns:
        # The engine adds what a column that exists lacks, all of them in one commit.
        table.alter.add_columns(
            [
                Field(
                    each.name,
                    each.type,
                    nullable=each.nullable,
                    metadata={**each.metadata, **_comment(columns[each.name])},
                )
                for each in table.schema().fields
                if each.name in lacking.columns
            ]
        )
    if not lacking.described:
        table.alter.set_table_description(description_of(spec))


def _comment(column: Column) -> dict[str, str]:
    return {COMMENT: _plain(column.doc)} if column.doc else {}


def _plain(text: str) -> str:
    return " ".join(text.replace("`", "").split())
