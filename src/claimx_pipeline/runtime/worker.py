"""What a worker is: a name, the topics it reads and writes, and what it does to a batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import (
    TYPE_CHECKING,
    Any,
    Generic,
    Literal,
    Protocol,
    TypeVar,
    runtime_checkable,
)

from attrs import define, evolve, field, frozen
from attrs.validators import ge, gt, optional

from claimx_pipeline.broker.protocol import Admin, Broker, Record
from claimx_pipeline.errors import Problem
from claimx_pipeline.runtime.outcome import Outcome
from claimx_pipeline.runtime.retry_ladder import RetryLadder, plugin_ladder
from claimx_pipeline.settings.tree.retry import RetrySettings
from claimx_pipeline.settings.tree.settings import Settings
from claimx_pipeline.settings.tree.workers import WorkerSettings
from claimx_pipeline.topics import BRAND, Topic, TopicUse, Topology

if TYPE_CHECKING:
    from claimx_pipeline.runtime.resources import Resources

M = TypeVar("M")


@define
class Received(Generic[M]):
    """A record and the message it holds."""

    record: Record
    """The record, as the broker gave it."""
    message: M
    """What ``decode`` made of it."""


class Processor(Protocol):
    """The work of one worker. One instance serves one member of the group."""

    async def open(self) -> None:
        """Get ready; called once, before the first batch."""
        ...

    def decode(self, record: Record) -> Any:
        """Return the message in *record*.

        Raises:
            DecodeError: The record can never be read. It alone is dead, the others go on.
        """
        ...

    async def process(self, batch: Sequence[Received[Any]]) -> Sequence[Outcome]:
        """Return one outcome per record, in the order of *batch*.

        The next batch may be handed in while this one is under way.

        An exception that may be one record's (a defect, or a permanent failure) makes each
        record of the batch be handed in alone, and counts for those that fail so; one that
        passes by itself counts for every record of the batch. A processor that catches what
        concerns one record only saves its neighbours the second time.
        """
        ...

    async def close(self) -> None:
        """Release what was opened; called once, also after a failed start."""
        ...


@runtime_checkable
class KnowsAssignment(Protocol):
    """A processor that is to know when its member owns other partitions."""

    def assigned(self) -> None:
        """Note it; called before the first record of a new assignment."""
        ...


class Intake(Protocol):
    """The way to an input that is not a topic."""

    def broker(self, resources: Resources) -> Broker:
        """Return the broker that the worker's members read from."""
        ...

    async def left(self, admin: Admin, topology: Topology, since: int) -> int:
        """Return 0 if nothing was left to read when it was last looked at.

        Args:
            admin: Of the broker.
            topology: What topics are called.
            since: Offset of the topic that the worker reads: what was noted before does not count.
        """
        ...


@runtime_checkable
class Rechecked(Protocol):
    """A broker of an ``Intake`` whose input may be one that cannot be read on."""

    async def recheck(self) -> None:
        """See that it can be read on.

        Raises:
            StartRefusedError: It cannot; a person has to put something right.
            BrokerUnavailableError: It does not answer.
        """
        ...


@frozen(kw_only=True)
class WorkerSpec:
    """Declares a worker; the runtime does the rest."""

    name: str
    """What it is called on the command line, in settings and metrics."""
    summary: str
    """One line for ``claimx-run worker --list``."""
    group: str
    """Consumer group; one per worker, so that one failing never holds another."""
    reads: tuple[Topic, ...]
    """Topics that it reads."""
    writes: tuple[Topic, ...] = ()
    """Topics that it publishes to, besides retries and dead letters."""
    tables: tuple[str, ...] = ()
    """Tables written, parents before children: they are written in this order."""
    family: str | None = None
    """Prefix of the retry topics through which a failing record returns. If it is left out, a
    worker that calls a service has the family of its own name, so that one record that fails does
    not hold those behind it, and any other worker waits."""
    waits: bool = False
    """Whether it has no retry topics although it calls a service: a record whose failure may pass
    then waits in its partition, and so does what is behind it. For order that may not be broken."""
    retry: RetryLadder | None = None
    """The ladder of ``family``: its topics and their delays. The pipeline puts it here once,
    from ``retry.delays_seconds`` and ``retry.families``; a plugin leaves it out."""
    plugin_retry: RetryLadder | None = None
    """The ladder of records that come back for one plugin alone, for a worker that ``calls``
    hooks. The pipeline puts it here; a plugin leaves it out."""
    dead_letters: Topic | None = None
    """Where records go that can never work; None for a worker that stops at them."""
    drains: tuple[str, ...] = ()
    """Families of which it reads every retry topic that exists on the broker, so that one whose
    delay the settings no longer have is read until it is empty."""
    dead_letters_of: Mapping[str, Topic] = field(factory=dict)
    """For a worker that serves several: topic read, to where its dead records go instead."""
    outage: Literal["wait", "detour", "dead_letter"] = "wait"
    """Whether records wait in their partition while a service is unavailable; wait in a retry
    topic, so that those for other services go on; or climb the ladder and become dead letters."""
    calls: tuple[str, ...] = ()
    """Hooks that it calls while records flow; plugins that listen are loaded with it."""
    serves: Callable[[WorkerSpec, Sequence[WorkerSpec]], WorkerSpec | None] | None = None
    """For a worker that exists for the others: returns it as they need it, given all of them,
    or None if none does. None for every other worker."""
    intake: Intake | None = None
    """For a worker whose input is not a topic: the way to it. The topic that it reads then holds
    how far it is. None for every other worker."""
    build: Callable[[Resources], Processor]
    """Makes the processor; may only look at settings, must not connect."""
    batch_size: int = field(default=100, validator=ge(1))
    """Records taken at once, at most."""
    in_flight: int | None = field(default=None, validator=optional(ge(1)))
    """Records worked on and not settled yet, at most; five batches if not given.

    With tables it is two batches: one is written while the next is worked on.
    """
    linger_seconds: float = field(default=0.0, validator=ge(0))
    """How long a batch may wait to fill; 0 takes what is there."""
    needs: tuple[str, ...] = ()
    """Dotted prefixes of the settings it uses; a ``${VAR}`` under them must resolve."""
    check: Callable[[Settings], Sequence[Problem]] = field(default=lambda _: ())
    """Says what is missing in the settings before this worker can start."""
    sets: frozenset[str] = frozenset()
    """Named sets it belongs to: ``claimx-run worker claimx`` starts all of set ``claimx``."""
    domain: str = BRAND
    """The domain whose events its records are about; correlation ids are made of it."""
    formerly: frozenset[str] = frozenset()
    """What it was called in earlier systems; settings that say so are pointed to its name."""
    batch_seconds: float = field(default=300.0, validator=gt(0))
    """A batch that gets nowhere for this long counts as stuck: the process is not live."""
    stop_seconds: float = field(default=8.0, validator=gt(0))
    """How long a stopping worker may take to finish what is in flight."""

    @property
    def calls_a_service(self) -> bool:
        """Whether ``needs`` name a connection, or an API of a domain."""
        return any(need.startswith("connections.") or need.endswith(".api") for need in self.needs)

    @property
    def own_family(self) -> str | None:
        """Prefix of its retry topics, its own name if it calls a service and does not say one."""
        if self.family or self.waits:
            return None if self.waits else self.family
        reads_a_topic = self.intake is None and self.serves is None
        return self.name if reads_a_topic and self.calls_a_service else None

    @property
    def stops_at_dead(self) -> bool:
        """Whether it has no topic for dead letters, and so cannot get past a dead record."""
        return self.dead_letters is None and not self.dead_letters_of

    def ladders(self) -> tuple[RetryLadder, ...]:
        """Return the ladders that its records climb."""
        return tuple(each for each in (self.retry, self.plugin_retry) if each is not None)

    def topics(self) -> TopicUse:
        """Return every topic it reads and writes, retries and dead letters included."""
        written = [*self.writes, *(each for ladder in self.ladders() for each in ladder.topics())]
        if self.dead_letters is not None:
            written.append(self.dead_letters)
        written += {topic.name: topic for topic in self.dead_letters_of.values()}.values()
        return TopicUse(self.name, self.reads, tuple(written), self.dead_letters)

    def with_settings(self, given: WorkerSettings, retry: RetrySettings) -> WorkerSpec:
        """Return the worker with what the settings say of it, and its retry ladders."""
        size, linger = given.batch_size, given.linger_seconds
        family = self.own_family
        return evolve(
            self,
            batch_size=self.batch_size if size is None else size,
            linger_seconds=self.linger_seconds if linger is None else linger,
            outage=given.outage or self.outage,
            family=family,
            retry=RetryLadder(family, retry.delays_of(family)) if family else None,
            plugin_retry=plugin_ladder(retry)
            if any(hook.startswith("claimx_") for hook in self.calls)
            else None,
        )
