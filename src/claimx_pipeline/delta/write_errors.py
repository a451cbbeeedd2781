"""How the runtime sees that a table could not be written; the engine is not needed for it."""

from __future__ import annotations

from attrs import define, field

from claimx_pipeline.errors import Category, ClaimxError, RecordError, TableError


@define
class TableWriteError(RecordError):
    """A batch could not be written to a table; none of its rows is known to be in."""

    table: str = field(default="", kw_only=True)

    def __str__(self) -> str:
        return f"table {self.table!r}: {self.reason}"


@define
class TableFencedError(ClaimxError):
    """A partition's rows are written to the table by another worker now; nothing was written.

    The worker drops its batch, leaves its partitions and joins its group again.
    """

    table: str
    reason: str

    def __str__(self) -> str:
        return f"table {self.table!r}: {self.reason}"


@define
class TableUnusableError(TableError):
    """A table is there, or may be, and the engine cannot work with it; the reason says why."""

    category: Category = Category.TRANSIENT
    """Whether another try can help, as of a failure to write."""
