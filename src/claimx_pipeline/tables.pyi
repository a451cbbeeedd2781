from .delta.importing.old_table import (
    OldColumn,
    OldTable,
    old_columns,
    with_words,
)
from .delta.importing.progress import (
    Counts,
    ImportState,
)
from .delta.location import (
    TableLocation,
)
from .delta.maintenance import (
    Maintained,
    Size,
)
from .delta.querying.queries import (
    NamedQuery,
    Parameter,
)
from .delta.rows import (
    TableRow,
)
from .delta.schemas import SchemaChange
from .delta.spec import (
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
from .delta.store import (
    TableFacts,
    TableStore,
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
    "Counts",
    "ImportState",
    "Maintained",
    "NamedQuery",
    "OldColumn",
    "OldTable",
    "Parameter",
    "SchemaChange",
    "Size",
    "TableFacts",
    "TableLocation",
    "TableRow",
    "TableSpec",
    "TableStore",
    "old_columns",
    "with_words",
]
