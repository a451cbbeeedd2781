"""Publishing what committable records ask for, dead letters among it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from attrs import define, evolve

from claimx_pipeline.broker.protocol import OutRecord, Producer
from claimx_pipeline.errors import RecordTooLargeError
from claimx_pipeline.runtime.correlation import Pairs, made_of, passed_on_by
from claimx_pipeline.runtime.dead_letters.large_values import ValueFiles, publish_dead_letters
from claimx_pipeline.runtime.delivery.batch import BatchRecord, DeadLetterWanted
from claimx_pipeline.runtime.delivery.record_spans import RecordSpans
from claimx_pipeline.runtime.failure_policy import FailurePolicy
from claimx_pipeline.runtime.headers import CORRELATION, origin_of
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
    spans: RecordSpans | None = None
    """None if nothing is traced."""

    async def publish(self, pairs: Sequence[tuple[BatchRecord, OutRecord]]) -> Refused:
        """Publish what records ask for; return those of which the broker refuses something.

        Of a record that is refused, a part may have been published.
        """
        refused: dict[int, tuple[BatchRecord, RecordTooLargeError]] = {}
        going = [(record, self._passed_on(record, out)) for record, out in pairs]
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
            (each.record, self.policy.dead_letter(each.record.record, each.error, each.plugin))
            for each in wanted
        ]
        going = [
            self._passed_on(record, out, of_its_own=True)
            for record, out in dead_letters
            if out is not None
        ]
        if going:
            await publish_dead_letters(going, self._send, self.files)

    async def all_of(self, records: Sequence[OutRecord]) -> None:
        """Publish records that belong to no single record; they are known to be small enough."""
        physical = self.policy.topology.physical
        await self._send([evolve(each, topic=physical(each.topic)) for each in records])

    async def _send(self, records: Sequence[OutRecord]) -> None:
        if not records:
            return
        with self.metrics.timed("publish"):
            await self.reconnect.until_available(partial(self.producer.publish, records))
        self.metrics.published(record.topic for record in records)

    def _passed_on(
        self, record: BatchRecord, out: OutRecord, *, of_its_own: bool = False
    ) -> OutRecord:
        """Return *out* with its topic as the broker knows it, and the id of what led to it.

        Args:
            record: It led to *out*.
            out: What is to be published.
            of_its_own: Whether a record without an event gets an id, made of where it is.
        """
        headers = out.headers
        if not any(name == CORRELATION for name, _ in headers):
            headers = _with(headers, self._passed_by(record, of_its_own=of_its_own))
        if self.spans is not None:
            headers = self.spans.passed_on(record, headers)
        topic = self.policy.topology.physical(out.topic)
        if topic == out.topic and headers is out.headers:
            return out
        return OutRecord(topic, out.value, out.key, headers, out.bucket)

    def _passed_by(self, record: BatchRecord, *, of_its_own: bool) -> Pairs:
        domain = self.policy.domain
        passed = passed_on_by(record.record, domain, record.message)
        if of_its_own and not passed:
            made = made_of(domain, str(origin_of(record.record)))
            return ((CORRELATION, made.encode()),)
        return passed


def _with(headers: Pairs, passed: Pairs) -> Pairs:
    """Return *headers* with what is *passed* on and not among them."""
    there = {name for name, _ in headers}
    return (*headers, *(pair for pair in passed if pair[0] not in there))
