"""Finds changes that lie in the topic twice: published again after a crash.

What counts is a function of the log alone, so every owner of a partition finds the same: a
change counts unless one of the same cause lies before it, within ``REMEMBERED`` offsets.
"""

from __future__ import annotations

from attrs import define, field

from claimx_pipeline.broker.protocol import Admin, Record, TopicPartition
from claimx_pipeline.runtime import headers

REMEMBERED = 50_000
"""Offsets of a partition within which a repetition is found."""

_AT_ONCE = 2000


def cause_of(record: Record) -> str:
    """Return what *record* was published for; one that is replayed is another try, each once."""
    cause = headers.header(record.headers, headers.ID) or str(headers.origin_of(record))
    replayed = headers.header(record.headers, headers.REPLAY)
    return f"{cause}|{replayed}" if replayed else cause


@define(eq=False)
class Repetitions:
    """The causes of what lies before, in the partitions that a member works on."""

    topic: str
    """As the broker calls it."""
    admin: Admin
    _seen: dict[int, dict[str, tuple[int, ...]]] = field(factory=dict, init=False)
    """Partition to cause to the offsets of its records; the one seen last is the last."""

    def forget(self) -> None:
        """Forget everything: other partitions are owned."""
        self._seen.clear()

    async def load(self, partition: int, first: int) -> None:
        """See that what lies before offset *first* of *partition* is known.

        Raises:
            BrokerError: The broker does not answer.
        """
        if partition in self._seen:
            return
        begin = (await self.admin.begin_offsets(self.topic)).get(partition, 0)
        seen: dict[str, tuple[int, ...]] = {}
        at, start = TopicPartition(self.topic, partition), max(begin, first - REMEMBERED)
        while records := await self.admin.read(at, start, first, max_records=_AT_ONCE):
            for record in records:
                _note(seen, record)
            start = records[-1].offset + 1
        self._seen[partition] = seen

    def is_one(self, record: Record) -> bool:
        """Return whether *record* repeats one before it; note it for those that come.

        The same whenever it is asked of a record that is worked on again.
        """
        seen, offset = self._seen[record.partition], record.offset
        known = seen.get(cause_of(record), ())
        _note(seen, record)
        return any(offset - REMEMBERED <= each < offset for each in known)


def _note(seen: dict[str, tuple[int, ...]], record: Record) -> None:
    cause, first = cause_of(record), record.offset - REMEMBERED
    known = seen.pop(cause, ())
    if record.offset not in known:
        known = (*(each for each in known if each >= first), record.offset)
    seen[cause] = known
    while seen[oldest := next(iter(seen))][-1] < first:
        del seen[oldest]
