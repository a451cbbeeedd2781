"""What a table is declared with, what a former table looks like, and a named query."""

from claimx_pipeline.delta.importing.old_table import OldColumn, OldTable, old_columns, with_words
from claimx_pipeline.delta.querying.queries import NamedQuery, Parameter
from claimx_pipeline.delta.rows import TableRow
from claimx_pipeline.delta.spec import (
    BOOL,
    DATE,
    DOUBLE,
    INT,
    LONG,
    STRING,
    TIMESTAMP,
    Column,
    ColumnType,
    TableSpec,
)

__all__ = [
    "BOOL",
    "DATE",
    "DOUBLE",
    "INT",
    "LONG",
    "STRING",
    "TIMESTAMP",
    "Column",
    "ColumnType",
    "NamedQuery",
    "OldColumn",
    "OldTable",
    "Parameter",
    "TableRow",
    "TableSpec",
    "old_columns",
    "with_words",
]
