"""Publishing what committable records ask for, dead letters among it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from attrs import define

from claimx_pipeline.broker.protocol import OutRecord, Producer
from claimx_pipeline.errors import RecordTooLargeError
from claimx_pipeline.runtime.dead_letters.large_values import ValueFiles, publish_dead_letters
from claimx_pipeline.runtime.delivery.batch import BatchRecord, DeadLetterWanted
from claimx_pipeline.runtime.failure_policy import FailurePolicy
from claimx_pipeline.runtime.reconnect import Reconnect
from claimx_pipeline.telemetry.metrics import WorkerMetrics

Refused = Sequence[tuple[BatchRecord, RecordTooLargeError]]
"""Records that ask for more than the broker can ever take."""


@define
class Publisher:
    """The producer of one member; what is published here is acknowledged when it returns."""

    producer: Producer
    policy: FailurePolicy
    reconnect: Reconnect
    metrics: WorkerMetrics
    files: ValueFiles

    async def publish(self, pairs: Sequence[tuple[BatchRecord, OutRecord]]) -> Refused:
        """Publish what records ask for; return those of which the broker refuses something.

        Of a record that is refused, a part may have been published.
        """
        refused: dict[int, tuple[BatchRecord, RecordTooLargeError]] = {}
        going = [(record, self._named(out)) for record, out in pairs]
        while going:
            try:
                await self._send([out for _, out in going])
            except RecordTooLargeError as error:
                record = going[error.index][0]
                refused[id(record)] = record, error
                left = range(len(going)) if error.left is None else error.left
                going = [going[at] for at in left if id(going[at][0]) not in refused]
                continue
            break
        return tuple(refused.values())

    async def dead_letters(self, wanted: Sequence[DeadLetterWanted]) -> None:
        """Publish dead letters; one that is too large leaves its value in a file."""
        dead_letters = [
            self.policy.dead_letter(each.record.record, each.error, each.plugin) for each in wanted
        ]
        going = [self._named(each) for each in dead_letters if each is not None]
        if going:
            await publish_dead_letters(going, self._send, self.files)

    async def _send(self, records: Sequence[OutRecord]) -> None:
        await self.reconnect.until_available(partial(self.producer.publish, records))
        self.metrics.published(len(records))

    def _named(self, record: OutRecord) -> OutRecord:
        """Return *record* with its topic as the broker knows it."""
        topic = self.policy.topology.physical(record.topic)
        if topic == record.topic:
            return record
        return OutRecord(topic, record.value, record.key, record.headers, record.bucket)
