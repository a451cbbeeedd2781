"""Replays dead letters: each goes back to where it first appeared, for the group that failed.

First the record is published and acknowledged, then a mark that says so. Between the two
a crash leaves a dead letter without its mark, and it is replayed once more; every consumer keys
its results by what caused them, so nothing is doubled.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

import msgspec
from attrs import define, field, frozen

from claimx_pipeline.broker.protocol import OutRecord, Producer
from claimx_pipeline.clock import Clock
from claimx_pipeline.errors import DeadLetterError, RecordTooLargeError
from claimx_pipeline.runtime import headers
from claimx_pipeline.runtime.dead_letters.dead_letter import PREFIX, DeadLetter
from claimx_pipeline.runtime.dead_letters.large_values import ValueFiles
from claimx_pipeline.runtime.dead_letters.reader import FoundDeadLetter, ReplayMark
from claimx_pipeline.runtime.headers import Origin
from claimx_pipeline.runtime.worker import WorkerSpec
from claimx_pipeline.topics import DLQ_REPLAYED, Topology

Transform = Callable[[bytes | None], bytes | None]
"""Returns a value changed, or raises ``ValueError`` with the reason why it cannot be."""


@frozen
class Refused:
    """A dead letter that was not replayed."""

    location: Origin
    """Of the dead letter."""
    reason: str
    """Why it was not replayed."""


@define
class ReplayedPage:
    """What became of a page of dead letters."""

    replayed: list[FoundDeadLetter] = field(factory=list)
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

    def refusal(self, dead_letter: FoundDeadLetter) -> str | None:
        """Return why *dead_letter* cannot be replayed, None if it can."""
        failure = dead_letter.failure
        if failure is None:
            return "it lacks the headers of a dead letter, so another program wrote it"
        worker = self.groups.get(failure.group)
        if worker is None:
            return (
                f"no worker of this installation is consumer group {failure.group!r} "
                f"(it was worker {failure.worker!r}), so no worker would process it"
            )
        if failure.origin.topic not in {
            self.topology.physical(topic.name) for topic in worker.reads
        }:
            return f"worker {worker.name!r} does not read its topic {failure.origin.topic!r}"
        if failure.plugin and failure.plugin not in self.plugins:
            return f"plugin {failure.plugin!r} is not loaded here; install or enable it"
        return None

    async def replay(
        self,
        dead_letters: Sequence[FoundDeadLetter],
        producer: Producer,
        *,
        again: bool = False,
        transform: Transform | None = None,
    ) -> ReplayedPage:
        """Replay *dead_letters* and mark them; those that cannot be are named with the reason.

        Args:
            dead_letters: What is replayed.
            producer: What publishes them.
            again: Whether what was done already is to be done once more.
            transform: Returns a value changed; what it cannot change is refused.

        Raises:
            BrokerError: The broker did not take them. Dead letters may have been replayed that
                are not marked.
        """
        page = ReplayedPage()
        going: list[tuple[FoundDeadLetter, OutRecord]] = []
        for dead_letter in dead_letters:
            reason = self.refusal(dead_letter)
            if reason is not None or dead_letter.failure is None:
                page.refused.append(Refused(dead_letter.location, reason or ""))
                continue
            try:
                value = await asyncio.to_thread(self.files.value, dead_letter.record)
                value = value if transform is None else transform(value)
            except DeadLetterError as error:
                page.refused.append(Refused(dead_letter.location, error.reason))
                continue
            except ValueError as error:
                page.refused.append(Refused(dead_letter.location, str(error)))
                continue
            going.append(
                (dead_letter, returning(dead_letter, dead_letter.failure, value, again=again))
            )
        await _publish(producer, going, page)
        page.replayed = [each for each, _ in going]
        await producer.publish([self._mark(each) for each in page.replayed])
        return page

    def _mark(self, dead_letter: FoundDeadLetter) -> OutRecord:
        location = str(dead_letter.location)
        mark = ReplayMark(
            letter=location,
            letter_timestamp=dead_letter.record.timestamp,
            replayed_at=self.clock.now().isoformat(),
            group=dead_letter.failure.group if dead_letter.failure else "",
        )
        topic = self.topology.physical(DLQ_REPLAYED.name)
        return OutRecord(topic, msgspec.json.encode(mark), location.encode())


def returning(
    dead_letter: FoundDeadLetter, failure: DeadLetter, value: bytes | None, *, again: bool = False
) -> OutRecord:
    """Return the record behind *dead_letter* as it goes back, its tries counted from zero.

    It goes to the partition that it came from, so what is partitioned by something else
    than the key stays where it belongs.
    """
    travelling = {
        headers.GROUP: failure.group,
        headers.ORIGIN: str(failure.origin),
        headers.FIRST_FAILED: failure.first_failed,
        headers.REPLAY: str(dead_letter.location),
    }
    if failure.origin_timestamp is not None:
        travelling[headers.ORIGIN_TIMESTAMP] = str(failure.origin_timestamp)
    if again:
        travelling[headers.AGAIN] = "yes"
    if failure.plugin:
        travelling[headers.PLUGIN] = failure.plugin
    kept = tuple(
        (name, content)
        for name, content in headers.original(dead_letter.record.headers)
        if not name.startswith(PREFIX)
    )
    return OutRecord(
        failure.origin.topic,
        value,
        dead_letter.record.key,
        (*kept, *headers.encoded(travelling)),
        bucket=failure.origin.partition,
    )


async def _publish(
    producer: Producer, going: list[tuple[FoundDeadLetter, OutRecord]], page: ReplayedPage
) -> None:
    """Publish all of *going*; what is too large is taken out of it."""
    waiting = list(going)
    while waiting:
        try:
            await producer.publish([record for _, record in waiting])
        except RecordTooLargeError as error:
            large = waiting[error.index]
            going.remove(large)
            page.refused.append(Refused(large[0].location, str(error)))
            left = range(len(waiting)) if error.left is None else error.left
            waiting = [waiting[at] for at in left if at != error.index]
            continue
        return
