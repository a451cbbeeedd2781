"""``retry``: brings records back from the retry topics when they are due.

It reads every retry topic of its families that there is on the broker, also one whose delay the
settings no longer have. Nothing waits in memory. The head of a partition is the one that is due
first, as every record of a retry topic waits equally long; until then the partition is paused.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

from attrs import evolve, frozen

from claimx_pipeline.broker.protocol import OutRecord, Record
from claimx_pipeline.clock import Clock, published_at
from claimx_pipeline.domain.files import FILE_KINDS
from claimx_pipeline.errors import DecodeError
from claimx_pipeline.runtime import headers
from claimx_pipeline.runtime.outcome import Done, Held, Outcome
from claimx_pipeline.runtime.resources import Resources
from claimx_pipeline.runtime.retry_ladder import RETRY_GROUP
from claimx_pipeline.runtime.worker import Received, WorkerSpec
from claimx_pipeline.workers.retry_cleaner import RetryCleaner

SHORTEST_LIMIT = timedelta(days=7)
"""Whatever the delays are now: they were perhaps longer when a record began to wait."""


@frozen
class Waiting:
    """A record that waits, and where it goes when it is due."""

    due: datetime
    record: OutRecord


class RetryProcessor:
    """Publishes back what is due and holds what is not."""

    def __init__(
        self,
        clock: Clock,
        cleaner: RetryCleaner,
        longest: timedelta,
        returns_to: frozenset[str] | None = None,
    ) -> None:
        self._clock = clock
        self._cleaner = cleaner
        self._longest = longest
        self._returns_to = returns_to

    async def open(self) -> None:
        """Delete from now on what was brought back."""
        self._cleaner.start()

    def decode(self, record: Record) -> Waiting:
        """Return when and where *record* is to return.

        Raises:
            DecodeError: It lacks the headers that say so, or no worker reads that topic.
        """
        due = headers.header(record.headers, headers.DUE)
        return_to = headers.header(record.headers, headers.RETURN_TO)
        if due is None or return_to is None:
            raise DecodeError(
                f"a record in a retry topic must have the headers {headers.DUE!r} and "
                f"{headers.RETURN_TO!r}; only the pipeline writes there"
            )
        if self._returns_to is not None and return_to not in self._returns_to:
            raise DecodeError(
                f"header {headers.RETURN_TO!r} has {return_to[:60]!r}, and no worker that this "
                "one serves reads such a topic; install the plugin whose worker does"
            )
        kept = tuple(
            (name, value)
            for name, value in record.headers
            if name not in (headers.DUE, headers.RETURN_TO)
        )
        returning = OutRecord(return_to, record.value, record.key, kept)
        return Waiting(self._due(record), returning)

    def _due(self, record: Record) -> datetime:
        """Return when *record* is due; now, if what it says of that cannot be meant.

        One that is due in a thousand years would hold all that is behind it.
        """
        now = self._clock.now()
        number = headers.number_in(record, headers.DUE)
        if number is None:
            return now
        due = published_at(number)
        if due is None or due > now + self._longest:
            text = str(number)
            headers.unreadable(record, headers.DUE, text, "a time that a record waits until")
            return now
        return due

    async def process(self, batch: Sequence[Received[Waiting]]) -> Sequence[Outcome]:
        """Return each record that is due; hold the others until they are."""
        now = self._clock.now()
        return [
            Done(publish=(received.message.record,))
            if received.message.due <= now
            else Held(until=received.message.due)
            for received in batch
        ]

    async def close(self) -> None:
        """Delete no more."""
        await self._cleaner.close()


def build(resources: Resources, returns_to: frozenset[str] | None = None) -> RetryProcessor:
    """Return the processor of one member.

    Args:
        resources: Of the worker.
        returns_to: Logical names of the topics that records may return to; None for any.
    """
    settings = resources.settings.retry
    waits = [settings.delays_seconds, *(each.delays_seconds for each in settings.families.values())]
    longest = timedelta(seconds=max(map(max, waits)))
    cleaner = RetryCleaner(
        resources.worker, resources.topology, resources.broker.admin(), resources.clock
    )
    limit = max(longest, SHORTEST_LIMIT)
    return RetryProcessor(resources.clock, cleaner, limit, returns_to)


def serving(retry: WorkerSpec, workers: Sequence[WorkerSpec]) -> WorkerSpec | None:
    """Return *retry* as the worker that serves the ladders of *workers*; None without any."""
    ladders = {worker.retry.family: worker.retry for worker in workers if worker.retry}
    if not ladders:
        return None
    return_to = {topic.name: topic for worker in workers for topic in worker.reads if worker.retry}
    reads = tuple(topic for _, ladder in sorted(ladders.items()) for topic in ladder.topics())
    dead_letters = {
        topic.name: worker.dead_letters
        for worker in workers
        if worker.retry and worker.dead_letters
        for topic in worker.retry.topics()
    }
    return evolve(
        retry,
        build=partial(build, returns_to=frozenset(return_to)),
        reads=reads,
        drains=tuple(sorted(ladders)),
        writes=tuple(return_to.values()),
        # Some of them would have none: then it stops at a dead record, as any worker does.
        dead_letters_of=dead_letters if len(dead_letters) == len(reads) else {},
        # Not of those that name one kind of worker: 'worker download' starts no other.
        sets=frozenset().union(*(worker.sets for worker in workers if worker.retry)) - FILE_KINDS,
    )


WORKER = WorkerSpec(
    name="retry",
    summary="Brings failed records back when they are due.",
    group=RETRY_GROUP,
    formerly=frozenset({"claimx-delta-retry", "claimx-retry-scheduler"}),
    reads=(),
    needs=("broker", "retry"),
    build=build,
    batch_size=500,
    serves=serving,
)
