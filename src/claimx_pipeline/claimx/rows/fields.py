"""Where in an API answer each column's value stands, and how a row is read by that."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from attrs import define, field, frozen

from claimx_pipeline.claimx.entities import EntityRow
from claimx_pipeline.claimx.events import Event
from claimx_pipeline.claimx.rows.values import UNREADABLE
from claimx_pipeline.connections.redact import redacted

logger = logging.getLogger(__name__)

_SHOWN = 60
"""Characters of an unreadable value that are logged."""

Path = tuple[str, ...]


def _paths(spelled: str) -> tuple[Path, ...]:
    return tuple(tuple(path.split(".")) for path in spelled.split(" | "))


@frozen
class Field:
    """One column and where its value stands: ``project.mfn | project.masterFilename``."""

    column: str
    paths: tuple[Path, ...] = field(converter=_paths)
    """Spellings; the first that says anything counts."""
    read: Callable[[Any], Any]


@define
class Unreadable:
    """Counts the values that could not be read and logs each field's first one.

    Such a value is null in its row, which is kept for all that it says besides.
    """

    counts: Counter[tuple[str, str]] = field(factory=Counter)
    """By kind of entity and column."""

    def note(self, kind: str, column: str, value: Any, why: str) -> None:
        """Count a value; log it if it is the first of its field."""
        self.counts[kind, column] += 1
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


@frozen
class Provenance:
    """What rows are made from, told in their bookkeeping columns."""

    event: Event
    answered_at: datetime | None
    """When the API answered; None for what the event alone says."""
    made_at: datetime
    unreadable: Unreadable

    def stamp(self) -> EntityRow:
        """Return the bookkeeping columns that every keyed table has."""
        return {
            "event_id": self.event.event_id,
            "created_at": self.made_at,
            "updated_at": self.made_at,
            "last_enriched_at": self.answered_at,
        }


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
