"""Finds out when workers have nothing left to do."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping

from attrs import frozen

from claimx_pipeline.broker.protocol import Admin
from claimx_pipeline.clock import Clock
from claimx_pipeline.runtime.offsets.reading import count_left, topics_read
from claimx_pipeline.runtime.worker import WorkerSpec
from claimx_pipeline.topics import Topology

LOOK_SECONDS = 0.2


@frozen
class Progress:
    """How far the workers are, over all partitions of what they read."""

    lag: Mapping[str, int]
    """Worker to the number of records it has not committed yet."""
    ends: Mapping[str, int]
    """Topic, as the broker calls it, to the sum of its end offsets; each record adds to it."""

    def idle(self) -> bool:
        """Return whether no worker has anything left."""
        return not any(self.lag.values())


async def progress(
    admin: Admin,
    topology: Topology,
    workers: Iterable[WorkerSpec],
    since: Mapping[str, int] | None = None,
) -> Progress:
    """Return how far *workers* are now.

    Args:
        admin: Of the broker.
        topology: The topics of the workers.
        workers: The workers.
        since: Worker whose input is not a topic to the offset from which on it says how far it is.
    """
    lag: dict[str, int] = {}
    ends: dict[str, int] = {}
    existing = await admin.topics()
    # First those that publish what is in no topic yet: it is counted by others afterwards.
    for worker in sorted(workers, key=lambda each: each.intake is None):
        if worker.intake is not None:
            after = (since or {}).get(worker.name, 0)
            lag[worker.name] = await worker.intake.left(admin, topology, after)
            continue
        lag[worker.name] = 0
        for name in topics_read(worker, topology, existing):
            committed = await admin.committed(topology.group(worker.group), name)
            begin = await admin.begin_offsets(name)
            end = await admin.end_offsets(name)
            ends[name] = sum(end.values())
            lag[worker.name] += await count_left(admin, name, committed, begin, end)
    return Progress(lag, ends)


async def wait_until_idle(
    admin: Admin,
    topology: Topology,
    workers: Iterable[WorkerSpec],
    clock: Clock,
    *,
    left_out: Container[str] = (),
) -> None:
    """Return once *workers* have committed everything, and have published nothing since.

    A worker publishes before it commits, so two looks in a row that show no lag and the
    same ends mean that nothing is under way between them.

    Args:
        admin: Of the broker.
        topology: The topics of the workers.
        workers: The workers.
        clock: Paces the looks.
        left_out: Names of workers that are not waited for; it may grow meanwhile.
    """
    workers = list(workers)
    existing = await admin.topics()
    since = {
        worker.name: await _end_of_notes(admin, topics_read(worker, topology, existing))
        for worker in workers
        if worker.intake is not None
    }
    before: Progress | None = None
    while True:
        going = [worker for worker in workers if worker.name not in left_out]
        now = await progress(admin, topology, going, since)
        if now.idle() and before is not None and before.idle() and before.ends == now.ends:
            return
        before = now
        await clock.sleep(LOOK_SECONDS)


async def _end_of_notes(admin: Admin, topics: Iterable[str]) -> int:
    """Return after which offset a worker without an input topic notes how far it is.

    That is 0 as long as a late topic does not exist: nothing has been noted.
    """
    return sum([sum((await admin.end_offsets(topic)).values()) for topic in topics])
