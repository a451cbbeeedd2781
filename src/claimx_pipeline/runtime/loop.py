"""The one loop that drives every worker.

It polls batches and has their records processed; ``InFlight`` keeps several under way and hands
them, in order, to the committer. A failed record is committable once it is acknowledged in a retry
topic or as a dead letter; one that has to wait here pauses its partition until it is due.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from attrs import define, field

from claimx_pipeline.broker.protocol import Admin, Assignment, Consumer, PolledBatch
from claimx_pipeline.delta.write_errors import TableFencedError, TableWriteError
from claimx_pipeline.errors import (
    BrokerUnavailableError,
    ClaimxError,
    TableError,
    UnknownTopicError,
)
from claimx_pipeline.runtime.closing import ClosingStack
from claimx_pipeline.runtime.dead_letters.large_values import ValueFiles
from claimx_pipeline.runtime.delivery.batch import Batch, PartitionRun
from claimx_pipeline.runtime.delivery.committer import Committer
from claimx_pipeline.runtime.delivery.counts import RecordCounts
from claimx_pipeline.runtime.delivery.failures import FailureReport
from claimx_pipeline.runtime.delivery.in_flight import InFlight
from claimx_pipeline.runtime.delivery.moments import Moments
from claimx_pipeline.runtime.delivery.paused import PausedPartitions
from claimx_pipeline.runtime.delivery.processing import RecordProcessing
from claimx_pipeline.runtime.delivery.publisher import Publisher
from claimx_pipeline.runtime.delivery.record_spans import RecordSpans
from claimx_pipeline.runtime.delivery.table_writes import TableWrites
from claimx_pipeline.runtime.failure_policy import FailurePolicy
from claimx_pipeline.runtime.offsets.assignment import Assignments
from claimx_pipeline.runtime.offsets.reading import topics_to_join
from claimx_pipeline.runtime.offsets.running_checks import RunningChecks
from claimx_pipeline.runtime.offsets.start_checks import RecordsOvertakenError
from claimx_pipeline.runtime.polling import POLL_SECONDS, Polling
from claimx_pipeline.runtime.reconnect import Reconnect, concurrently, is_unavailable
from claimx_pipeline.runtime.resources import Resources
from claimx_pipeline.runtime.standstill import REFUSED, Standstill
from claimx_pipeline.runtime.worker import WorkerSpec
from claimx_pipeline.telemetry.health import Pulse
from claimx_pipeline.telemetry.metrics import WorkerMetrics

if TYPE_CHECKING:
    from claimx_pipeline.delta.writing.sink import TableSink

log = logging.getLogger(__name__)


@define
class WorkerLoop:
    """One member of a worker's consumer group."""

    spec: WorkerSpec
    resources: Resources
    metrics: WorkerMetrics
    stop: asyncio.Event
    ends_if_refused: Callable[[], bool] = lambda: False
    """Whether it ends rather than waits for a person, since the end of the run is waited for."""
    on_up: Callable[[], None] = lambda: None
    _processing: RecordProcessing = field(init=False)
    _consumer: Consumer = field(init=False)
    _sinks: dict[str, TableSink] = field(init=False, factory=dict)
    _policy: FailurePolicy = field(init=False)
    _closing: ClosingStack = field(init=False)
    _pulse: Pulse = field(init=False)
    _reconnect: Reconnect = field(init=False)
    _paused: PausedPartitions = field(init=False)
    _counts: RecordCounts = field(init=False)
    _in_flight: InFlight = field(init=False)
    _assignments: Assignments = field(init=False)
    _announced: frozenset[Assignment] = field(init=False, default=frozenset())
    """The partitions that the processor last heard of."""
    _topics: list[str] = field(init=False, factory=list)
    """What it reads, as the broker calls it."""
    _checks: RunningChecks = field(init=False)
    _is_up: bool = field(init=False, default=False)
    _polling: Polling = field(init=False)

    def __attrs_post_init__(self) -> None:
        spec, clock = self.spec, self.resources.clock
        self.resources = self.resources.of(spec)
        self._closing = ClosingStack(spec.name, hurry=True)
        self._policy = FailurePolicy.of(spec, self.resources)
        self._pulse = self.metrics.pulse()
        self._reconnect = Reconnect(spec.name, clock, self.stop, self._pulse)
        self._paused = PausedPartitions(clock)
        self._counts = RecordCounts(self.metrics)

    async def run(self) -> None:
        """Work until ``stop`` is set or a record fails; wait first for what is unavailable.

        Raises:
            RecordFailedError: A record failed; everything before it is committed.
            ClaimxError: The worker could not start, for a reason that does not pass.
        """
        closing = self._closing
        try:
            if not await self._reconnect.unless_stopped(self._open()):
                log.info("worker %s is stopped before it could start", self.spec.name)
                return
            closing.hurry = False
            self._pulse.ready()
            self._up()
            log.info("worker %s is ready: it reads %s", self.spec.name, ", ".join(self._topics))
            closing.add("signs of life", self._down)
            while not self.stop.is_set():
                try:
                    await self._turn()
                except TableFencedError as error:
                    await self._rejoin(error)
                except REFUSED as error:
                    # Its tables were there when it was opened, whatever it owned since.
                    if not (self._assignments.started or isinstance(error, TableError)):
                        raise
                    await self._stand_still(error)
            await self._finish()
        except asyncio.CancelledError:
            closing.hurry = True
            raise
        finally:
            await closing.close()
            self._counts.end(self._paused)
            self._pulse.stopped()

    async def _turn(self) -> None:
        """Take one batch in, if there is room and one comes."""
        self._pulse.beat()
        self._in_flight.raise_failure()
        self._checks.tick()
        crowding = self._in_flight.crowding()
        if not self._in_flight.has_room(beside=crowding):
            await self._in_flight.changed(POLL_SECONDS)
            return
        runs = self._polling.due()
        self._polling.keep_near()
        batches = await self._polling.collect(hurry=bool(runs), beside=crowding)
        owned = await self._assigned()
        runs, batches = self._polling.still_owned(owned, runs, batches)
        if jumps := self._assignments.polled.take(batches):
            try:
                await self._reconnect.until_available(lambda: self._checks.judge(jumps))
            except (RecordsOvertakenError, BrokerUnavailableError) as error:
                # Only this process has these; the broker may have them no more.
                self._launch(runs, [])
                if isinstance(error, BrokerUnavailableError):
                    return  # it is to stop
                raise
        self._launch(runs, batches)

    async def _open(self) -> None:
        """Open what the worker needs; what is unavailable is waited for."""
        resources, closing = self.resources, self._closing
        dead_end = self.spec.stops_at_dead
        opening = []
        for table in self.spec.tables:
            sink = resources.table_store.sink(table, self._policy.group, stops_at_refused=dead_end)
            closing.add(f"table {table}", sink.close)
            self._sinks[table] = sink
            where = f"table {table!r} at {resources.table_store.location(table).uri}"
            opening.append(self._until_available(f"table {table}", where, sink.open))
        producer, admin = resources.broker.producer(), resources.broker.admin()
        closing.add("producer", producer.close)
        closing.add("admin", admin.close)
        broker = f"the broker at {resources.broker.url}"
        await concurrently(
            *opening,
            self._until_available("broker", broker, producer.start),
            self._until_available("broker", broker, partial(self._find_topics, admin)),
        )
        processor = self.spec.build(resources)
        closing.add("processor", processor.close)
        self._pulse.waits_for("processor", "its processor is not open yet")
        await processor.open()
        self._pulse.waits_for("processor", "")
        name, group, domain = self.spec.name, self._policy.group, self.spec.domain
        spans, clock = RecordSpans.of(resources, name, group, domain), resources.clock
        self._processing = RecordProcessing(name, group, processor, clock, domain, spans)
        files = ValueFiles(resources.settings.storage.files.root)
        self._assemble(
            Publisher(producer, self._policy, self._reconnect, self.metrics, files, spans), admin
        )
        self._checks.watch(self._topics)
        self._consumer = self._member()
        closing.add("consumer", lambda: self._consumer.close())  # noqa: PLW0108 - the one there is by then
        closing.add("batches in flight", self._in_flight.cancel)
        closing.add("checks", self._checks.close)
        await self._until_available("broker", broker, self._consumer.start)

    async def _until_available(
        self, what: str, where: str, call: Callable[[], Awaitable[None]]
    ) -> None:
        """Have *call* done, as often as it takes; say meanwhile what has not answered."""
        self._pulse.waits_for(what, f"{where} has not answered yet")
        await self._reconnect.until_available(call, what)

    def _assemble(self, publisher: Publisher, admin: Admin) -> None:
        name = self.spec.name
        clock, settings = self.resources.clock, self.resources.settings
        self._assignments = Assignments(
            name,
            self._policy.group,
            self._sinks,
            admin,
            clock,
            settings.offsets.on_gap,
            self.metrics.overtaken,
        )
        self._checks = RunningChecks(
            self.resources,
            admin,
            self._pulse,
            self._assignments,
            is_paused=lambda each: each in self._paused.paused or each in self._polling.far,
        )
        committer = Committer(
            worker=name,
            policy=self._policy,
            publisher=publisher,
            tables=TableWrites(name, self._sinks, self.metrics, clock),
            paused=self._paused,
            reconnect=self._reconnect,
            counts=self._counts,
            failures=FailureReport(name, self.metrics, self.spec.domain),
            moments=Moments(self.resources.dispatcher, self._policy, publisher.all_of),
            consumer=lambda: self._consumer,
        )
        self._in_flight = InFlight.of(self.spec, committer.commit, self._pulse, self.metrics)
        self._polling = Polling(
            self.spec,
            clock,
            self.stop,
            lambda: self._consumer,
            self._in_flight,
            self._paused,
            self._counts,
            self._reconnect,
            self._checks,
        )

    async def _find_topics(self, admin: Admin) -> None:
        self._topics = await topics_to_join(self.spec, self.resources.topology, admin)

    def _member(self) -> Consumer:
        return self.resources.broker.consumer(
            group=self._policy.group, topics=self._topics, on_revoked=self._revoked
        )

    async def _finish(self) -> None:
        """Let what is in flight reach its commit, as the worker stops."""
        await self._in_flight.finish()
        try:
            self._in_flight.raise_failure()
        except TableFencedError as error:
            log.info("worker %s: %s; its records come again there", self.spec.name, error)

    def _up(self) -> None:
        self._is_up = True
        self.metrics.up()
        self.on_up()

    async def _down(self) -> None:
        if self._is_up:
            self._is_up = False
            self.metrics.down()

    async def _revoked(self, assignments: Sequence[Assignment]) -> None:
        """Let what is in flight reach its commit before its partitions go."""
        log.debug("%s: %s are revoked", self.spec.name, assignments)
        self._consumer.pause(assignments)
        await self._in_flight.finish_partitions(assignments)

    async def _assigned(self) -> frozenset[Assignment]:
        """Return the partitions whose records may be worked on: owned, and known to the tables."""
        if not self._assignments.is_current(self._consumer):
            # The tables are written to by what is in flight.
            await self._in_flight.finish()
            self._in_flight.raise_failure()
        try:
            owned = await self._reconnect.until_available(
                lambda: self._assignments.follow(self._consumer), "assignment"
            )
        except (BrokerUnavailableError, TableWriteError) as error:
            if not (self.stop.is_set() and is_unavailable(error)):
                raise
            # The worker is to stop; nothing of what it polled is under way.
            return frozenset()
        if owned != self._announced:
            self._processing.assigned()
            self._announced = owned
        return owned

    async def _rejoin(self, error: TableFencedError) -> None:
        """Leave all partitions, drop what is in flight of them, and join the group again."""
        why = "it drops what is in flight and joins its group again"
        log.warning("worker %s: %s; %s", self.spec.name, error, why)
        await self._leave()
        # Two that fence each other take turns instead of spinning.
        await self.resources.clock.sleep(self._reconnect.pause_seconds)
        await self._join()

    async def _leave(self) -> None:
        """Leave the group; what is in flight comes again."""
        await self._checks.close()
        await self._in_flight.cancel()
        self._paused.forget(())
        self._counts.end()
        self._assignments.forget()
        self._polling.far = frozenset()
        await self._closing.close_one("consumer", self._consumer.close)

    async def _join(self) -> None:
        self._consumer = self._member()
        with contextlib.suppress(BrokerUnavailableError):  # raised only if it is to stop
            await self._reconnect.until_available(self._consumer.start)

    async def _stand_still(self, error: ClaimxError) -> None:
        """Leave the group until *error*, which a person has to decide about, is put right."""
        if isinstance(error, UnknownTopicError):
            self._checks.identities.missing.add(error.topic)
        if isinstance(error, RecordsOvertakenError):
            with contextlib.suppress(TableFencedError, *REFUSED):
                await self._polling.save(error.log_starts, self._launch)
        await self._leave()
        await self._down()
        await Standstill(
            self.spec.name, self._reconnect, self._checks.recheck, self.ends_if_refused
        ).until_repaired(error)
        self._up()
        await self._join()

    def _launch(self, runs: list[PartitionRun], batches: Sequence[PolledBatch]) -> None:
        """Let waiting and new records go on their way."""
        for part in self._polling.apart(batches):
            batch, runs = Batch(runs, dead_end=self.spec.stops_at_dead), []
            for polled in part:
                records = self._processing.decoded(polled.records)
                batch.runs.append(PartitionRun(polled.assignment, records))
            if batch.runs:
                records = batch.unprocessed()
                self._in_flight.start(batch, self._processing.process(records) if records else None)
