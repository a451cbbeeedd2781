"""What a table is. Tables are declared here or by a plugin, never inferred from rows."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from attrs import field, frozen

from claimx_pipeline.delta.column_types import (
    BOOL,
    DATE,
    DOUBLE,
    INT,
    LONG,
    STRING,
    TIMESTAMP,
    ColumnType,
    arrow_type,
)
from claimx_pipeline.notebook_html import html_table

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "BOOL",
    "BUCKETS",
    "DATE",
    "DOUBLE",
    "INT",
    "LONG",
    "STRING",
    "TIMESTAMP",
    "Column",
    "ColumnType",
    "TableSpec",
    "bucket_of",
]

BUCKETS = 16
"""Over how many ``_bucket`` partitions the rows of a table are spread, if the settings do not
say: ``tables.buckets``."""


def bucket_of(key: str, buckets: int = BUCKETS) -> int:
    """Return the bucket of a key, the same in tables and in the messages of entity rows."""
    return zlib.crc32(key.encode()) % buckets


@frozen
class Column:
    """One column."""

    name: str
    """Name of the column."""
    declared: ColumnType | pa.DataType = field(alias="type")
    """Its type as it was declared."""
    nullable: bool = field(default=True, kw_only=True)
    """Whether it may be empty."""
    bookkeeping: bool = field(default=False, kw_only=True)
    """Tells about the processing, not about the claim.

    Two tables have the same contents when all other columns agree.
    """
    kept: bool = field(default=False, kw_only=True)
    """Merge: the first row that has it sets it, and no later one changes it."""
    doc: str = field(default="", kw_only=True)
    """What the column means, for people: one phrase."""
    source: str = field(default="", kw_only=True)
    """Where its value comes from, for people; `` ` `` marks names as in Markdown."""
    plugin: str = field(default="", kw_only=True)
    """The plugin that added it to a table of the pipeline; the pipeline fills this in."""

    @property
    def type(self) -> pa.DataType:
        """The Arrow type."""
        return arrow_type(self.declared)


_ROW_HASH = Column(
    "_row_hash",
    STRING,
    bookkeeping=True,
    doc="Tells whether a row has changed, so that an unchanged one is not written again",
    source="the columns that are not bookkeeping",
)


def _bucket(column: str, buckets: int) -> Column:
    source = f"a hash of {column}, modulo {buckets}"
    doc = "Bucket of the row; narrows a search for one project to one partition"
    return Column("_bucket", INT, bookkeeping=True, doc=doc, source=source)


@frozen(kw_only=True)
class TableSpec:
    """One table: its columns, its key, and how a second row of one key is treated."""

    name: str
    """Name of the table."""
    summary: str
    """What one row is, in one line."""
    columns: tuple[Column, ...]
    """Its columns, in order."""
    mode: Literal["append", "merge"]
    """``append`` adds rows, ``merge`` keeps one row a key."""
    key: tuple[str, ...]
    """Merge: one row per key. Append: one row per key too, unless ``dedupe`` is off."""
    partition_by: tuple[str, ...] = ()
    """Columns by whose values its files are kept apart."""
    bucket_column: str | None = None
    """The column whose bucket partitions the table; adds the column ``_bucket``."""
    buckets: int = BUCKETS
    """Over how many buckets; the pipeline fills in ``tables.buckets``."""
    event_time: str | None = None
    """Append: the column that bounds the search for an earlier row of the key."""
    dedupe: bool = True
    """How rows that come again are recognised."""
    answer_time: str | None = None
    """Merge: when the source answered. A row replaces columns only if its time is later."""
    event_columns: Mapping[str, str] = field(factory=dict)
    """Merge: column to the column with the time of the event that set it.

    What an event said is replaced only by what a later event says.
    """
    age: str | None = None
    """The column with the time from which retention counts how old a row is; of an append table
    ``event_time`` if not given. A table without one keeps all its rows."""
    doc: str = ""
    """More about the table, for people: who writes it, and what to know when reading it."""
    plugin: str = ""
    """The plugin that added it to a domain; the pipeline fills this in."""

    def __attrs_post_init__(self) -> None:
        names = [column.name for column in self.columns]
        single = (self.bucket_column, self.event_time, self.answer_time, self.age)
        mentioned = [*self.key, *self.partition_by, *filter(None, single)]
        mentioned += [*self.event_columns, *self.event_columns.values()]
        unknown = sorted(set(mentioned) - set(names) - {"_bucket"})
        if unknown or len(set(names)) != len(names):
            raise ValueError(
                f"table {self.name!r} repeats a column or names unknown ones: {unknown}"
            )

    def bucket_of(self, value: object) -> int:
        """Return the bucket of a row whose bucket column has *value*."""
        return bucket_of(str(value), self.buckets)

    def column(self, name: str) -> Column:
        """Return the column called *name*."""
        return next(column for column in self.columns if column.name == name)

    def stored_columns(self) -> tuple[Column, ...]:
        """Return the columns as they are in the table, those of the writer included."""
        extra = [_ROW_HASH] if self.mode == "merge" else []
        if self.bucket_column:
            extra.append(_bucket(self.bucket_column, self.buckets))
        return (*self.columns, *extra)

    def schema(self) -> pa.Schema:
        """Return the Arrow schema of the stored table."""
        import pyarrow as pa  # noqa: PLC0415 - workers without tables do without it

        return pa.schema(
            [pa.field(c.name, c.type, nullable=c.nullable) for c in self.stored_columns()]
        )

    def partitions(self) -> tuple[str, ...]:
        """Return the partition columns of the stored table."""
        return ("_bucket", *self.partition_by) if self.bucket_column else self.partition_by

    def aged_by(self) -> str | None:
        """Return the column that retention goes by; None if the table keeps all its rows."""
        found = self.age or (self.event_time if self.mode == "append" else None)
        if found is None:
            return None
        import pyarrow as pa  # noqa: PLC0415 - slow, and declaring a table does without it

        return found if pa.types.is_timestamp(self.column(found).type) else None

    def why_kept(self) -> str:
        """Return why no row can be too old; empty if one can."""
        if self.aged_by() is not None:
            return ""
        if self.mode == "merge":
            return "it keeps the latest state of each key, so it has no retention"
        return "no column says how old a row is, so it has no retention"

    def identity(self) -> tuple[str, ...]:
        """Return the columns that tell stored rows apart: the key and what buckets it.

        An entity never moves to another project, so this is the key; were one to, it
        would get a second row instead of one that no merge finds again.
        """
        return tuple(dict.fromkeys([*self.key, *filter(None, [self.bucket_column])]))

    def _repr_html_(self) -> str:
        rows = [[each.name, str(each.type), each.doc] for each in self.stored_columns()]
        caption = f"{self.name}: {self.summary}"
        return html_table(("column", "type", "what it means"), rows, caption=caption)

    def key_of(self, values: Mapping[str, Any]) -> tuple[Any, ...]:
        """Return the key of a row."""
        return tuple(values.get(name) for name in self.key)
