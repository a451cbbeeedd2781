"""What hooks are called with that are not about one event: dead letters, rows, readiness."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from attrs import define, evolve, field

from claimx_pipeline.hooks.hands import Hands, HandsOn


@define(kw_only=True)
class Moment(HandsOn):
    """What every such hook is called with."""

    worker: str
    """Name of the worker."""
    headers: dict[str, str] = field(factory=dict)
    """Headers of everything that the plugins publish."""
    hops: int = 0
    """How many plugins' messages led here."""
    _reader: Any = field(default=None, init=False, repr=False, eq=False)
    _hands: Hands | None = field(default=None, init=False, repr=False, eq=False)

    @property
    def cause(self) -> str:
        """What the hook is called about, the same whenever it is called again for it."""
        raise NotImplementedError

    @property
    def event_id(self) -> str:
        """What is used as an event's id in what plugins publish: the cause."""
        return self.cause

    @property
    def event_type(self) -> str:
        """The kind of moment, since there is no event."""
        return type(self).__name__

    @property
    def domain(self) -> str:
        """Empty: plugins of every domain hear of it."""
        return ""

    @property
    def key(self) -> str:
        """Key of what plugins publish if they give none: the worker's name."""
        return self.worker

    @property
    def key_name(self) -> str:
        """The word for the key."""
        return "worker"

    def copy(self) -> Self:
        """Return a copy with headers of its own; its facts cannot be changed."""
        return evolve(self, headers=dict(self.headers))

    def adopt(self, changed: Self) -> None:
        """Take over headers."""
        self.headers = changed.headers

    def lend(self, hands: Hands | None) -> None:
        """Give the plugin that is called what it may use; None takes it back."""
        self._hands = hands


@define(kw_only=True)
class DeadLetterContext(Moment):
    """A record that became a dead letter just now."""

    topic: str
    """Topic of dead letters, by its logical name."""
    origin: str
    """``topic/partition/offset`` where the record first appeared."""
    group: str
    """Consumer group that failed on it."""
    kind: str
    """``record``, or ``plugin`` if a plugin failed on a good record."""
    plugin: str
    """That plugin; empty if ``kind`` is ``record``."""
    category: str
    """Of the failure: ``permanent``, ``bug`` and so on."""
    error_type: str
    """Class of the error."""
    error: str
    """The sentence, without credentials."""
    attempts: int
    """How often the record was tried."""
    first_failed: str
    """ISO 8601."""
    record_key: bytes | None
    """Key of the record."""
    record_value: bytes | None = field(repr=False)
    """Value of the record."""
    replayed_from: str = ""
    """The dead letter that it was before it was replayed; empty if it was none."""

    @property
    def cause(self) -> str:
        """Where the record first appeared, who failed on it, and after which replay."""
        return f"{self.group}|{self.origin}|{self.plugin}|{self.replayed_from}"


@define(kw_only=True)
class RowsCommitted(Moment):
    """Rows that are in the tables now."""

    tables: Mapping[str, int]
    """Table to the number of rows that records of the batch brought for it."""
    positions: Mapping[str, int]
    """``topic/partition`` to the offset up to which its records are in the tables."""

    @property
    def cause(self) -> str:
        """The worker, and how far it is."""
        at = ",".join(f"{where}={offset}" for where, offset in sorted(self.positions.items()))
        return f"{self.worker}|{at}"


@define(kw_only=True)
class WorkerReadiness(Moment):
    """Whether a worker takes records, which has changed, or is still not so."""

    state: str
    """``ready``, ``degraded`` (it takes records, some fail), ``starting``, ``waiting``,
    ``failed``, as ``/health/ready`` says it."""
    reason: str
    """Why, for what is not ``ready``."""
    before: str
    """The state before; the same if it is called again because the worker is still not ready."""
    seconds: float
    """For how long the worker has not been ready; 0 once it is."""
    since: str
    """When the state changed, ISO 8601."""

    @property
    def ready(self) -> bool:
        """Whether the worker takes records."""
        return self.state in ("ready", "degraded")

    @property
    def cause(self) -> str:
        """The worker, its state and since when."""
        return f"{self.worker}|{self.state}|{self.since}|{self.seconds:.0f}"
