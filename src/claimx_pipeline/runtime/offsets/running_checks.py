"""What is checked at the start, checked while a worker runs.

At every poll that shows a gap between offsets, and every ``LOOK_SECONDS`` beside the work:
the topics are there and are the same, the log start is not beyond what was polled, the tables
are there, are the same and can be written. A rebalance is checked by ``Assignments``.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial

from attrs import define, evolve, field

from claimx_pipeline.broker.protocol import Admin, Assignment, TopicPartition
from claimx_pipeline.clock import Clock
from claimx_pipeline.delta.thread import TableThread
from claimx_pipeline.delta.write_errors import TableWriteError
from claimx_pipeline.errors import (
    BrokerError,
    BrokerUnavailableError,
    TableError,
    UnknownTopicError,
)
from claimx_pipeline.runtime.offsets.assignment import Assignments
from claimx_pipeline.runtime.offsets.gaps import Gap, Jump, overtaken
from claimx_pipeline.runtime.offsets.start_checks import (
    OffsetCheck,
    RecordsOvertakenError,
    StartRefusedError,
    guard,
    held_back,
    look_at,
)
from claimx_pipeline.runtime.resources import Resources
from claimx_pipeline.runtime.worker import Rechecked
from claimx_pipeline.telemetry.health import Pulse

log = logging.getLogger(__name__)

LOOK_SECONDS = 20.0
"""Between two looks: what is wrong shows within a minute, whatever the first one met."""

AGAIN_SECONDS = 2.0
"""Before a look that is to confirm a loss."""

SURE_LOOKS = 2
"""Looks that find nothing before a member counts as at work, whatever it owns."""

SURE_POLLS = 2
"""Polls that return nothing before a client is known to hold nothing that was deleted since."""

TABLES_SECONDS = 30.0
"""Between two looks at the tables, at least: opening a large one is not for nothing."""

TABLE_SECONDS = 15.0
"""How long opening a table may take."""


@define
class Identities:
    """The topics and tables that a worker needs, and which tables they were."""

    worker: str
    topics: Collection[str]
    """What it reads, as the broker calls it."""
    tables: Mapping[str, Callable[[], str]]
    """Table to what returns its id; blocks."""
    admin: Admin
    missing: set[str] = field(factory=set, init=False)
    """Topics that it writes and that were not there once."""
    _seen: dict[str, str] = field(factory=dict, init=False)

    async def partitions(self) -> list[TopicPartition]:
        """Return every partition of what it reads.

        Raises:
            UnknownTopicError: A topic does not exist any more.
            BrokerUnavailableError: The broker does not answer.
        """
        existing = await self.admin.topics()
        for topic in (*sorted(self.topics), *sorted(self.missing)):
            if topic not in existing:
                raise UnknownTopicError(topic)
        self.missing.clear()
        return [TopicPartition(topic, at) for topic in self.topics for at in range(existing[topic])]

    async def look(self) -> None:
        """See that all of them are there and are the same as before.

        Raises:
            UnknownTopicError: A topic does not exist any more.
            TableError: A table does not exist any more, or cannot be written any more.
            StartRefusedError: A table was replaced by another.
            TableWriteError: A table cannot be looked at now.
            BrokerUnavailableError: The broker does not answer.
        """
        await self.partitions()
        for table, identity in self.tables.items():
            thread = TableThread(table, TABLE_SECONDS)
            try:
                found = await thread.run(identity)
            finally:
                thread.abandon()
            if self._seen.setdefault(table, found) != found:
                raise StartRefusedError(
                    f"{held_back(self.worker)}: table {table!r} was replaced by another one while "
                    "it was written to, so rows are missing there; put it back, or stop the "
                    f"worker, write them again with 'claimx-run offsets rewind {self.worker} "
                    "--to-earliest' and start it"
                )


@define
class RunningChecks:
    """Looks after one member while it works."""

    resources: Resources
    """Those of the worker."""
    admin: Admin
    pulse: Pulse
    assignments: Assignments
    is_paused: Callable[[Assignment], bool]
    """Whether the client may hold records of a partition that it does not return."""
    identities: Identities = field(init=False)
    worker: str = field(init=False)
    clock: Clock = field(init=False)
    _looking: asyncio.Task[None] | None = field(default=None, init=False)
    _look_at: float = field(init=False)
    _tables_at: float = field(default=0.0, init=False)
    _empty_polls: int = field(default=0, init=False)
    _doubted: bool = field(default=False, init=False)
    """The last look has refused to go on; a server that has just started may not know better."""
    _good_looks: int = field(default=0, init=False)
    _suspected: dict[Assignment, tuple[int, int]] = field(factory=dict, init=False)
    """Partitions of which records may be lost: how far they were polled, and empty polls then."""

    def __attrs_post_init__(self) -> None:
        spec = self.resources.worker
        self.worker, self.clock = spec.name, self.resources.clock
        # What a start looks at needs no second look while the member joins its group.
        self._look_at = self.clock.monotonic() + AGAIN_SECONDS
        self.identities = Identities(
            spec.name,
            {self.resources.topology.physical(topic.name) for topic in spec.reads},
            {table: partial(self.resources.table_store.identity, table) for table in spec.tables},
            self.admin,
        )

    def watch(self, topics: Collection[str]) -> None:
        """Look after *topics*, as the broker calls them: more may exist than are declared."""
        self.identities.topics = set(topics)

    def tick(self) -> None:
        """Begin a look if it is time for one; raise what the last one has found.

        Raises:
            StartRefusedError: The worker must not go on.
            UnknownTopicError: A topic does not exist any more.
        """
        if self._looking is None:
            if self.clock.monotonic() >= self._look_at:
                self._looking = asyncio.create_task(self._look(), name=f"checks {self.worker}")
        elif self._looking.done():
            done, self._looking = self._looking, None
            try:
                done.result()
            except (StartRefusedError, UnknownTopicError) as error:
                if self._doubted or isinstance(error, RecordsOvertakenError):
                    raise
                self._doubted = True
                self.pulse.waits_for("checks", str(error))
            else:
                self._passed()
            soon = self._suspected or self._doubted or "table" in self.pulse.waits
            seconds = AGAIN_SECONDS if soon else LOOK_SECONDS
            self._look_at = self.clock.monotonic() + seconds

    def _passed(self) -> None:
        if self._doubted:
            self._doubted = False
            self.pulse.waits_for("checks", "")
        self._good_looks += 1
        if self._good_looks >= SURE_LOOKS:
            # A member without partitions has nothing to acquire, and is at work all the same.
            self.assignments.started = True

    def nothing_polled(self) -> None:
        """Note that a poll returned nothing: the client holds no record of what goes on."""
        self._empty_polls += 1

    async def close(self) -> None:
        """End a look under way, and forget what it was about."""
        looking, self._looking = self._looking, None
        self._suspected.clear()
        self._doubted = False
        for what in ("overtaken", "checks"):
            self.pulse.waits_for(what, "")
        if looking is not None:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)

    async def recheck(self) -> None:
        """See that nothing speaks against joining the group again.

        Raises:
            StartRefusedError: Something does.
            UnknownTopicError: A topic does not exist.
            TableError: A table does not exist, or cannot be written.
            TableWriteError: A table cannot be looked at now.
            BrokerUnavailableError: The broker does not answer.
        """
        if isinstance(self.resources.broker, Rechecked):
            await self.resources.broker.recheck()
        await self.identities.look()
        for sink in self.assignments.sinks.values():
            await sink.open()
        await self.assignments.recheck(await self.identities.partitions())

    async def judge(self, jumps: Sequence[Jump]) -> None:
        """See that nothing was deleted before batches that do not begin as expected.

        Raises:
            RecordsOvertakenError: Records were deleted, and the worker is to stop at that.
            StartRefusedError: A partition went back to an earlier offset.
            BrokerUnavailableError: The broker does not answer.
        """
        for jump in jumps:
            if jump.first < jump.expected:
                at = f"{jump.assignment.topic}[{jump.assignment.partition}]"
                raise StartRefusedError(
                    f"{held_back(self.worker)}: it has read {at} up to offset {jump.expected}, and "
                    f"then got offset {jump.first}, so the topic was recreated or cut off; go on "
                    f"with it as it is with 'claimx-run offsets adopt {self.worker}'"
                )
        log_starts: dict[TopicPartition, int] = {}
        for topic in {jump.assignment.topic for jump in jumps}:
            begins = await self.admin.begin_offsets(topic)
            log_starts |= {TopicPartition(topic, number): at for number, at in begins.items()}
        gaps = overtaken(jumps, log_starts)
        if gaps and self.assignments.on_gap == "stop":
            raise self._refused(gaps, log_starts)
        for gap in gaps:
            self.assignments.overtaken(gap)

    def _refused(
        self, gaps: Sequence[Gap], log_starts: Mapping[TopicPartition, int]
    ) -> RecordsOvertakenError:
        lost = " and ".join(str(gap) for gap in gaps)
        return RecordsOvertakenError(
            f"{held_back(self.worker)}: retention deleted {lost} before they were read; go on with "
            f"what is left with 'claimx-run offsets rewind {self.worker} --to-earliest', or set "
            "offsets.on_gap: continue",
            dict(log_starts),
        )

    async def _look(self) -> None:
        try:
            await self.identities.partitions()
            await self._offsets()
            now = self.clock.monotonic()
            if now >= self._tables_at:
                await self.identities.look()
                self._tables_at = now + TABLES_SECONDS
        except BrokerUnavailableError as error:
            # Polls and commits meet it as well, and wait.
            log.debug("worker %s: its topics cannot be looked at now: %s", self.worker, error)
        except UnknownTopicError:
            raise
        except BrokerError as error:
            log.warning("worker %s: its topics cannot be looked at: %s", self.worker, error)
        except (TableError, TableWriteError) as error:
            # Rows for it wait where they are, and so does the worker.
            self.pulse.waits_for("table", str(error))
        else:
            self.pulse.waits_for("table", "")

    async def _offsets(self) -> None:
        group, before = self.assignments.group, self.assignments.polled.known()
        found = await look_at(self.admin, group, [_partition(each) for each in before])
        checks: dict[Assignment, OffsetCheck] = {}
        for assignment, after in self.assignments.polled.known().items():
            if assignment not in before:
                continue
            offsets = found[_partition(assignment)]
            if before[assignment] <= offsets.log_end < after:
                # Polled since the look.
                offsets = evolve(offsets, log_end=after)
            checks[assignment] = OffsetCheck(
                group=group,
                partition=_partition(assignment),
                polled=after,
                known=True,
                offsets=offsets,
            )
        guard(self.worker, [each for each in checks.values() if not each.gap], started=True)
        self._weigh({a: check for a, check in checks.items() if check.gap})

    def _weigh(self, suspects: Mapping[Assignment, OffsetCheck]) -> None:
        """Decide what is lost, and what the client had fetched before it was deleted."""
        lost: list[Gap] = []
        reasons: list[str] = []
        now: dict[Assignment, tuple[int, int]] = {}
        for assignment, check in suspects.items():
            gap = check.gap
            if gap is None:
                continue
            state = (gap.first, self._empty_polls)
            known = self._suspected.get(assignment)
            reasons.append(check.refusal(self.worker))
            if known is None or known[0] != gap.first or self.is_paused(assignment):
                now[assignment] = state
            elif self._empty_polls - known[1] < SURE_POLLS:
                now[assignment] = known
            else:
                lost.append(gap)
                self.assignments.polled.passed(assignment, gap.after)
        self._suspected = now
        if self.assignments.on_gap == "continue":
            for gap in lost:
                self.assignments.overtaken(gap)
            return
        self.pulse.waits_for("overtaken", "; ".join(reasons))
        if lost:
            raise self._refused(lost, {gap.partition: gap.after for gap in lost})


def _partition(assignment: Assignment) -> TopicPartition:
    return TopicPartition(assignment.topic, assignment.partition)
