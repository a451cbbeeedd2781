"""Takes a batch whose records are processed to its commit.

1. Failed records: into the retry ladder, held, or dead. Reports of what happened, acknowledged.
2. Publish outputs and retries, acknowledged.
3. Write table rows.
4. Publish confirmations and dead letters, acknowledged.
5. Commit, per partition, the offset up to which every record is finished.
6. What could not be committed waits: its partition is paused.

Publisher and tables return what they refuse; only the committer marks records.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence

from attrs import define, evolve

from claimx_pipeline.broker.protocol import Assignment, Consumer, OutRecord
from claimx_pipeline.connections.answer import is_missing
from claimx_pipeline.errors import FencedError
from claimx_pipeline.isolation import message
from claimx_pipeline.runtime.delivery.batch import (
    Batch,
    BatchRecord,
    Committable,
    DeadLetterWanted,
)
from claimx_pipeline.runtime.delivery.counts import RecordCounts
from claimx_pipeline.runtime.delivery.failures import FailureReport, service_of
from claimx_pipeline.runtime.delivery.moments import Moments
from claimx_pipeline.runtime.delivery.paused import PausedPartitions
from claimx_pipeline.runtime.delivery.publisher import Publisher
from claimx_pipeline.runtime.delivery.table_writes import TableWrites
from claimx_pipeline.runtime.failure_policy import FailurePolicy
from claimx_pipeline.runtime.outcome import Dead, Done, Held, Retry
from claimx_pipeline.runtime.reconnect import Reconnect

log = logging.getLogger(__name__)


@define
class Committer:
    """Commits the batches of one member, one after the other."""

    worker: str
    policy: FailurePolicy
    publisher: Publisher
    tables: TableWrites
    paused: PausedPartitions
    reconnect: Reconnect
    counts: RecordCounts
    failures: FailureReport
    moments: Moments
    consumer: Callable[[], Consumer]
    """Returns the member of the group; another one after it has joined again."""

    async def commit(self, batch: Batch) -> None:
        """Commit what is committable of *batch*, and let the rest wait.

        Raises:
            RecordFailedError: A record is dead and has no topic to go to; everything before
                it is committed.
            TableFencedError: Another worker writes these partitions to a table now.
        """
        self._leave_out(batch)
        if not batch.runs:
            return
        self._route_failures(batch)
        await self._report(batch)
        committable = await self._publish(batch)
        # Before a table moves past a dead record: had it failed with something that passes, a
        # crash between the two would lose it.
        await self._write_dead_letters(committable.dead_letters)
        committable = await self._write_rows(batch, committable)
        if refused := await self.publisher.publish(committable.confirm):
            for record, error in refused:
                record.fail(error)
            committable = batch.committable()
        await self._write_dead_letters(committable.dead_letters)
        await self.moments.rows(committable.rows, committable.positions)
        await self._commit_offsets(committable.positions)
        self.counts.commit(committable.counts, committable.reached())
        if self.publisher.spans is not None:
            self.publisher.spans.end(committable.records)
        if committable.failed:
            self.failures.report(committable.failed)
        if failure := batch.failure(self.worker):
            raise failure from failure.error
        self._pause(batch, batch.remaining(committable))

    def _leave_out(self, batch: Batch) -> None:
        """Leave out what is another member's now, and what has to wait for records before it."""
        owned = self.consumer().assignments()
        revoked = {run.assignment for run in batch.runs} - owned
        if revoked:
            self.counts.revoke(sum(len(run.records) for run in batch.leave_out(revoked)))
        for run in batch.leave_out(self.paused.partitions):
            self.paused.queue(run)
            self.counts.pause(len(run.records))

    def _route_failures(self, batch: Batch) -> None:
        """Send failed records into the retry ladder, hold them, or declare them dead."""
        self._route_plugins(batch)
        failed = [
            (record, record.outcome)
            for record in batch
            if record.returning is None
            and (
                type(record.outcome) is Retry
                or (type(record.outcome) is Dead and is_missing(record.outcome.error))
            )
        ]
        if not failed:
            return
        of_services = self.policy.of_services([outcome.error for _, outcome in failed])
        for (record, outcome), of_service in zip(failed, of_services, strict=True):
            error = outcome.error
            if isinstance(outcome, Dead):
                if not of_service:
                    continue
                # It looked like the record's own until others showed that it is not.
                record.outcome = Retry(error, rows=outcome.rows)
            decide = self.policy.sit_out if of_service else self.policy.decide
            # What is written in part goes on elsewhere: its rows must not wait for the rest.
            way = decide(record.record, error, detour=bool(outcome.rows))
            if isinstance(way, OutRecord):
                record.returning = way
            elif isinstance(way, Held):
                record.hold(way)
            else:
                record.outcome = evolve(way, rows=outcome.rows)

    def _route_plugins(self, batch: Batch) -> None:
        """Let good records come back for the plugins that another try may help."""
        for record in batch:
            outcome = record.outcome
            if type(outcome) is not Done or not outcome.failed_plugins:
                continue
            ways = [
                (plugin, error, self.policy.for_plugin(record.record, plugin, error))
                for plugin, error in outcome.failed_plugins
            ]
            record.outcome = evolve(
                outcome,
                publish=(*outcome.publish, *(way for *_, way in ways if way is not None)),
                failed_plugins=tuple(each[:2] for each in ways if each[2] is None),
                retried_plugins=(
                    *outcome.retried_plugins,
                    *(each[:2] for each in ways if each[2] is not None),
                ),
            )

    async def _report(self, batch: Batch) -> None:
        """Publish what happened meanwhile, whatever becomes of the records."""
        pairs = [(record, report) for record in batch for report in record.reports]
        if not pairs:
            return
        for record, error in await self.publisher.publish(pairs):
            record.fail(error)
        for record, _ in pairs:
            record.reports = ()

    async def _publish(self, batch: Batch) -> Committable:
        """Publish outputs and retries; return what is committable after that."""
        while True:
            committable = batch.committable()
            refused = await self.publisher.publish(committable.publish)
            for record, _ in committable.publish:
                record.published = True
            for record, error in refused:
                record.published = False
                record.fail(error)
            if not refused:
                return committable
            # Once more: less is committable now, if a dead record has no topic to go to.

    async def _write_rows(self, batch: Batch, committable: Committable) -> Committable:
        """Write each table's rows in the declared order; return what is committable then."""
        if not committable.rows:
            return committable
        if undeclared := self.tables.undeclared(committable.rows):
            for record, error in undeclared:
                record.fail(error)
            committable = batch.committable()
        for table in self.tables:
            rows = [pair for pair in committable.rows if pair[1].table == table]
            if not rows:
                continue
            stopped = await self.tables.write(table, rows, committable.positions)
            for record, outcome in stopped:
                if isinstance(outcome, Held):
                    record.held = outcome
                # One that comes back for another try is refused then for good.
                elif record.returning is None:
                    record.outcome = outcome
            if stopped:
                # What is not committable must not be in a later table either.
                committable = batch.committable()
        return committable

    async def _write_dead_letters(self, wanted: Sequence[DeadLetterWanted]) -> None:
        """Publish the dead letters that are not acknowledged yet."""
        missing = [each for each in wanted if not each.record.dead_letters_acknowledged]
        await self.publisher.dead_letters(missing)
        if missing:
            await self.moments.dead_letters(missing)
        for each in missing:
            each.record.dead_letters_acknowledged = True

    async def _commit_offsets(self, positions: Mapping[Assignment, int]) -> None:
        if not positions:
            return
        try:
            with self.publisher.metrics.timed("commit"):
                await self.reconnect.until_available(lambda: self.consumer().commit(positions))
        except FencedError as error:
            # The new owner reads these records again; every output is keyed, so nothing doubles.
            log.info("worker %s: %s, its records are worked on there", self.worker, error)

    def _pause(self, batch: Batch, left: Mapping[Assignment, list[BatchRecord]]) -> None:
        """Pause the partitions that could not be committed, let the others go on."""
        for assignment, records in left.items():
            self.paused.add(assignment, records)
            self.counts.pause(len(records))
        consumer = self.consumer()
        if left:
            consumer.pause(left)
        free = {run.assignment for run in batch.runs} - left.keys()
        if resumed := self.paused.resume(free):
            consumer.resume(resumed)
        if error := self.paused.new_reason():
            log.warning("worker %s waits: %s", self.worker, error)
        reason = self.paused.reason()
        self.reconnect.pulse.records_wait(
            message(reason) if reason else "", service_of(reason) if reason else ""
        )
