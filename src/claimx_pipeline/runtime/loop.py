"""The one loop that drives every worker.

It polls batches, decodes their records and has them processed; ``flights`` keeps several
batches under way and hands them, in order, to ``settler``, which publishes, writes and
commits. A record that failed is settled when it waits in a retry topic or lies among the
dead letters, acknowledged. One that has to wait here holds its partition: it is paused,
its records are parked, and they go on when their time has come.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence

from attrs import define, field

from claimx_pipeline.broker.protocol import Admin, Assignment, Consumer, PolledBatch
from claimx_pipeline.delta.faults import TableFencedError, TableWriteError
from claimx_pipeline.delta.writing.sink import TableSink
from claimx_pipeline.errors import BrokerUnavailableError
from claimx_pipeline.runtime.closing import Clients
from claimx_pipeline.runtime.dead_letters.large_values import ValueFiles
from claimx_pipeline.runtime.delivery.batch import Settlement, Span
from claimx_pipeline.runtime.delivery.committer import Settler
from claimx_pipeline.runtime.delivery.counts import Tally
from claimx_pipeline.runtime.delivery.in_flight import Flights
from claimx_pipeline.runtime.delivery.paused import Parking
from claimx_pipeline.runtime.delivery.processing import Work
from claimx_pipeline.runtime.delivery.publisher import Outbox
from claimx_pipeline.runtime.delivery.table_writes import Tables
from claimx_pipeline.runtime.failure_policy import FailurePolicy
from claimx_pipeline.runtime.offsets.assignment import Ownership
from claimx_pipeline.runtime.reconnect import Patience, passes, together
from claimx_pipeline.runtime.resources import Resources
from claimx_pipeline.runtime.worker import WorkerSpec
from claimx_pipeline.telemetry.health import Pulse
from claimx_pipeline.telemetry.metrics import WorkerMetrics

log = logging.getLogger(__name__)

POLL_SECONDS = 0.5
"""How long an empty poll waits: a stop is noticed within this time."""

RECONNECT_SECONDS = 1.0
"""Pause before the second try of what is away; longer before further ones."""

BATCHES = 5
"""In flight unless the worker says otherwise: a commit may take as long as working on four."""

FARTHEST = 10_000
"""Offsets between the first unsettled record of a partition and the last one polled."""


@define
class WorkerLoop:
    """One member of a worker's consumer group."""

    spec: WorkerSpec
    resources: Resources
    metrics: WorkerMetrics
    stop: asyncio.Event
    _work: Work = field(init=False)
    _consumer: Consumer = field(init=False)
    _sinks: dict[str, TableSink] = field(init=False, factory=dict)
    _policy: FailurePolicy = field(init=False)
    _clients: Clients = field(init=False)
    _pulse: Pulse = field(init=False)
    _patience: Patience = field(init=False)
    _parking: Parking = field(init=False)
    _tally: Tally = field(init=False)
    _flights: Flights = field(init=False)
    _ownership: Ownership = field(init=False)
    _polled: dict[Assignment, int] = field(init=False, factory=dict)
    """The last offset polled of each partition."""
    _far: frozenset[Assignment] = field(init=False, default=frozenset())
    """Partitions that are paused because too much of them is in flight."""

    def __attrs_post_init__(self) -> None:
        spec, clock = self.spec, self.resources.clock
        self.resources = self.resources.of(spec)
        self._clients = Clients(spec.name, hurry=True)
        self._policy = FailurePolicy.of(spec, self.resources)
        self._pulse = self.metrics.pulse()
        self._patience = Patience(spec.name, clock, self.stop, self._pulse, RECONNECT_SECONDS)
        self._parking = Parking(clock)
        self._tally = Tally(self.metrics)

    async def run(self) -> None:
        """Work until ``stop`` is set or a record fails; wait first for what is away.

        Raises:
            RecordFailedError: A record failed; everything before it is committed.
            ClaimxError: The worker could not start, for a reason that does not pass.
        """
        # Until all is open there is nothing to finish.
        clients = self._clients
        try:
            if not await self._patience.unless_stopped(self._open()):
                log.info("worker %s is told to stop before it could start", self.spec.name)
                return
            clients.hurry = False
            self._pulse.ready()
            self.metrics.up()
            clients.add("signs of life", self._down)
            while not self.stop.is_set():
                try:
                    await self._turn()
                except TableFencedError as error:
                    await self._rejoin(error)
            await self._land()
        except asyncio.CancelledError:
            clients.hurry = True
            raise
        finally:
            await clients.close()
            self._tally.end()
            self._pulse.stopped()

    async def _turn(self) -> None:
        """Take one batch in, if there is room and one comes."""
        self._pulse.beat()
        self._flights.check()
        if not self._flights.has_room():
            await self._flights.change(POLL_SECONDS)
            return
        spans = self._due()
        self._keep_near()
        batches = await self._collect(hurry=bool(spans))
        owned = await self._own()
        for span in spans:
            if span.assignment not in owned:
                self._tally.give_up(len(span.entries))
        for batch in batches:
            if batch.assignment not in owned:
                self._tally.give_up(len(batch.records))
        self._launch(
            [span for span in spans if span.assignment in owned],
            [batch for batch in batches if batch.assignment in owned],
        )

    async def _open(self) -> None:
        """Open what the worker needs; what is away is waited for."""
        resources, clients = self.resources, self._clients
        dead_end = self.spec.dead_letters is None
        opening = []
        for table in self.spec.tables:
            sink = resources.table_store.sink(table, self._policy.group, stops_at_refused=dead_end)
            clients.add(f"table {table}", sink.close)
            self._sinks[table] = sink
            where = f"table {table!r} at {resources.table_store.location(table).uri}"
            opening.append(self._until_there(f"table {table}", where, sink.open))
        producer, admin = resources.broker.producer(), resources.broker.admin()
        clients.add("producer", producer.close)
        clients.add("admin", admin.close)
        broker = f"the broker at {resources.broker.url}"
        await together(*opening, self._until_there("broker", broker, producer.start))
        processor = self.spec.build(resources)
        clients.add("processor", processor.close)
        self._pulse.waits_for("processor", "its processor is not open yet")
        await processor.open()
        self._pulse.waits_for("processor", "")
        self._work = Work(self.spec.name, self._policy.group, processor)
        files = ValueFiles(resources.settings.storage.files.root)
        self._assemble(Outbox(producer, self._policy, self._patience, self.metrics, files), admin)
        self._consumer = self._member()
        clients.add("consumer", lambda: self._consumer.close())  # noqa: PLW0108 - the one there is by then
        clients.add("batches in flight", self._flights.drop)
        await self._until_there("broker", broker, self._consumer.start)

    async def _until_there(
        self, what: str, where: str, call: Callable[[], Awaitable[None]]
    ) -> None:
        """Have *call* done, as often as it takes; say meanwhile what has not answered."""
        self._pulse.waits_for(what, f"{where} has not answered yet")
        await self._patience.insist(call, what)

    def _assemble(self, outbox: Outbox, admin: Admin) -> None:
        name = self.spec.name
        self._ownership = Ownership(
            name, self._policy.group, self._sinks, admin, self.resources.clock
        )
        settler = Settler(
            worker=name,
            policy=self._policy,
            outbox=outbox,
            tables=Tables(name, self._sinks, self.metrics),
            parking=self._parking,
            patience=self._patience,
            tally=self._tally,
            consumer=lambda: self._consumer,
        )
        size = self.spec.batch_size
        limit = 2 * size if self.spec.tables else self.spec.in_flight or BATCHES * size
        self._flights = Flights(
            settler.settle,
            self._pulse,
            self.metrics,
            batch_size=size,
            limit=limit,
            # A table's commit is of one batch, so that it stays as large as was asked for.
            together=not self.spec.tables,
        )

    def _member(self) -> Consumer:
        topology = self.resources.topology
        return self.resources.broker.consumer(
            group=self._policy.group,
            topics=[topology.physical(topic.name) for topic in self.spec.reads],
            on_revoked=self._revoked,
        )

    async def _land(self) -> None:
        """Let what is in flight reach its commit, as the worker stops."""
        await self._flights.land()
        try:
            self._flights.check()
        except TableFencedError as error:
            log.info("worker %s: %s; its records come again there", self.spec.name, error)

    async def _down(self) -> None:
        self.metrics.down()

    async def _revoked(self, assignments: Sequence[Assignment]) -> None:
        """Let what is in flight reach its commit before its partitions go."""
        log.debug("%s gives up %s", self.spec.name, assignments)
        self._consumer.pause(assignments)
        await self._flights.leave(assignments)

    async def _own(self) -> frozenset[Assignment]:
        """Return the partitions whose records may be worked on: owned, and known to the tables."""
        if not self._ownership.is_settled(self._consumer):
            # The tables are written to by what is in flight.
            await self._flights.land()
            self._flights.check()
        try:
            return await self._patience.insist(
                lambda: self._ownership.follow(self._consumer), "assignment"
            )
        except (BrokerUnavailableError, TableWriteError) as error:
            if not (self.stop.is_set() and passes(error)):
                raise
            # The worker is to stop; nothing of what it polled is under way.
            return frozenset()

    async def _rejoin(self, error: TableFencedError) -> None:
        """Give all partitions up, with all that was under way in them, and ask for new ones."""
        log.warning(
            "worker %s: %s; it drops what is in flight and joins its group anew",
            self.spec.name,
            error,
        )
        await self._flights.drop()
        self._parking.forget(())
        self._tally.end()
        self._ownership.forget()
        await self._clients.close_one("consumer", self._consumer.close)
        # Two that fence each other take turns instead of spinning.
        await self.resources.clock.sleep(RECONNECT_SECONDS)
        self._consumer = self._member()
        with contextlib.suppress(BrokerUnavailableError):  # raised only if it is to stop
            await self._patience.insist(self._consumer.start)

    def _due(self) -> list[Span]:
        """Return the parked records whose time has come; forget those of other members."""
        owned = self._consumer.assignments()
        if lost := self._parking.forget(owned):
            self._tally.park(-lost)
            self._tally.give_up(lost)
        spans = self._parking.due(owned, self._flights.lowest())
        self._tally.park(-sum(len(span.entries) for span in spans))
        return spans

    def _keep_near(self) -> None:
        """Pause the partitions of which too much is in flight."""
        lowest = self._flights.lowest()
        far = frozenset(
            place for place, first in lowest.items() if self._polled[place] - first > FARTHEST
        )
        if far == self._far:
            return
        self._consumer.pause(far)
        self._consumer.resume(
            place for place in self._far - far if place not in self._parking.paused
        )
        self._far = far

    async def _collect(self, *, hurry: bool) -> list[PolledBatch]:
        """Return new records: what is there, or what gathers within the linger."""
        size, linger = self.spec.batch_size, self.spec.linger_seconds
        batches = await self._poll(size, 0.0 if hurry else self._parking.patience(POLL_SECONDS))
        if not batches or not linger or hurry:
            return batches
        clock = self.resources.clock
        deadline = clock.monotonic() + linger
        count = sum(len(batch.records) for batch in batches)
        while count < size and not self.stop.is_set():
            left = deadline - clock.monotonic()
            if left <= 0:
                break
            more = await self._poll(size - count, min(left, POLL_SECONDS))
            count += sum(len(batch.records) for batch in more)
            batches += more
        return batches

    async def _poll(self, size: int, seconds: float) -> list[PolledBatch]:
        try:
            batches = list(await self._consumer.poll(max_records=size, timeout=seconds))
        except BrokerUnavailableError as error:
            await self._patience.wait(error, "poll")
            return []
        self._patience.goes_on("poll")
        if batches:
            self._tally.receive(sum(len(batch.records) for batch in batches))
        return batches

    def _launch(self, spans: list[Span], batches: Sequence[PolledBatch]) -> None:
        """Let parked and new records go on their way."""
        settlement = Settlement(spans, dead_end=self.spec.dead_letters is None)
        for batch in batches:
            settlement.spans.append(Span(batch.assignment, self._work.decoded(batch.records)))
            self._polled[batch.assignment] = batch.records[-1].offset
        if settlement.spans:
            entries = settlement.open()
            self._flights.launch(settlement, self._work.process(entries) if entries else None)
