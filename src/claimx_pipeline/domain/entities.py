"""The rows that an event brings, by kind of entity."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from keyword import iskeyword
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self, TypeVar

from attrs import define, field, fields_dict

EntityRow = dict[str, Any]
"""Column name to value; the columns are those of the kind's table."""


class RowsByKind:
    """Rows of each kind, parents before children; ``rows.projects`` is a list of rows.

    What the rows of every domain have in common. A domain's own class is made from its list
    of kinds by ``rows_of`` and has an attribute for each.
    """

    __slots__ = ()
    singulars: ClassVar[dict[str, str]] = {}
    """What the first row of a kind is called, to the kind."""
    _kinds: ClassVar[tuple[str, ...]] = ()

    if TYPE_CHECKING:

        def __init__(self, *rows: list[EntityRow], **by_kind: list[EntityRow]) -> None: ...

        def __getattr__(self, kind: str) -> list[EntityRow]: ...

        def __setattr__(self, kind: str, rows: list[EntityRow]) -> None: ...

    @classmethod
    def kinds(cls) -> tuple[str, ...]:
        """Return the names of the kinds, parents first."""
        return cls._kinds

    def items(self) -> Iterator[tuple[str, list[EntityRow]]]:
        """Yield each kind with its rows, parents first."""
        for kind in self.kinds():
            yield kind, getattr(self, kind)

    def count(self) -> int:
        """Return how many rows there are."""
        return sum(len(rows) for _, rows in self.items())

    def copied(self, copy: Callable[[EntityRow], EntityRow]) -> Self:
        """Return these rows with lists of their own, each row as *copy* returns it."""
        return type(self)(**{kind: [copy(row) for row in rows] for kind, rows in self.items()})


class Named(Protocol):
    """Something with a name."""

    @property
    def name(self) -> str:
        """The name."""
        ...


R = TypeVar("R", bound=RowsByKind)


def rows_of(kinds: Sequence[Named]) -> Callable[[type[R]], type[R]]:
    """Return a decorator that gives a class of rows an attribute for each of *kinds*.

    The class can be compared, shown and copied, and is made with the kinds as keywords.

    Applied to a subclass of such a class it adds *kinds* after those of its base.

    Raises:
        ValueError: A kind has the name of something that every class of rows has, or one that
            cannot be written as ``rows.<name>``, or two have one name.
    """
    names: set[str] = set()
    for kind in kinds:
        if not _can_be_attribute(kind.name):
            raise ValueError(f"an entity kind cannot be called {kind.name!r}; choose another name")
        if kind.name in names:
            raise ValueError(f"there are two entity kinds {kind.name!r}; rename one")
        names.add(kind.name)

    def made(rows: type[R]) -> type[R]:
        rows = define(these={kind.name: field(factory=list) for kind in kinds})(rows)
        named = {single: kind.name for kind in kinds if (single := getattr(kind, "singular", ""))}
        rows.singulars = {**rows.singulars, **named}
        rows._kinds = tuple(fields_dict(rows))  # type: ignore[arg-type] # noqa: SLF001 - its class
        return rows

    return made


def _can_be_attribute(name: str) -> bool:
    valid = name.isidentifier() and not iskeyword(name) and not name.startswith("_")
    return valid and not hasattr(RowsByKind, name)
