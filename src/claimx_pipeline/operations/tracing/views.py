"""What a trace shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from attrs import asdict, field, frozen

Kind = Literal[
    "raw event",
    "task to enrich",
    "rows to store",
    "file to fetch",
    "fetched file",
    "result of a file",
    "action",
    "retry",
    "dead letter",
    "message",
    "row",
]
"""What a station is; an action is a webhook or what a domain's API is asked to do, a message is a
plugin's or a worker's of your own."""


@frozen(kw_only=True)
class Reader:
    """A worker that reads the topic of a station, and whether it is past it."""

    worker: str
    """Name of the worker."""
    done: bool
    """Whether it is past it."""
    before: int = 0
    """Offsets that it has to read before, if it is not."""


@frozen(kw_only=True)
class Station:
    """A record, or a row of a table."""

    kind: Kind
    """What it is."""
    at: datetime | None
    """When it was published, or when the row was made; None if that is not known."""
    where: str
    """``topic/partition/offset``, or the table and the version from which on it has the row."""
    about: str
    """What it says, in one line."""
    event_id: str = ""
    """Of the event that it is about, where it says so."""
    readers: Sequence[Reader] = ()
    """Workers that read it there."""
    facts: Mapping[str, Any] = field(factory=dict)
    """More about it: attempts, due, error, outcome and so on."""


@frozen(kw_only=True)
class Now:
    """Something that is not finished, or how it ended."""

    state: Literal["done", "waits", "dead", "unknown"]
    """What becomes of it."""
    what: str
    """Where it is, and what it waits for."""
    remedy: str = ""
    """What to do; empty if there is nothing to do."""
    since: datetime | None = None
    """Since when."""


@frozen(kw_only=True)
class Trace:
    """All stations in time order, and where things are now."""

    subject: str
    """What was looked for."""
    at: datetime
    """When it was looked for."""
    events: Sequence[str]
    """Ids of the events that the stations are about, the oldest first."""
    stations: Sequence[Station]
    """Where it was found, in the order of the flow."""
    now: Sequence[Now]
    """What becomes of it."""
    seconds: float
    """How long the search took."""
    cut: bool = False
    """There is more than is shown."""
    notes: Sequence[str] = ()
    """What could not be looked at, and why."""

    @property
    def found(self) -> bool:
        """Whether there is any station."""
        return bool(self.stations)

    def as_json(self) -> dict[str, Any]:
        """Return it as ``claimx-run trace --json`` prints it."""
        return asdict(self, value_serializer=_plain)


def _plain(_: Any, __: Any, value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
