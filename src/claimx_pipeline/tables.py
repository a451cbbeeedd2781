"""What a table is declared with, and a named query about tables."""

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
    "NamedQuery",
    "Parameter",
    "TableRow",
    "TableSpec",
]
