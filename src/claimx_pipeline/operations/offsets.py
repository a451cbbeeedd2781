"""Offsets: compare what tables, consumer groups and topics have, and make them agree again."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from attrs import frozen

from claimx_pipeline.broker.protocol import Admin
from claimx_pipeline.errors import TableError, UnknownTopicError, UsageError
from claimx_pipeline.operations.names import one_worker
from claimx_pipeline.operations.offset_search import offsets_at
from claimx_pipeline.operations.topics import open_admin
from claimx_pipeline.runtime.offsets.reading import unread_topics
from claimx_pipeline.runtime.offsets.repair import Moved, Targets, WorkerOffsets
from claimx_pipeline.runtime.offsets.start_checks import OffsetCheck

if TYPE_CHECKING:
    from claimx_pipeline.pipeline import Pipeline
    from claimx_pipeline.runtime.worker import WorkerSpec

NOT_CREATED = "not created"
RETIRED = "retired: no delay of the settings has it any more; it is read until it is empty"
UNREAD = "not read with these settings"
UNREADABLE = "the table cannot be read"

RewindTo = Literal["table", "earliest"] | int | Mapping[int | None, int] | datetime
"""Where a group goes on.

``"table"``: after the rows that its tables have. ``"earliest"``: with the oldest record that is
kept. A number: at this offset in each partition. A mapping: partition to offset, with None for
every partition that is not named. A time: with the first record that was published then or later.
"""


@frozen(kw_only=True)
class ShownOffset:
    """One partition as table, consumer group and topic have it."""

    worker: str
    """The worker."""
    table: str | None = None
    """None where the worker has none that exists."""
    topic: str
    """The topic that it reads."""
    partition: int | None = None
    """None if the topic has not been created, as of all numbers below."""
    stored: int | None = None
    """Next offset according to the table; None for one that keeps no offsets."""
    committed: int | None = None
    """Next offset of the consumer group; None if it has none."""
    log_start: int | None = None
    """The oldest offset that is kept."""
    log_end: int | None = None
    """The offset that comes next."""
    overtaken: int = 0
    """Records that were deleted before the group has read them."""
    state: str
    """``ok``, or what is wrong."""
    error: str = ""
    """Why the table cannot be read; its own line then, without numbers."""
    refusal: str = ""
    """Why the worker would not start, and which command repairs it; empty if it would.

    Also what waits in a topic that the group has read and the worker does not read any more."""

    @property
    def lag(self) -> int | None:
        """Offsets that the group has not read; None if the topic has not been created."""
        if self.log_end is None:
            return None
        return max(0, self.log_end - max(self.committed or 0, self.log_start or 0))

    @property
    def topic_created(self) -> bool:
        """Whether the topic exists."""
        return self.partition is not None


async def show_offsets(pipeline: Pipeline, *workers: str) -> list[ShownOffset]:
    """Return how far table, group and topic are in each partition, and whether that fits.

    Args:
        pipeline: The pipeline.
        workers: Names of workers or of sets of them; all if none is named.

    Raises:
        UsageError: There is no worker of a name.
        BrokerError: The broker did not answer.
        TableError: The location of a table in the settings is not valid.
    """
    chosen = pipeline.select(workers) if workers else list(pipeline.workers.values())
    found: list[ShownOffset] = []
    async with open_admin(pipeline) as admin:
        for worker in chosen:
            found += await _shown(_of(pipeline, worker, admin))
    return found


async def adopt_offsets(pipeline: Pipeline, worker: str) -> list[Moved]:
    """Accept topic and group as they are for the continuation of the worker's tables.

    For a topic that was recreated: its offsets start again, and are kept apart from those
    of the old one. Rows of the tables stay as they are.

    Returns:
        The offsets that were changed.

    Raises:
        UsageError: There is no such worker.
        UnknownTopicError: A topic that it reads does not exist.
        BrokerError: The group has members; stop the worker first.
    """
    async with _offsets(pipeline, one_worker(pipeline, worker)) as offsets:
        return await offsets.adopt()


async def rewind_offsets(
    pipeline: Pipeline, worker: str, to: RewindTo, *, topic: str | None = None
) -> list[Moved]:
    """Set where the worker's group goes on; its workers must be stopped.

    Rows that an append table already has are found and not written twice.

    Args:
        pipeline: The pipeline.
        worker: Name of the worker.
        to: Where to: see ``RewindTo``.
        topic: The only topic to rewind, of those that it reads; its logical name or the broker's.

    Returns:
        The offsets that were changed.

    Raises:
        UsageError: There is no such worker, topic, partition or offset, or the worker writes
            no append table to go by.
        UnknownTopicError: A topic that it reads does not exist.
        BrokerError: The group has members; stop the worker first.
    """
    async with _offsets(pipeline, one_worker(pipeline, worker)) as offsets:
        targets = await _targets(offsets, to)
        if topic is not None:
            wanted = pipeline.topology.on_broker(topic)
            targets = {at: offset for at, offset in targets.items() if at.topic == wanted}
            if not targets:
                raise UsageError(f"worker {worker!r} does not read topic {topic!r}")
        return await offsets.rewind(targets)


async def _targets(offsets: WorkerOffsets, to: RewindTo) -> Targets:
    if to == "table":
        return await offsets.of_tables()
    if to == "earliest":
        return await offsets.earliest()
    if isinstance(to, datetime):
        return await _at_time(offsets, to)
    named: Mapping[int | None, int] = {None: to} if isinstance(to, int) else dict(to)
    partitions = await offsets.partitions()
    for number in named.keys() - {None}:
        if number not in {at.partition for at in partitions}:
            raise UsageError(f"there is no partition {number}")
    found = {at: named.get(at.partition, named.get(None)) for at in partitions}
    return {at: offset for at, offset in found.items() if offset is not None}


async def _at_time(offsets: WorkerOffsets, when: datetime) -> Targets:
    partitions = await offsets.partitions()
    by_topic = {
        topic: await offsets_at(offsets.admin, topic, when)
        for topic in dict.fromkeys(at.topic for at in partitions)
    }
    return {at: by_topic[at.topic][at.partition] for at in partitions}


async def _shown(offsets: WorkerOffsets) -> list[ShownOffset]:
    worker = offsets.spec.name
    unreadable: list[TableError] = []
    try:
        checks = await offsets.checks(unreadable)
    except UnknownTopicError as error:
        shown = [ShownOffset(worker=worker, topic=error.topic, state=NOT_CREATED)]
        for topic in await offsets.retired():
            shown += await _rows(offsets, topic, RETIRED)
        return shown + await _unread(offsets)
    retired = await offsets.retired()
    shown = [
        ShownOffset(
            worker=worker,
            table=each.table,
            topic=each.partition.topic,
            partition=each.partition.partition,
            stored=each.stored if each.table and not each.keyed else None,
            committed=each.offsets.committed,
            log_start=each.offsets.log_start,
            log_end=each.offsets.log_end,
            overtaken=each.gap.records if each.gap else 0,
            state=_state(each, retired),
            refusal=each.refusal(worker),
        )
        for each in checks
    ] + [
        ShownOffset(worker=worker, table=each.table, topic="", state=UNREADABLE, error=str(each))
        for each in unreadable
    ]
    return shown + await _unread(offsets)


def _state(check: OffsetCheck, retired: Collection[str]) -> str:
    if check.partition.topic in retired and not check.refusal(""):
        return RETIRED
    return check.verdict.value


async def _unread(offsets: WorkerOffsets) -> list[ShownOffset]:
    """Return what waits in topics that the group has read and the worker does not read now."""
    found: list[ShownOffset] = []
    for unread in await unread_topics(offsets.admin, offsets.topology, [offsets.spec]):
        found += await _rows(offsets, unread.topic, UNREAD, str(unread))
    return found


async def _rows(
    offsets: WorkerOffsets, topic: str, state: str, refusal: str = ""
) -> list[ShownOffset]:
    """Return how far the group is in each partition of *topic*, as the broker calls it."""
    admin = offsets.admin
    committed = await admin.committed(offsets.group, topic)
    begins = await admin.begin_offsets(topic)
    return [
        ShownOffset(
            worker=offsets.spec.name,
            topic=topic,
            partition=partition,
            committed=committed.get(partition),
            log_start=begins.get(partition),
            log_end=end,
            state=state,
            refusal=refusal,
        )
        for partition, end in (await admin.end_offsets(topic)).items()
    ]


@asynccontextmanager
async def _offsets(pipeline: Pipeline, worker: WorkerSpec) -> AsyncIterator[WorkerOffsets]:
    async with open_admin(pipeline) as admin:
        yield _of(pipeline, worker, admin)


def _of(pipeline: Pipeline, worker: WorkerSpec, admin: Admin) -> WorkerOffsets:
    return WorkerOffsets(worker, pipeline.topology, pipeline.table_store, admin)
