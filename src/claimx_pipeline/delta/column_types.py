"""The types that columns have. Naming one loads nothing; Arrow makes it when it is first used."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from attrs import define

if TYPE_CHECKING:
    import pyarrow as pa


@define(frozen=True, eq=False, slots=False, repr=False)
class ColumnType:
    """A type of a column. It equals the Arrow type of its name."""

    name: str
    """As Arrow writes it."""

    @cached_property
    def arrow(self) -> pa.DataType:
        """The Arrow type."""
        import pyarrow as pa  # noqa: PLC0415 - workers without tables do without it

        if self.name == "timestamp[us, tz=UTC]":
            return pa.timestamp("us", tz="UTC")
        return pa.type_for_alias(self.name)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, ColumnType):
            return self.name == other.name
        return bool(self.arrow == other)

    def __hash__(self) -> int:
        # That of an Arrow type is that of its text.
        return hash(self.name)

    def __repr__(self) -> str:
        return self.name


TIMESTAMP = ColumnType("timestamp[us, tz=UTC]")
STRING = ColumnType("string")
LONG = ColumnType("int64")
INT = ColumnType("int32")
DOUBLE = ColumnType("double")
BOOL = ColumnType("bool")
DATE = ColumnType("date32[day]")


def arrow_type(declared: Any) -> pa.DataType:
    """Return the Arrow type of a column that was declared with *declared*, of either kind."""
    return declared.arrow if isinstance(declared, ColumnType) else declared
