"""Replays dead letters: each goes back to where it first appeared, for the group that failed.

First the record is published and acknowledged, then a mark that says so. Between the two
a crash leaves a letter without its mark, and it is replayed once more; every consumer keys
its results by what caused them, so that doubles nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec
from attrs import define, field, frozen

from claimx_pipeline.broker.protocol import OutRecord, Producer
from claimx_pipeline.clock import Clock
from claimx_pipeline.errors import DeadLetterError, RecordTooLargeError
from claimx_pipeline.runtime import headers
from claimx_pipeline.runtime.dead_letters.large_values import ValueFiles
from claimx_pipeline.runtime.dead_letters.letter import PREFIX, DeadLetter
from claimx_pipeline.runtime.dead_letters.reader import FoundLetter, ReplayMark
from claimx_pipeline.runtime.headers import Origin
from claimx_pipeline.runtime.worker import WorkerSpec
from claimx_pipeline.topics import DLQ_REPLAYED, Topology


@frozen
class Refused:
    """A letter that was not replayed."""

    letter: Origin
    """Where it lies."""
    reason: str


@define
class Returned:
    """What became of a page of letters."""

    replayed: list[FoundLetter] = field(factory=list)
    refused: list[Refused] = field(factory=list)


@frozen
class Replayer:
    """Publishes dead letters to where their records came from."""

    topology: Topology
    groups: Mapping[str, WorkerSpec]
    """Every consumer group that there is, as the broker calls it, and its worker."""
    plugins: Collection[str]
    """Names of the plugins that are loaded."""
    files: ValueFiles
    clock: Clock

    @classmethod
    def of(
        cls,
        topology: Topology,
        workers: Iterable[WorkerSpec],
        plugins: Collection[str],
        files: ValueFiles,
        clock: Clock,
    ) -> Replayer:
        """Return a replayer for the groups of *workers*."""
        groups = {topology.group(worker.group): worker for worker in workers}
        return cls(topology, groups, plugins, files, clock)

    def refusal(self, letter: FoundLetter) -> str | None:
        """Return why *letter* would be replayed in vain, None if it would not."""
        told = letter.told
        if told is None:
            return "it lacks the headers of a dead letter; somebody else wrote it there"
        worker = self.groups.get(told.group)
        if worker is None:
            return (
                f"no worker of this installation is consumer group {told.group!r} "
                f"(it was worker {told.worker!r}), so nobody would work on it"
            )
        if told.origin.topic not in {self.topology.physical(topic.name) for topic in worker.reads}:
            return f"worker {worker.name!r} does not read its topic {told.origin.topic!r}"
        if told.plugin and told.plugin not in self.plugins:
            return f"plugin {told.plugin!r} is not loaded here; install or enable it"
        return None

    async def replay(self, letters: Sequence[FoundLetter], producer: Producer) -> Returned:
        """Replay *letters* and mark them; those that cannot be are named with the reason.

        Raises:
            BrokerError: The broker did not take them. Letters may have been replayed that
                are not marked.
        """
        page = Returned()
        going: list[tuple[FoundLetter, OutRecord]] = []
        for letter in letters:
            reason = self.refusal(letter)
            if reason is not None or letter.told is None:
                page.refused.append(Refused(letter.place, reason or ""))
                continue
            try:
                value = await asyncio.to_thread(self.files.value, letter.record)
            except DeadLetterError as error:
                page.refused.append(Refused(letter.place, error.reason))
                continue
            going.append((letter, returning(letter, letter.told, value)))
        await _publish(producer, going, page)
        page.replayed = [letter for letter, _ in going]
        await producer.publish([self._mark(letter) for letter in page.replayed])
        return page

    def _mark(self, letter: FoundLetter) -> OutRecord:
        place = str(letter.place)
        mark = ReplayMark(
            letter=place,
            letter_timestamp=letter.record.timestamp,
            replayed_at=self.clock.now().isoformat(),
            group=letter.told.group if letter.told else "",
        )
        topic = self.topology.physical(DLQ_REPLAYED.name)
        return OutRecord(topic, msgspec.json.encode(mark), place.encode())


def returning(letter: FoundLetter, told: DeadLetter, value: bytes | None) -> OutRecord:
    """Return the record behind *letter* as it goes back, its tries counted anew.

    It goes to the partition that it came from, so what is partitioned by something else
    than the key stays where it belongs.
    """
    travelling = {
        headers.GROUP: told.group,
        headers.ORIGIN: str(told.origin),
        headers.FIRST_FAILED: told.first_failed,
    }
    if told.plugin:
        travelling[headers.PLUGIN] = told.plugin
    kept = tuple(
        (name, content)
        for name, content in headers.original(letter.record.headers)
        if not name.startswith(PREFIX)
    )
    return OutRecord(
        told.origin.topic,
        value,
        letter.record.key,
        (*kept, *headers.encoded(travelling)),
        bucket=told.origin.partition,
    )


async def _publish(
    producer: Producer, going: list[tuple[FoundLetter, OutRecord]], page: Returned
) -> None:
    """Publish all of *going*; what is too large is taken out of it."""
    waiting = list(going)
    while waiting:
        try:
            await producer.publish([record for _, record in waiting])
        except RecordTooLargeError as error:
            large = waiting[error.index]
            going.remove(large)
            page.refused.append(Refused(large[0].place, str(error)))
            left = range(len(waiting)) if error.left is None else error.left
            waiting = [waiting[at] for at in left if at != error.index]
            continue
        return
