"""What goes wrong while a table is written, and whether another try can help.

deltalake raises few types, and most storage failures differ by text alone. So a
failure of the storage is ``transient`` whatever it says: the batch is held and tried
again, and nothing is dead-lettered because a disk is full or a token has expired.
"""

from __future__ import annotations

from attrs import define, field
from deltalake.exceptions import (
    CommitFailedError,
    DeltaError,
    DeltaProtocolError,
    SchemaMismatchError,
)

from claimx_pipeline.errors import Category, ClaimxError, RecordError


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


def write_error(table: str, error: BaseException) -> TableWriteError:
    """Return *error*, raised while writing *table*, as what the runtime understands."""
    return TableWriteError(first_line(error), _category(error), table=table)


def first_line(error: BaseException) -> str:
    """Return the message of *error* without the Rust backtrace that may follow it."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _category(error: BaseException) -> Category:
    if isinstance(error, (SchemaMismatchError, DeltaProtocolError)):
        return Category.PERMANENT
    if isinstance(error, (CommitFailedError, DeltaError, OSError, TimeoutError)):
        return Category.TRANSIENT
    return Category.BUG
