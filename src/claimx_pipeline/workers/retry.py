"""``retry``: brings records back from the retry topics when they are due.

It reads every retry topic of its families that there is on the broker, also one whose delay the
settings no longer have. Nothing waits in memory. The head of a partition is the one that is due
first, as every record of a retry topic waits equally long; until then the partition is paused.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from attrs import evolve, frozen

from claimx_pipeline.broker.protocol import OutRecord, Record
from claimx_pipeline.clock import Clock
from claimx_pipeline.errors import DecodeError
from claimx_pipeline.runtime import headers
from claimx_pipeline.runtime.outcome import Done, Held, Outcome
from claimx_pipeline.runtime.resources import Resources
from claimx_pipeline.runtime.retry_ladder import RETRY_GROUP
from claimx_pipeline.runtime.worker import Received, WorkerSpec
from claimx_pipeline.workers.retry_cleaner import RetryCleaner


@frozen
class Waiting:
    """A record that waits, and where it goes when it is due."""

    due: datetime
    record: OutRecord


class RetryProcessor:
    """Publishes back what is due and holds what is not."""

    def __init__(self, clock: Clock, cleaner: RetryCleaner) -> None:
        self._clock = clock
        self._cleaner = cleaner

    async def open(self) -> None:
        """Delete from now on what was brought back."""
        self._cleaner.start()

    def decode(self, record: Record) -> Waiting:
        """Return when and where *record* is to return.

        Raises:
            DecodeError: It lacks the headers that say so.
        """
        due = headers.header(record.headers, headers.DUE)
        return_to = headers.header(record.headers, headers.RETURN_TO)
        if due is None or not due.isdigit() or return_to is None:
            raise DecodeError(
                f"a record in a retry topic must have the headers {headers.DUE!r} and "
                f"{headers.RETURN_TO!r}; only the pipeline writes there"
            )
        kept = tuple(
            (name, value)
            for name, value in record.headers
            if name not in (headers.DUE, headers.RETURN_TO)
        )
        returning = OutRecord(return_to, record.value, record.key, kept)
        return Waiting(datetime.fromtimestamp(int(due) / 1000, UTC), returning)

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


def build(resources: Resources) -> RetryProcessor:
    """Return the processor of one member."""
    cleaner = RetryCleaner(
        resources.worker, resources.topology, resources.broker.admin(), resources.clock
    )
    return RetryProcessor(resources.clock, cleaner)


def serving(retry: WorkerSpec, workers: Sequence[WorkerSpec]) -> WorkerSpec | None:
    """Return *retry* as the worker that serves the ladders of *workers*; None without any."""
    ladders = {worker.retry.family: worker.retry for worker in workers if worker.retry}
    if not ladders:
        return None
    return_to = {topic.name: topic for worker in workers for topic in worker.reads if worker.retry}
    return evolve(
        retry,
        reads=tuple(topic for _, ladder in sorted(ladders.items()) for topic in ladder.topics()),
        drains=tuple(sorted(ladders)),
        writes=tuple(return_to.values()),
        sets=frozenset().union(*(worker.sets for worker in workers if worker.retry)),
    )


WORKER = WorkerSpec(
    name="retry",
    summary="Brings failed records back when they are due.",
    group=RETRY_GROUP,
    reads=(),
    needs=("broker", "retry"),
    build=build,
    batch_size=500,
    serves=serving,
)
