"""Decoding records and having them processed."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from attrs import define

from claimx_pipeline.broker.protocol import Record, UnreadableRecords
from claimx_pipeline.errors import DecodeError
from claimx_pipeline.runtime.delivery.batch import Entry, give_each
from claimx_pipeline.runtime.headers import GROUP, RETURN_TO, header
from claimx_pipeline.runtime.outcome import Dead, Done, failure
from claimx_pipeline.runtime.worker import Processor

log = logging.getLogger(__name__)

FOR_ANOTHER_GROUP = Done(skipped="returned for another group")


@define
class Work:
    """The processor of one member, and which records it is spared."""

    worker: str
    group: str
    """Consumer group, as the broker calls it."""
    processor: Processor

    def decoded(self, records: Sequence[Record]) -> list[Entry]:
        """Return *records* with the messages in them; what cannot be read is dead alone."""
        decode = self.processor.decode
        entries: list[Entry] = []
        for record in records:
            if isinstance(record, UnreadableRecords):
                log.error("worker %s passes over what nobody can read: %s", self.worker, record)
                entries.append(Entry(record, None, Dead(DecodeError(str(record)))))
                continue
            if record.headers and self._is_for_another(record):
                entries.append(Entry(record, None, FOR_ANOTHER_GROUP))
                continue
            try:
                entries.append(Entry(record, decode(record)))
            except DecodeError as error:
                entries.append(Entry(record, None, Dead(error)))
        return entries

    async def process(self, entries: Sequence[Entry]) -> None:
        """Have *entries* processed, and note what became of each."""
        try:
            outcomes = await self.processor.process(entries)
        except Exception as error:
            # Not one record's failure: the processor itself broke on this batch.
            log.exception("worker %s failed on a batch of %d", self.worker, len(entries))
            outcomes = [failure(error)] * len(entries)
        give_each(entries, outcomes)

    def _is_for_another(self, record: Record) -> bool:
        """Tell whether a returned record is for another group than this one."""
        group = header(record.headers, GROUP)
        if group is None or group == self.group:
            return False
        return header(record.headers, RETURN_TO) is None  # with it, it has not returned yet
