"""What every domain's events have, and the function that reads one from a raw record."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

import msgspec

NO_PAYLOAD = msgspec.Raw(b"null")
"""Of an event whose JSON is not known: from a task that an earlier version wrote."""


class DomainEvent(Protocol):
    """An event of any domain. A domain's own attrs class has these attributes and more.

    All its fields are in the messages between workers, under their own names, so each is of
    a type that msgspec reads from JSON; one that is new has a default.
    """

    @property
    def event_id(self) -> str:
        """Id of the event, the same in all tables and messages."""
        ...

    @property
    def event_type(self) -> str:
        """Its type."""
        ...

    @property
    def key(self) -> str:
        """What it is about: events of one key stay in order. Usually a property."""
        ...

    @property
    def ingested_at(self) -> datetime:
        """When the source took it in, UTC."""
        ...

    @property
    def id_has_time(self) -> bool:
        """Whether the id was derived from ``ingested_at``, so that equal ids have equal times."""
        ...

    @property
    def payload(self) -> msgspec.Raw:
        """The JSON of the event itself, whole and without an envelope; ``null`` if not known."""
        ...


class Decode(Protocol):
    """Reads an event from a raw record; made once per process from the settings."""

    def __call__(
        self,
        value: bytes | None,
        timestamp_ms: int | None,
        origin: Callable[[], str] = ...,
        now: Callable[[], datetime] = ...,
        /,
    ) -> DomainEvent:
        """Return the event in a record's value.

        Args:
            value: The record's value.
            timestamp_ms: When the record was first published, milliseconds since 1970 UTC;
                None if that is not known.
            origin: Returns where it first appeared, ``topic/partition/offset``.
            now: Returns the time of an event that has none and whose record has none.

        Raises:
            DecodeError: It is not a valid event.
        """
        ...
