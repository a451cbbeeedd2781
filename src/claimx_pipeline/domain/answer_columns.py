"""Columns whose values are in an API's answer, declared with where and how they are read."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from attrs import define, field, frozen

from claimx_pipeline.delta.spec import Column, ColumnType
from claimx_pipeline.domain.entities import EntityRow
from claimx_pipeline.redaction import redacted

if TYPE_CHECKING:
    import pyarrow as pa

logger = logging.getLogger(__name__)

Read = Callable[[Any], Any]
"""Returns what a single value of an answer means, None if it says nothing.

Raises one of ``UNREADABLE`` for a value that it cannot read without changing its meaning.
"""
UNREADABLE = (ValueError, TypeError, ArithmeticError)

_SHOWN = 60
"""Characters of an unreadable value that are logged."""


@frozen
class Part:
    """A part of an answer that is read as one, for example the first of its phones."""

    name: str
    """What it is called in messages."""
    of: str
    """What it is, for the reference page: `` of the first phone``."""


ANSWER = Part("", "")
"""The answer itself."""
APART = Part("apart", "")
"""Read by itself, before there is a row: an id that the row is found or made by."""


@frozen
class Field:
    """One column and where its value is: ``project.mfn | project.masterFilename``."""

    column: str
    """The column that it fills."""
    spelled: str
    """Where in the answer its value is."""
    read: Read
    """Turns what is there into the column's value."""
    paths: tuple[tuple[str, ...], ...] = field(init=False)
    """Spellings; the first that says anything counts."""

    @paths.default
    def _paths(self) -> tuple[tuple[str, ...], ...]:
        return tuple(tuple(path.split(".")) for path in self.spelled.split(" | "))

    def described(self) -> str:
        """Return the spellings as the reference page shows them."""
        return ", else ".join(f"`{path}`" for path in self.spelled.split(" | "))


@frozen(kw_only=True)
class AnsweredColumn(Column):
    """A column that is read from parts of an answer."""

    fields: Mapping[str, Field] = field(factory=dict, eq=False)
    """Part of the answer to where in it the value is."""


def answered(  # noqa: PLR0913 - one column, side by side with where it comes from
    name: str,
    type: ColumnType | pa.DataType,  # noqa: A002 - as Column calls it
    spelled: str,
    read: Read,
    *,
    doc: str,
    part: Part = ANSWER,
    otherwise: str = "",
    nullable: bool = True,
    bookkeeping: bool = False,
) -> AnsweredColumn:
    """Declare a column that is read from one part of an answer.

    Args:
        name: The column.
        type: Its type in the table.
        spelled: Where the value is: names joined by dots, spellings by `` | ``.
        read: What the value means.
        doc: What the column means, for the reference page.
        part: The part of the answer that *spelled* begins in.
        otherwise: What the value is if the answer does not say it.
        nullable: Whether a row may be without it.
        bookkeeping: Whether it tells about the processing, not about the claim.
    """
    return gathered(
        name,
        type,
        {part: (spelled, read)},
        doc=doc,
        also=otherwise and f"otherwise {otherwise}",
        nullable=nullable,
        bookkeeping=bookkeeping,
    )


def gathered(  # noqa: PLR0913 - one column, side by side with where it comes from
    name: str,
    type: ColumnType | pa.DataType,  # noqa: A002 - as Column calls it
    where: Mapping[Part, tuple[str, Read]],
    *,
    doc: str,
    also: str = "",
    nullable: bool = True,
    bookkeeping: bool = False,
) -> AnsweredColumn:
    """Declare a column that is read from one of several parts, whichever a row is made of.

    Args:
        name: The column.
        type: Its type in the table.
        where: Part to where in it the value is, and how it is read.
        doc: What the column means, for the reference page.
        also: Where else its value comes from, in words.
        nullable: Whether a row may be without it.
        bookkeeping: Whether it tells about the processing, not about the claim.
    """
    fields = {part: Field(name, *found) for part, found in where.items()}
    sources = [f"{each.described()}{part.of}" for part, each in fields.items()]
    return AnsweredColumn(
        name,
        type,
        nullable=nullable,
        bookkeeping=bookkeeping,
        doc=doc,
        source="; ".join(filter(None, [*sources, also])),
        fields={part.name: each for part, each in fields.items()},
    )


@define
class Unreadable:
    """Counts the values that could not be read and logs each field's first one.

    Such a value is null in its row, which is kept for all that it says besides.
    """

    counts: Counter[tuple[str, str]] = field(factory=Counter)
    """By kind of entity and column."""
    added: Mapping[tuple[str, str], tuple[Field, ...]] = field(factory=dict)
    """Columns that plugins added, by kind of entity and part of the answer: read as well."""
    report: Callable[[str, str], None] = lambda _, __: None
    """Called with kind and column of each; metrics count them."""

    def note(self, kind: str, column: str, value: Any, why: str) -> None:
        """Count a value; log it if it is the first of its field."""
        self.counts[kind, column] += 1
        self.report(kind, column)
        if self.counts[kind, column] > 1:
            return
        shown = redacted(repr(value))[:_SHOWN] if isinstance(value, (str, int, float)) else "…"
        logger.warning(
            "the API's value for %s of %s cannot be read and is left out: a %s, %s: %s; "
            "further ones are counted only",
            column,
            kind,
            type(value).__name__,
            shown,
            redacted(why),
        )


def read_row(
    kind: str, fields: Sequence[Field], answer: Mapping[str, Any], unreadable: Unreadable
) -> EntityRow:
    """Return the columns that *fields* name, with None for what *answer* does not say."""
    row: EntityRow = {}
    for each in fields:
        row[each.column] = read_field(kind, each, answer, unreadable)
    return row


def read_field(kind: str, each: Field, answer: Mapping[str, Any], unreadable: Unreadable) -> Any:
    """Return the value of one column, None if *answer* does not say it."""
    for path in each.paths:
        found: Any = answer
        for name in path:
            if isinstance(found, dict):
                found = found.get(name)
            elif found is not None:
                unreadable.note(kind, each.column, found, f"an object with {name!r} belongs here")
                found = None
        if found is None:
            continue
        try:
            value = each.read(found)
        except UNREADABLE as error:
            unreadable.note(kind, each.column, found, str(error) or type(error).__name__)
            continue
        if value is not None:
            return value
    return None


def object_in(
    kind: str, answer: Mapping[str, Any], name: str, unreadable: Unreadable
) -> dict[str, Any]:
    """Return the object *name* of *answer*, an empty one if there is none."""
    found = answer.get(name)
    if isinstance(found, dict):
        return found
    if found is not None:
        unreadable.note(kind, name, found, "an object belongs here")
    return {}


def objects_in(
    kind: str, answer: Mapping[str, Any], name: str, unreadable: Unreadable
) -> list[dict[str, Any]]:
    """Return the objects of the list *name* of *answer*."""
    found = answer.get(name)
    if not isinstance(found, list):
        if found is not None:
            unreadable.note(kind, name, found, "a list belongs here")
        return []
    for item in found:
        if not isinstance(item, dict):
            unreadable.note(kind, name, item, "an object belongs here")
    return [item for item in found if isinstance(item, dict)]
