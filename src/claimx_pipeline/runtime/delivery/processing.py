"""Decoding records and having them processed."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from attrs import define

from claimx_pipeline.broker.protocol import Record, UnreadableRecords
from claimx_pipeline.clock import Clock
from claimx_pipeline.errors import DecodeError
from claimx_pipeline.isolation import as_failure
from claimx_pipeline.runtime.delivery.alone import each_alone
from claimx_pipeline.runtime.delivery.batch import BatchRecord, assign_outcomes, check_outcomes
from claimx_pipeline.runtime.delivery.record_spans import RecordSpans
from claimx_pipeline.runtime.headers import GROUP, RETURN_TO, header
from claimx_pipeline.runtime.log_subject import RecordSubject
from claimx_pipeline.runtime.outcome import Dead, Done, Outcome
from claimx_pipeline.runtime.worker import KnowsAssignment, Processor
from claimx_pipeline.telemetry.log_context import about
from claimx_pipeline.topics import BRAND

log = logging.getLogger(__name__)

FOR_ANOTHER_GROUP = Done(skipped="returned for another group")


@define
class RecordProcessing:
    """The processor of one member, and which records it is spared.

    Whatever it raises, of any class, is the outcome of the records that it was about.
    """

    worker: str
    group: str
    """Consumer group, as the broker calls it."""
    processor: Processor
    clock: Clock
    domain: str = BRAND
    """Name of the domain whose events the worker reads."""
    spans: RecordSpans | None = None
    """None if nothing is traced."""

    def decoded(self, records: Sequence[Record]) -> list[BatchRecord]:
        """Return *records* with the messages in them; what cannot be read is dead alone."""
        subject = RecordSubject(self.domain)
        with about(subject):
            decoded = self._decoded(records, subject)
        if self.spans is not None:
            self.spans.start(decoded)
        return decoded

    def _decoded(self, records: Sequence[Record], subject: RecordSubject) -> list[BatchRecord]:
        decode = self.processor.decode
        decoded: list[BatchRecord] = []
        for record in records:
            subject.record = record
            if isinstance(record, UnreadableRecords):
                log.error(
                    "worker %s passes over records that cannot be read: %s", self.worker, record
                )
                decoded.append(BatchRecord(record, None, Dead(DecodeError(str(record)))))
                continue
            try:
                if record.headers and self._is_for_another(record):
                    decoded.append(BatchRecord(record, None, FOR_ANOTHER_GROUP))
                else:
                    decoded.append(BatchRecord(record, decode(record)))
            except DecodeError as error:
                decoded.append(BatchRecord(record, None, Dead(error)))
            except BaseException as error:  # noqa: BLE001 - one record's failure is that record's outcome
                # Its bytes are the same whenever they are read, so another try does not help.
                decoded.append(BatchRecord(record, None, Dead(as_failure(error, awaited=False))))
        return decoded

    def assigned(self) -> None:
        """Tell the processor that other partitions are owned, if it wants to know."""
        if isinstance(self.processor, KnowsAssignment):
            self.processor.assigned()

    async def process(self, records: Sequence[BatchRecord]) -> None:
        """Have *records* processed, and note what became of each."""
        try:
            outcomes = await self._outcomes(records)
        except BaseException as error:  # noqa: BLE001 - what a processor raises is its records' outcome
            failed = as_failure(error)
            outcomes = await each_alone(
                self.worker,
                len(records),
                failed,
                lambda number: self._alone(records[number]),
                self.clock,
            )
        assign_outcomes(records, outcomes)

    async def _outcomes(self, records: Sequence[BatchRecord]) -> Sequence[Outcome]:
        outcomes = await self.processor.process(records)
        check_outcomes(records, outcomes)
        return outcomes

    async def _alone(self, record: BatchRecord) -> Outcome:
        with about(RecordSubject(self.domain, record.record, record.message)):
            (outcome,) = await self._outcomes([record])
        return outcome

    def _is_for_another(self, record: Record) -> bool:
        """Return whether a returned record is for another group than this one."""
        group = header(record.headers, GROUP)
        if group is None or group == self.group:
            return False
        return header(record.headers, RETURN_TO) is None  # with it, it has not returned yet
