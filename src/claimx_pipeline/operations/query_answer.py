"""The answer to a question in SQL, as whatever its reader works with."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from attrs import frozen

from claimx_pipeline.delta.querying.answer import shown_rows
from claimx_pipeline.errors import UsageError
from claimx_pipeline.hooks.cells import is_number, shown
from claimx_pipeline.hooks.drawing import laid_out
from claimx_pipeline.notebook_html import html_table

if TYPE_CHECKING:
    import pyarrow as pa

SHOWN_ROWS = 20
"""Rows that are shown of an answer; the others are counted."""


@frozen(repr=False, eq=False)
class QueryAnswer:
    """Rows that answer a question; a notebook and a prompt show the first of them.

    Whatever reads Arrow streams takes it as it is: ``polars.DataFrame(answer)``,
    ``pyarrow.table(answer)``, DuckDB.
    """

    arrow: pa.Table
    """All of it."""

    @property
    def columns(self) -> list[str]:
        """Names of the columns."""
        return list(self.arrow.column_names)

    def to_arrow(self) -> pa.Table:
        """Return the rows as a table of Arrow."""
        return self.arrow

    def to_pylist(self) -> list[dict[str, Any]]:
        """Return the rows as dicts.

        Raises:
            UsageError: A column holds what Python has no type for, not even as text.
        """
        return shown_rows(self.arrow)

    def to_pandas(self) -> Any:
        """Return the rows as a ``pandas.DataFrame``.

        Raises:
            UsageError: pandas is not installed.
        """
        _imported("pandas", "to_pandas")
        return self.arrow.to_pandas()

    def to_polars(self) -> Any:
        """Return the rows as a ``polars.DataFrame``.

        Raises:
            UsageError: polars is not installed.
        """
        return _imported("polars", "to_polars").from_arrow(self.arrow)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Hand the rows to another library as a stream of Arrow."""
        return self.arrow.__arrow_c_stream__(requested_schema)

    def __len__(self) -> int:
        return int(self.arrow.num_rows)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self.to_pylist())

    def __repr__(self) -> str:
        rows = shown_rows(self.arrow.slice(0, SHOWN_ROWS))
        lines, left_out = laid_out(rows, self.columns, vertical=False)
        hidden = [f"not shown for want of width: {', '.join(left_out)}"] if left_out else []
        return "\n".join([*lines, *hidden, self._counted()])

    def _repr_html_(self) -> str:
        rows = shown_rows(self.arrow.slice(0, SHOWN_ROWS))
        numbers = [
            any(is_number(row[each]) for row in rows) and not _has_text(rows, each)
            for each in self.columns
        ]
        cells = [[shown(row[each]) for each in self.columns] for row in rows]
        return html_table(self.columns, cells, caption=self._counted(), numbers=numbers)

    def _counted(self) -> str:
        count = len(self)
        counted = f"{count} {'row' if count == 1 else 'rows'}"
        return f"the first {SHOWN_ROWS} of {counted}" if count > SHOWN_ROWS else counted


def _has_text(rows: list[dict[str, Any]], column: str) -> bool:
    return any(row[column] is not None and not is_number(row[column]) for row in rows)


def _imported(name: str, method: str) -> ModuleType:
    try:
        return import_module(name)
    except ImportError as error:
        raise UsageError(
            f"{method}() needs {name}, which is not installed: pip install {name}; to_arrow() and "
            "to_pylist() need nothing more"
        ) from error
