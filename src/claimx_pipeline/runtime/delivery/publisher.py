"""Publishing what settled records ask for, dead letters among it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from attrs import define, evolve

from claimx_pipeline.broker.protocol import OutRecord, Producer
from claimx_pipeline.errors import RecordTooLargeError
from claimx_pipeline.runtime.dead_letters.large_values import ValueFiles, publish_letters
from claimx_pipeline.runtime.delivery.batch import Entry
from claimx_pipeline.runtime.failure_policy import FailurePolicy
from claimx_pipeline.runtime.outcome import Dead
from claimx_pipeline.runtime.reconnect import Patience
from claimx_pipeline.telemetry.metrics import WorkerMetrics


@define
class Outbox:
    """The producer of one member; what leaves here is acknowledged when it returns."""

    producer: Producer
    policy: FailurePolicy
    patience: Patience
    metrics: WorkerMetrics
    files: ValueFiles

    async def publish(self, pairs: Sequence[tuple[Entry, OutRecord]]) -> bool:
        """Publish what settled records ask for.

        Returns:
            Whether one of them died, because the broker can never take what it asks for.
        """
        dead = await self._deliver(pairs)
        for entry, _ in pairs:
            entry.published = id(entry) not in dead
        return bool(dead)

    async def report(self, entries: Sequence[Entry]) -> None:
        """Publish what happened to *entries* meanwhile, whatever becomes of them."""
        pairs = [(entry, record) for entry in entries for record in entry.reports]
        if pairs:
            await self._deliver(pairs)
            for entry, _ in pairs:
                entry.reports = ()

    async def letters(self, found: Sequence[tuple[Entry, Exception, str]]) -> None:
        """Publish the dead letters that have not been yet."""
        untold = [each for each in found if not each[0].told]
        if not untold:
            return
        letters = [self.policy.letter(entry.record, error, name) for entry, error, name in untold]
        going = [self._named(letter) for letter in letters if letter is not None]
        await publish_letters(going, self._send, self.files)
        for entry, *_ in untold:
            entry.told = True

    async def _deliver(self, pairs: Sequence[tuple[Entry, OutRecord]]) -> set[int]:
        """Publish *pairs*; return the ids of entries that died of what they ask for."""
        dead: set[int] = set()
        going = [(entry, self._named(record)) for entry, record in pairs]
        while going:
            try:
                await self._send([record for _, record in going])
            except RecordTooLargeError as error:
                entry = going[error.index][0]
                entry.returning, entry.held, entry.outcome = None, None, Dead(error)
                dead.add(id(entry))
                left = range(len(going)) if error.left is None else error.left
                going = [going[at] for at in left if id(going[at][0]) not in dead]
                continue
            break
        return dead

    async def _send(self, records: Sequence[OutRecord]) -> None:
        await self.patience.insist(partial(self.producer.publish, records))
        self.metrics.published(len(records))

    def _named(self, record: OutRecord) -> OutRecord:
        """Return *record* with its topic as the broker knows it."""
        return evolve(record, topic=self.policy.topology.physical(record.topic))
