"""What must not be started: a worker whose table, group and topic contradict each other.

Each of them remembers how far things are. Normally they agree but for the last batch
before a crash. When one was deleted, reset or put back, going on would lose rows or write
them twice without a word, so a person is asked.
"""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Iterable, Mapping

from attrs import frozen

from claimx_pipeline.broker.protocol import Admin, TopicPartition
from claimx_pipeline.errors import ClaimxError


class Verdict(enum.Enum):
    """How a table, a group and a topic go together."""

    GOES_ON = "ok"
    NEW = "new"
    """The group starts here; it commits where, before anything is written."""
    GROUP_LOST = "the group has no offset"
    TOPIC_MADE_ANEW = "the topic was made anew"
    OVERTAKEN = "retention deleted what was never read"
    RESTORED = "the table was restored"


@frozen
class Kept:
    """What the broker knows of one partition, for one group."""

    committed: int | None
    """The next offset the group reads; None without."""
    begin: int
    """Offset of the oldest record kept."""
    end: int
    """Offset that the next record will get."""


@frozen(kw_only=True)
class Standing:
    """One partition as table, group and topic have it."""

    table: str | None = None
    """None where a worker has none."""
    keyed: bool = False
    """The table keeps no positions; its rows may be merged again at any time."""
    group: str
    place: TopicPartition
    stored: int = 0
    """The next offset according to the table; 0 if it has nothing of the partition."""
    restored: int | None = None
    """Version of the table that put back an older one since the group's last commit."""
    kept: Kept

    @property
    def verdict(self) -> Verdict:
        """How they go together."""
        kept = self.kept
        if self.restored is not None and not (self.keyed and kept.committed is None):
            return Verdict.RESTORED
        if max(self.stored, kept.committed or 0) > kept.end:
            return Verdict.TOPIC_MADE_ANEW
        if kept.committed is None:
            # A new group commits its start before it writes, so rows without an offset
            # mean that the offset was lost.
            return Verdict.GROUP_LOST if self.stored else Verdict.NEW
        # A crash between table and group leaves the group behind; that much is not lost.
        if max(self.stored, kept.committed) < kept.begin:
            return Verdict.OVERTAKEN
        return Verdict.GOES_ON

    def refusal(self, worker: str) -> str:
        """Return what is wrong and which command puts it right; nothing if all is well."""
        place, kept = f"{self.place.topic}[{self.place.partition}]", self.kept
        command = "'claimx-run offsets"
        rewind, adopt = f"{command} rewind {worker}", f"{command} adopt {worker}'"
        held = f"table {self.table!r} has the rows of {place} up to offset {self.stored}"
        if self.verdict is Verdict.RESTORED:
            # A keyed table cannot tell from where on; all that is kept is merged again.
            start = "--to-earliest" if self.keyed else "--to-table"
            return (
                f"version {self.restored} of table {self.table!r} put back an older one, so rows "
                f"are missing that group {self.group!r} has read; write them again with {rewind} "
                f"{start}', or go on without them with {adopt}"
            )
        if self.verdict is Verdict.TOPIC_MADE_ANEW:
            known = held if self.stored > kept.end else self._read_up_to(place)
            return (
                f"{known}, but the topic ends at {kept.end}, so it was made anew; "
                f"go on with the new one with {adopt}"
            )
        if self.verdict is Verdict.GROUP_LOST:
            return (
                f"{held}, but group {self.group!r} has no offset there; if it was reset, set it "
                f"to the table with {rewind} --to-table', if the topic was made anew, go on with "
                f"the new one with {adopt}"
            )
        if self.verdict is Verdict.OVERTAKEN:
            gone = kept.begin - max(self.stored, kept.committed or 0)
            return (
                f"{self._read_up_to(place)}, but the topic begins at {kept.begin}, so retention "
                f"deleted {gone} records that were never read; go on with what is left with "
                f"{rewind} --to-earliest'"
            )
        return ""

    def _read_up_to(self, place: str) -> str:
        return f"group {self.group!r} has read {place} up to offset {self.kept.committed}"


class StartRefusedError(ClaimxError):
    """A worker must not go on before a person has decided what is right."""


def guard(worker: str, standings: Iterable[Standing]) -> None:
    """See that *worker* may write.

    Raises:
        StartRefusedError: It may not; the first reason, and what to do.
    """
    for standing in standings:
        if refusal := standing.refusal(worker):
            raise StartRefusedError(f"worker {worker!r} is not started: {refusal}")


async def look_at(
    admin: Admin, group: str, places: Iterable[TopicPartition]
) -> Mapping[TopicPartition, Kept]:
    """Return what the broker knows of *places*.

    Raises:
        UnknownTopicError: A topic does not exist.
        BrokerUnavailableError: The broker does not answer.
    """
    wanted = set(places)
    found = {}
    for topic in sorted({place.topic for place in wanted}):
        committed, begin = await asyncio.gather(
            admin.committed(group, topic), admin.begin_offsets(topic)
        )
        # Last, so that nothing read before can be beyond it.
        for partition, end in (await admin.end_offsets(topic)).items():
            place = TopicPartition(topic, partition)
            if place in wanted:
                found[place] = Kept(committed.get(partition), begin[partition], end)
    return found
