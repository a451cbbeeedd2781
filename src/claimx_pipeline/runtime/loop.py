"""The one loop that drives every worker.

1. Poll a batch and decode each record.
2. Process: one outcome per record.
3. Publish outputs, acknowledged.
4. Write table rows.
5. Publish confirmations, acknowledged.
6. Commit, per partition, the offset up to which every record is settled.

A record that failed is settled when it waits in a retry topic or lies among the dead
letters, acknowledged. One that has to wait here holds its partition: it is paused, its
records are parked, and they are processed again when their time has come.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, TypeVar

from attrs import define, evolve, field

from claimx_pipeline.broker.protocol import (
    Assignment,
    Consumer,
    OutRecord,
    PolledBatch,
    Producer,
    Record,
    TopicPartition,
)
from claimx_pipeline.connections.answer import connection_of
from claimx_pipeline.delta.faults import TableFencedError, TableWriteError
from claimx_pipeline.delta.sink import TableSink
from claimx_pipeline.errors import (
    BrokerUnavailableError,
    Category,
    DecodeError,
    FencedError,
    RecordError,
    RecordTooLargeError,
    category_of,
)
from claimx_pipeline.runtime.failures import FailurePolicy
from claimx_pipeline.runtime.headers import GROUP, RETURN_TO, header
from claimx_pipeline.runtime.ladder import RetryLadder
from claimx_pipeline.runtime.outcome import Dead, Done, Held, Retry, TableRow, failure
from claimx_pipeline.runtime.ownership import Ownership
from claimx_pipeline.runtime.parking import Parking
from claimx_pipeline.runtime.resources import Resources
from claimx_pipeline.runtime.settlement import Settlement
from claimx_pipeline.runtime.value_files import ValueFiles, publish_letters
from claimx_pipeline.runtime.worker import Processor, Received, WorkerSpec
from claimx_pipeline.telemetry.metrics import WorkerMetrics

log = logging.getLogger(__name__)

T = TypeVar("T")

POLL_SECONDS = 0.5
"""How long an empty poll waits: a stop is noticed within this time."""

RECONNECT_SECONDS = 1.0
"""Pause between tries while the broker does not answer."""

FOR_ANOTHER_GROUP = Done(skipped="returned for another group")

CLOSE_SECONDS = 5.0
"""How long closing any one client may take."""


@define
class WorkerLoop:
    """One member of a worker's consumer group."""

    spec: WorkerSpec
    resources: Resources
    metrics: WorkerMetrics
    stop: asyncio.Event
    _processor: Processor = field(init=False)
    _consumer: Consumer = field(init=False)
    _producer: Producer = field(init=False)
    _sinks: dict[str, TableSink] = field(init=False, factory=dict)
    _idle: asyncio.Event = field(init=False, factory=asyncio.Event)
    _policy: FailurePolicy = field(init=False)
    _parking: Parking = field(init=False)
    _ownership: Ownership = field(init=False)
    _told: set[tuple[str, int, int, str]] = field(init=False, factory=set)
    """Dead letters published already, of records that are not settled yet."""

    def __attrs_post_init__(self) -> None:
        self._policy = self._failure_policy()
        self._parking = Parking(self.resources.clock)

    async def run(self) -> None:
        """Work until ``stop`` is set or a record fails.

        Raises:
            RecordFailedError: A record failed; everything before it is committed.
            ClaimxError: The worker could not start.
        """
        opened: list[tuple[str, Callable[[], Awaitable[None]]]] = []
        try:
            await self._open(opened)
            self.metrics.ready()
            while not self.stop.is_set():
                self.metrics.heartbeat()
                batches = self._parking.due(self._consumer.assignments())
                batches += await self._collect(hurry=bool(batches))
                try:
                    owned = await self._own()
                    if batches:
                        await self._settle([each for each in batches if each.assignment in owned])
                except TableFencedError as error:
                    await self._rejoin(error)
        finally:
            self.metrics.stopped()
            for what, close in reversed(opened):
                await self._close(what, close)

    async def _open(self, opened: list[tuple[str, Callable[[], Awaitable[None]]]]) -> None:
        """Open what the worker needs; whatever was begun is listed in *opened*."""
        resources = self.resources
        for table in self.spec.tables:
            dead_end = self.spec.dead_letters is None
            sink = resources.table_store.sink(table, self._policy.group, stops_at_refused=dead_end)
            opened.append((f"table {table}", sink.close))
            await sink.open()
            self._sinks[table] = sink
        self._processor = self.spec.build(resources)
        opened.append(("processor", self._processor.close))
        await self._processor.open()
        self._producer = resources.broker.producer()
        opened.append(("producer", self._producer.close))
        await self._producer.start()
        admin = resources.broker.admin()
        opened.append(("admin", admin.close))
        self._ownership = Ownership(
            self.spec.name, self._policy.group, self._sinks, admin, resources.clock
        )
        self._idle.set()
        self._consumer = self._member()
        opened.append(("consumer", lambda: self._consumer.close()))  # noqa: PLW0108 - the one there is by then
        await self._consumer.start()

    def _member(self) -> Consumer:
        topology = self.resources.topology
        return self.resources.broker.consumer(
            group=self._policy.group,
            topics=[topology.physical(topic.name) for topic in self.spec.reads],
            on_revoked=self._revoked,
        )

    def _failure_policy(self) -> FailurePolicy:
        spec, resources = self.spec, self.resources
        delays = resources.settings.retry.delays_seconds
        return FailurePolicy(
            worker=spec.name,
            group=resources.topology.group(spec.group),
            ladder=RetryLadder(spec.family, delays) if spec.family else None,
            dead_letters=spec.dead_letters.name if spec.dead_letters else None,
            outage=spec.outage,
            topology=resources.topology,
            clock=resources.clock,
        )

    async def _close(self, what: str, close: Callable[[], Awaitable[None]]) -> None:
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await close()
        except Exception:
            # The next client must be closed whatever happened to this one.
            log.exception("closing the %s of worker %s failed", what, self.spec.name)

    async def _revoked(self, assignments: Sequence[Assignment]) -> None:
        """Let the batch in flight reach its commit before its partitions go."""
        log.debug("%s gives up %s", self.spec.name, assignments)
        await self._idle.wait()

    async def _own(self) -> frozenset[Assignment]:
        """Return the partitions whose records may be worked on: owned, and known to the tables."""
        while True:
            try:
                return await self._insist(lambda: self._ownership.follow(self._consumer))
            except TableWriteError as error:
                if error.category is not Category.TRANSIENT:
                    raise
                if self.stop.is_set():
                    return frozenset()
                await self._pause_for(error)

    async def _rejoin(self, error: TableFencedError) -> None:
        """Give all partitions up, with all that was under way in them, and ask for new ones."""
        log.warning(
            "worker %s: %s; it drops its batch and joins its group anew", self.spec.name, error
        )
        self._parking = Parking(self.resources.clock)
        self._told.clear()
        self._ownership.forget()
        await self._close("consumer", self._consumer.close)
        # Two that fence each other take turns instead of spinning.
        await self.resources.clock.sleep(RECONNECT_SECONDS)
        self._consumer = self._member()
        await self._insist(self._consumer.start)

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
            await self._pause_for(error)
            return []
        self.metrics.received(sum(len(batch.records) for batch in batches))
        return batches

    async def _settle(self, batches: Sequence[PolledBatch]) -> None:
        """Take a batch from its records to its commit."""
        self._idle.clear()
        try:
            with self.metrics.batch():
                settlement = self._decode(batches)
                await self._process(settlement)
                self._find_ways(settlement)
                await self._publish(settlement, settlement.publish)
                if self._sinks:
                    # Before a table moves past a dead record: had it died of something
                    # that passes, a crash between the two would lose it.
                    await self._publish_letters(settlement)
                await self._write(settlement)
                await self._publish(settlement, settlement.confirm)
                await self._publish_letters(settlement)
                await self._commit(settlement.positions())
                self.metrics.settled(settlement)
        finally:
            self._idle.set()
        if stuck := settlement.stuck(self.spec.name):
            raise stuck from stuck.error
        self._park(settlement)

    def _decode(self, batches: Sequence[PolledBatch]) -> Settlement:
        settlement = Settlement(dead_end=self.spec.dead_letters is None)
        decode = self._processor.decode
        elsewhere: list[int] = []
        for batch in batches:
            received: list[Received[Any]] = []
            undecodable: list[tuple[int, DecodeError]] = []
            for record in batch.records:
                if record.headers and self._is_for_another(record):
                    elsewhere.append(len(settlement.received) + len(received))
                    received.append(Received(record, None))
                    continue
                try:
                    message = decode(record)
                except DecodeError as error:
                    message = None
                    undecodable.append((len(settlement.received) + len(received), error))
                received.append(Received(record, message))
            settlement.add(batch, received)
            for place, reason in undecodable:
                settlement.outcomes[place] = Dead(reason)
        for place in elsewhere:
            settlement.outcomes[place] = FOR_ANOTHER_GROUP
        return settlement

    def _is_for_another(self, record: Record) -> bool:
        """Tell whether a returned record is for another group than this one."""
        group = header(record.headers, GROUP)
        if group is None or group == self._policy.group:
            return False
        return header(record.headers, RETURN_TO) is None  # with it, it has not returned yet

    async def _process(self, settlement: Settlement) -> None:
        places = settlement.open_places()
        if not places:
            return
        received = [settlement.received[place] for place in places]
        try:
            outcomes = await self._processor.process(received)
        except Exception as error:
            # Not one record's failure: the processor itself broke on this batch.
            log.exception("worker %s failed on a batch of %d", self.spec.name, len(places))
            outcomes = [failure(error)] * len(places)
        settlement.give(places, outcomes)

    def _find_ways(self, settlement: Settlement) -> None:
        """Send failed records up the ladder, hold them, or declare them dead."""
        failed = [
            (place, outcome)
            for place, outcome in enumerate(settlement.outcomes)
            if isinstance(outcome, Retry)
        ]
        errors = [outcome.error for _, outcome in failed]
        away = {connection_of(error) for error in errors if self._policy.is_outage(error)}
        for place, outcome in failed:
            record, error = settlement.received[place].record, outcome.error
            # The service went away in the middle of the batch: none of this is the record's.
            gone = connection_of(error) in away and category_of(error) is Category.TRANSIENT
            decide = self._policy.sit_out if gone else self._policy.decide
            # What is written in part goes on elsewhere: its rows must not wait for the rest.
            way = decide(record, error, detour=bool(outcome.rows))
            if isinstance(way, OutRecord):
                settlement.returning[place] = way
            else:
                settlement.outcomes[place] = (
                    evolve(way, rows=outcome.rows) if isinstance(way, Dead) else way
                )

    def _letters(self, settlement: Settlement) -> list[tuple[int, OutRecord]]:
        """Return the dead letters: of dead records, and of plugins that failed on good ones."""
        letters = [(place, dead.error, "") for place, dead in settlement.dead()]
        letters += [
            (place, error, plugin)
            for place, done in settlement.done()
            for plugin, error in done.failed_plugins
        ]
        made = []
        for place, error, plugin in letters:
            if letter_id(settlement, place, plugin) in self._told:
                continue
            letter = self._policy.letter(settlement.received[place].record, error, plugin)
            if letter is not None:
                made.append((place, letter))
        return made

    async def _publish_letters(self, settlement: Settlement) -> None:
        """Publish the dead letters that have not been yet."""
        physical = self.resources.topology.physical
        letters = [
            evolve(letter, topic=physical(letter.topic)) for _, letter in self._letters(settlement)
        ]
        if not letters:
            return
        files = ValueFiles(self.resources.settings.storage.files.root)
        await publish_letters(
            letters, lambda named: self._insist(partial(self._producer.publish, named)), files
        )
        self.metrics.published(len(letters))
        self._told.update(letter_id(settlement, place) for place, _ in settlement.dead())
        for place, done in settlement.done():
            self._told.update(letter_id(settlement, place, name) for name, _ in done.failed_plugins)

    def _park(self, settlement: Settlement) -> None:
        """Hold the partitions that could not be settled, let the others go on."""
        left = settlement.unsettled()
        held_up = {(each.topic, each.partition) for each in left}
        self._told = {each for each in self._told if each[:2] in held_up}
        for assignment, places in left.items():
            held = settlement.outcomes[places[0]]
            records = [settlement.received[place].record for place in places]
            batch = PolledBatch(assignment, records)
            self._parking.park(batch, held if isinstance(held, Held) else Held())
            self._consumer.pause([assignment])
        free = [span.assignment for span in settlement.spans if span.assignment not in left]
        self._consumer.resume(self._parking.leave(free))
        self.metrics.parked(self._parking.count())
        if error := self._parking.news():
            log.warning("worker %s waits: %s", self.spec.name, error)
        self.metrics.waiting(str(error) if (error := self._parking.reason()) else "")

    async def _publish(
        self, settlement: Settlement, outputs: Callable[[], list[tuple[int, OutRecord]]]
    ) -> None:
        """Publish *outputs*; one that the broker can never take kills the record behind it."""
        physical = self.resources.topology.physical
        while pairs := outputs():
            named = [evolve(record, topic=physical(record.topic)) for _, record in pairs]
            try:
                await self._insist(partial(self._producer.publish, named))
            except RecordTooLargeError as error:
                place = pairs[error.index][0]
                settlement.returning.pop(place, None)
                settlement.reports.pop(place, None)
                settlement.outcomes[place] = Dead(error)
                continue
            self.metrics.published(len(named))
            return

    async def _write(self, settlement: Settlement) -> None:
        """Write each table's rows in the declared order; a refused row kills its record."""
        by_table = rows_by_table(settlement)
        if strangers := by_table.keys() - self._sinks.keys():
            raise RecordError(
                f"worker {self.spec.name!r} made rows of tables it does not declare: "
                f"{', '.join(sorted(strangers))}"
            )
        for table, sink in self._sinks.items():
            pairs = by_table.get(table)
            if not pairs:
                continue
            sources = [settlement.received[place].record for place, _ in pairs]
            after = {
                TopicPartition(at.topic, at.partition): offset
                for at, offset in settlement.positions().items()
            }
            try:
                result = await sink.write([row for _, row in pairs], sources, after)
            except RecordError as error:
                if error.category is not Category.TRANSIENT:
                    raise
                for place, _ in pairs:
                    settlement.outcomes[place] = Held(error)
                    settlement.returning.pop(place, None)
                # What is not settled must not stand in a later table either.
                by_table = rows_by_table(settlement)
                continue
            self.metrics.written(table, result)
            for index, reason in result.refused:
                place = pairs[index][0]
                if place in settlement.returning:
                    continue  # it comes back, and its row is refused then for good
                refused = RecordError(f"table {table!r} refuses it: {reason}")
                settlement.outcomes[place] = Dead(refused)
            if result.refused:
                by_table = rows_by_table(settlement)

    async def _commit(self, positions: dict[Assignment, int]) -> None:
        if not positions:
            return
        try:
            await self._insist(lambda: self._consumer.commit(positions))
        except FencedError as error:
            # The new owner reads these records again; every output is keyed, so nothing doubles.
            log.info("worker %s: %s, its records are worked on there", self.spec.name, error)

    async def _insist(self, call: Callable[[], Awaitable[T]]) -> T:
        """Try until the broker answers; all that is tried so may be done twice."""
        while True:
            try:
                return await call()
            except BrokerUnavailableError as error:
                if self.stop.is_set():
                    raise
                await self._pause_for(error)

    async def _pause_for(self, error: BrokerUnavailableError | TableWriteError) -> None:
        what = "a table" if isinstance(error, TableWriteError) else "the broker"
        log.warning("worker %s waits for %s: %s", self.spec.name, what, error)
        self.metrics.heartbeat()
        await self.resources.clock.sleep(RECONNECT_SECONDS)


def rows_by_table(settlement: Settlement) -> dict[str, list[tuple[int, TableRow]]]:
    """Return the rows to write by table, each with the place of its record."""
    found: defaultdict[str, list[tuple[int, TableRow]]] = defaultdict(list)
    for place, row in settlement.rows():
        found[row.table].append((place, row))
    return found


def letter_id(settlement: Settlement, place: int, plugin: str = "") -> tuple[str, int, int, str]:
    """Return what a dead letter is known by: its record, and the plugin that failed if one did."""
    record = settlement.received[place].record
    return record.topic, record.partition, record.offset, plugin
