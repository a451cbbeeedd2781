"""``docs/reference/tables.md``, made from the declarations of all tables.

``python -m tests.pages.tables`` writes it again.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from claimx_pipeline.claimx.tables import TABLES
from claimx_pipeline.tables import (
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
from itel_cabinet_plugin import tables as itel

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "tables.md"
COMMAND = "python -m tests.pages.tables"

HEAD = """\
# Tables

Every Delta table that the pipeline and the iTel cabinet plugin keep, column by column. This page
is made from the tables' declarations by `{command}`; a test fails when it is
out of date. On an installation, `claimx-run tables list` says where each table is and
`claimx-run tables describe NAME` shows its columns, those of other plugins' tables too.

- **Times** are UTC, to the microsecond. **Null** means that nothing is known.
- **Merged** tables have one row per key. A null never overwrites a value. Other columns are
  replaced only by a row whose answer time is later; what an event said, only by a later event.
- **Appended** tables keep one row per key too: a row whose key is there already is not added.
- *Bookkeeping* columns tell about the processing: they may differ when the same events are
  processed again. All others agree then.
"""

TYPES = {
    STRING: "string",
    LONG: "long",
    INT: "int",
    DOUBLE: "double",
    BOOL: "boolean",
    DATE: "date",
    TIMESTAMP: "timestamp",
}


def tables() -> tuple[TableSpec, ...]:
    """Return every table that the two distributions declare."""
    return (*TABLES, itel.TASK_TRACKING, itel.FORMS, itel.ATTACHMENTS, itel.SUBMISSIONS)


def page() -> str:
    """Return the page."""
    return "\n".join([HEAD.format(command=COMMAND), *_contents(), *map(section, tables())])


def _contents() -> Iterator[str]:
    yield "| table | one row per | what it is |"
    yield "|---|---|---|"
    for spec in tables():
        yield f"| [`{spec.name}`](#{spec.name}) | {_names(spec.key)} | {_plain(spec.summary)} |"
    yield ""


def section(spec: TableSpec) -> str:
    """Return the part about one table."""
    about = f"`{spec.name}`: {_plain(spec.summary)}. {spec.doc}"
    lines = [f"## `{spec.name}`", "", about, "", *_facts(spec), ""]
    lines += ["| column | type | meaning | where the value comes from | |", "|---|---|---|---|---|"]
    lines += [_row(spec, column) for column in spec.stored_columns()]
    return "\n".join([*lines, ""])


def _facts(spec: TableSpec) -> Iterator[str]:
    how = "merged into" if spec.mode == "merge" else "appended to"
    yield f"- Rows are {how} it; key {_names(spec.key)}."
    if spec.partitions():
        yield f"- Partitioned by {_names(spec.partitions())}."
    if spec.answer_time:
        yield f"- Answer time `{spec.answer_time}`."
    if spec.event_time:
        yield f"- Event time `{spec.event_time}`."


def _row(spec: TableSpec, column: Column) -> str:
    meaning, source = _plain(column.doc), column.source
    name, type_ = f"`{column.name}`", _type(column.type)
    return f"| {name} | {type_} | {meaning} | {source} | {', '.join(_marks(spec, column))} |"


def _marks(spec: TableSpec, column: Column) -> Iterator[str]:
    if column.name in spec.key:
        yield "**key**"
    if column.name in spec.partitions():
        yield "partition"
    if not column.nullable:
        yield "never null"
    if column.kept:
        yield "never changed"
    if column.bookkeeping:
        yield "bookkeeping"
    time = spec.event_columns.get(column.name)
    if time:
        yield f"by the event's time (`{time}`)" if time != column.name else "by the event's time"


def _type(type_: pa.DataType) -> str:
    return TYPES[type_]


def _names(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _plain(text: str) -> str:
    return text.removesuffix(".").replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
