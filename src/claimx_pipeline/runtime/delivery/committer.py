"""Takes a batch whose records are processed to its commit.

1. Failed records: up the ladder, held, or dead. Reports of what happened, acknowledged.
2. Publish outputs and retries, acknowledged.
3. Write table rows.
4. Publish confirmations and dead letters, acknowledged.
5. Commit, per partition, the offset up to which every record is settled.
6. What could not be settled waits: its partition is paused.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from attrs import define, evolve

from claimx_pipeline.broker.protocol import Assignment, Consumer, OutRecord
from claimx_pipeline.connections.answer import connection_of
from claimx_pipeline.errors import Category, FencedError, category_of
from claimx_pipeline.runtime.delivery.batch import Entry, Settlement
from claimx_pipeline.runtime.delivery.counts import Tally
from claimx_pipeline.runtime.delivery.paused import Parking
from claimx_pipeline.runtime.delivery.publisher import Outbox
from claimx_pipeline.runtime.delivery.table_writes import Tables
from claimx_pipeline.runtime.failure_policy import FailurePolicy
from claimx_pipeline.runtime.outcome import Held, Retry
from claimx_pipeline.runtime.reconnect import Patience

log = logging.getLogger(__name__)


@define
class Settler:
    """Settles the batches of one member, one after the other."""

    worker: str
    policy: FailurePolicy
    outbox: Outbox
    tables: Tables
    parking: Parking
    patience: Patience
    tally: Tally
    consumer: Callable[[], Consumer]
    """Returns the member of the group; another one after it has joined anew."""

    async def settle(self, settlement: Settlement) -> None:
        """Settle what can be settled of *settlement*, and let the rest wait.

        Raises:
            RecordFailedError: A record is dead and has nowhere to go; everything before
                it is committed.
            TableFencedError: Another worker writes to a table in our place.
        """
        self._leave_out(settlement)
        if not settlement.spans:
            return
        self._find_ways(settlement)
        await self.outbox.report(list(settlement))
        settled = settlement.settled()
        while await self.outbox.publish(settled.publish):
            # Once more: fewer records are settled now, if the dead one has nowhere to go.
            settled = settlement.settled()
        # Before a table moves past a dead record: had it died of something that passes, a
        # crash between the two would lose it.
        await self.outbox.letters(settled.letters)
        settled = await self.tables.write(settlement, settled)
        if await self.outbox.publish(settled.confirm):
            settled = settlement.settled()
        await self.outbox.letters(settled.letters)
        await self._commit(settled.positions)
        self.tally.settle(settled.counts)
        if stuck := settlement.stuck(self.worker):
            raise stuck from stuck.error
        self._park(settlement, settlement.unsettled(settled))

    def _leave_out(self, settlement: Settlement) -> None:
        """Leave out what is another member's now, and what has to wait for records before it."""
        owned = self.consumer().assignments()
        lost = {span.assignment for span in settlement.spans} - owned
        if lost:
            self.tally.give_up(sum(len(span.entries) for span in settlement.leave_out(lost)))
        for span in settlement.leave_out(self.parking.places):
            self.parking.queue(span)
            self.tally.park(len(span.entries))

    def _find_ways(self, settlement: Settlement) -> None:
        """Send failed records up the ladder, hold them, or declare them dead."""
        failed = [
            (entry, entry.outcome)
            for entry in settlement
            if type(entry.outcome) is Retry and entry.returning is None
        ]
        if not failed:
            return
        errors = [outcome.error for _, outcome in failed]
        away = {connection_of(error) for error in errors if self.policy.is_outage(error)}
        passed_by = []
        for entry, outcome in failed:
            error = outcome.error
            # The service went away in the middle of the batch: none of this is the record's.
            gone = connection_of(error) in away and category_of(error) is Category.TRANSIENT
            decide = self.policy.sit_out if gone else self.policy.decide
            # What is written in part goes on elsewhere: its rows must not wait for the rest.
            way = decide(entry.record, error, detour=bool(outcome.rows))
            if isinstance(way, OutRecord):
                entry.returning = way
                if gone or self.policy.is_outage(error):
                    passed_by.append(error)
            elif isinstance(way, Held):
                hold(entry, way)
            else:
                entry.outcome = evolve(way, rows=outcome.rows)
        if passed_by:
            log.warning(
                "worker %s: %d records wait in a retry topic, others go on: %s",
                self.worker,
                len(passed_by),
                passed_by[0],
            )

    async def _commit(self, positions: Mapping[Assignment, int]) -> None:
        if not positions:
            return
        try:
            await self.patience.insist(lambda: self.consumer().commit(positions))
        except FencedError as error:
            # The new owner reads these records again; every output is keyed, so nothing doubles.
            log.info("worker %s: %s, its records are worked on there", self.worker, error)

    def _park(self, settlement: Settlement, left: Mapping[Assignment, list[Entry]]) -> None:
        """Hold the partitions that could not be settled, let the others go on."""
        for assignment, entries in left.items():
            self.parking.park(assignment, entries)
            self.tally.park(len(entries))
        consumer = self.consumer()
        if left:
            consumer.pause(left)
        free = {span.assignment for span in settlement.spans} - left.keys()
        if going := self.parking.leave(free):
            consumer.resume(going)
        if error := self.parking.news():
            log.warning("worker %s waits: %s", self.worker, error)
        reason = self.parking.reason()
        self.patience.pulse.waits_for("parked", str(reason) if reason else "")


def hold(entry: Entry, held: Held) -> None:
    """Let *entry* wait here and be processed again."""
    entry.outcome, entry.held = None, held
