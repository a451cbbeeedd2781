"""What a table of the system before this one looks like, and what of ours each column is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from attrs import evolve, field, frozen

OldType = Literal["string", "long", "int", "double", "bool", "timestamp", "date"]
"""Type of a column there, by Spark's names."""


@frozen
class OldColumn:
    """One column of a table of the former system."""

    name: str
    """What it is called in the former table."""
    type: OldType = field(kw_only=True)
    """Its type there."""
    new: str | None = field(default="", kw_only=True)
    """Our column: of the same name if empty, none if None (views then show null)."""
    aliases: tuple[str, ...] = field(default=(), kw_only=True)
    """Names that older versions of that table have; the first that is there is read."""
    words: Mapping[Any, Any] = field(factory=dict, kw_only=True)
    """Values that are spelled in another way here: theirs to ours."""
    imported: bool = field(default=True, kw_only=True)
    """False: it is made here from other columns, and only views have theirs."""

    @property
    def target(self) -> str | None:
        """Our column; None if there is none."""
        return self.name if self.new == "" else self.new


@frozen(kw_only=True)
class OldTable:
    """A table of the former system, and how it becomes one of ours."""

    name: str
    """Our table; theirs may lie anywhere."""
    columns: tuple[OldColumn, ...]
    """In their order."""
    fallbacks: Mapping[str, tuple[str, ...]] = field(factory=dict)
    """Our column to our columns whose value it gets where it has none itself."""
    dates: Mapping[str, str] = field(factory=dict)
    """Our date column to our time whose UTC date it gets where it has none itself."""
    constants: Mapping[str, Any] = field(factory=dict)
    """Our column to the value that every imported row has."""
    derived: Mapping[str, Callable[[Mapping[str, Any]], Any]] = field(factory=dict)
    """Our column to what makes it of a row's other columns; what was read stays if that is None."""
    where: str = ""
    """SQL condition on our columns: the rows that their table would have; empty for all."""

    def read_from(self, name: str) -> OldColumn | None:
        """Return the column that a stored column called *name* is; None if it is not known."""
        for column in self.columns:
            if name in (column.name, *column.aliases):
                return column
        return None


def old_columns(kind: OldType, *names: str) -> tuple[OldColumn, ...]:
    """Return columns of one type that are called as ours."""
    return tuple(OldColumn(name, type=kind) for name in names)


def with_words(columns: tuple[OldColumn, ...], words: Mapping[Any, Any]) -> tuple[OldColumn, ...]:
    """Return *columns*, all of them with *words*."""
    return tuple(evolve(column, words=words) for column in columns)
