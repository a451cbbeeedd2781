"""How everything is now: workers, what waits and for what, dead letters, tables."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from attrs import evolve

from claimx_pipeline.broker.inspection import inspector_of
from claimx_pipeline.broker.protocol import Admin, TopicPartition
from claimx_pipeline.clock import published_at
from claimx_pipeline.errors import TableError
from claimx_pipeline.operations.dead_letter_views import DeadLetterGroups
from claimx_pipeline.operations.dead_letters import open_reader
from claimx_pipeline.operations.outputs import unread_outputs
from claimx_pipeline.operations.probes import ProcessProbe, ask_probes
from claimx_pipeline.operations.status_views import (
    DeadCause,
    PipelineStatus,
    RetryTier,
    TableAge,
    WorkerStatus,
)
from claimx_pipeline.operations.topics import open_admin
from claimx_pipeline.runtime import headers
from claimx_pipeline.runtime.dead_letters.reader import DeadLetterFilter
from claimx_pipeline.runtime.offsets.reading import count_left, topics_read
from claimx_pipeline.runtime.retry_ladder import RETRY_GROUP

if TYPE_CHECKING:
    from claimx_pipeline.pipeline import Pipeline
    from claimx_pipeline.runtime.worker import WorkerSpec

DEAD_LETTERS_READ = 5000
"""Newest dead letters of a partition that are looked at; older ones are counted only."""
NOT_RUNNING, UNKNOWN = "not running", "its probes are not reachable from here"


async def look_at_status(
    pipeline: Pipeline, before: PipelineStatus | None = None, *, probes: Sequence[str] = ()
) -> PipelineStatus:
    """Return how everything is now.

    Args:
        pipeline: The pipeline.
        before: An earlier look, for the rates.
        probes: ``http://HOST:PORT`` of each process; those of this machine if not given.

    Raises:
        UsageError: An address is not valid.
        BrokerError: The broker did not answer.
    """
    answered, tables = await asyncio.gather(
        ask_probes(pipeline, probes), asyncio.to_thread(_tables, pipeline)
    )
    at = pipeline.clock.now()
    async with open_admin(pipeline) as admin:
        existing = await admin.topics()
        members = await _members(pipeline)
        workers = [
            await _worker(pipeline, admin, existing, spec, members, answered)
            for spec in pipeline.workers.values()
        ]
        tiers = await _tiers(pipeline, admin, existing)
        missing = sorted(
            topic.name for topic in pipeline.topology.new_topics() if topic.name not in existing
        )
    groups, older = await dead_causes(pipeline)
    return PipelineStatus(
        at=at,
        broker=pipeline.broker().url,
        workers=_with_rates(workers, before, at),
        tiers=tiers,
        dead=groups,
        dead_older=older,
        tables=tables,
        warnings=[
            *(str(each) for each in await unread_outputs(pipeline) if each.topic in existing),
            *_missing(missing),
        ],
        probes=[each.url for each in answered],
    )


async def dead_causes(pipeline: Pipeline) -> tuple[list[DeadCause], int]:
    """Return the newest dead letters by cause, and how many older ones were not looked at."""
    groups, older = DeadLetterGroups(), 0
    async with open_reader(pipeline) as reader:
        ends = dict(reader.ends)
    for partition, (begin, end) in ends.items():
        first = max(begin, end - DEAD_LETTERS_READ)
        older += first - begin
        ends[partition] = (first, end)
    async with open_reader(pipeline, ends) as reader:
        async for page in reader.pages(DeadLetterFilter()):
            groups.add(page)
    found = []
    for group in groups.largest_first():
        newest = group.newest.failure
        found.append(
            DeadCause(
                fingerprint=group.newest.fingerprint,
                worker=newest.worker if newest else "",
                category=newest.category if newest else "",
                error_type=newest.error_type if newest else "",
                example=newest.error if newest else "not written by this pipeline",
                count=group.count,
                last=group.newest.failed_at,
            )
        )
    return found, older


async def worker_states(
    pipeline: Pipeline, answered: Sequence[ProcessProbe]
) -> dict[str, tuple[str, str]]:
    """Return the state of every worker and its reason, by what its processes and groups say.

    Raises:
        BrokerError: The broker did not answer.
    """
    members = await _members(pipeline)
    topology = pipeline.topology
    found = {}
    for name, spec in pipeline.workers.items():
        count = None if members is None else members.get(topology.group(spec.group))
        found[name] = _state(name, count, answered)
    return found


async def _members(pipeline: Pipeline) -> Mapping[str, int] | None:
    inspector = inspector_of(pipeline.broker())
    if inspector is None:
        return None
    topology = pipeline.topology
    try:
        return await inspector.members([topology.group(w.group) for w in pipeline.workers.values()])
    finally:
        await inspector.close()


async def _worker(
    pipeline: Pipeline,
    admin: Admin,
    existing: Mapping[str, int],
    spec: WorkerSpec,
    members: Mapping[str, int] | None,
    probes: Sequence[ProcessProbe],
) -> WorkerStatus:
    group = pipeline.topology.group(spec.group)
    lag = committed_sum = 0
    oldest: list[datetime] = []
    if spec.intake is not None:
        lag = await spec.intake.left(admin, pipeline.topology, 0)
    for topic in topics_read(spec, pipeline.topology, existing):
        if topic not in existing:
            continue
        committed = await admin.committed(group, topic)
        begin, end = await admin.begin_offsets(topic), await admin.end_offsets(topic)
        committed_sum += sum(committed.values())
        if spec.intake is not None:
            continue
        lag += await count_left(admin, topic, committed, begin, end)
        oldest += await _oldest(admin, topic, committed, begin, end)
    count = None if members is None else members.get(group, 0)
    state, reason = _state(spec.name, count, probes)
    return WorkerStatus(
        worker=spec.name,
        group=group,
        members=count,
        lag=lag,
        oldest=min(oldest, default=None),
        rate=None,
        state=state,
        reason=reason,
        committed=committed_sum,
    )


async def _oldest(
    admin: Admin,
    topic: str,
    committed: Mapping[int, int],
    begin: Mapping[int, int],
    end: Mapping[int, int],
) -> list[datetime]:
    """Return when the first record of each partition was published that is not committed."""
    found = []
    for number, stop in end.items():
        start = max(committed.get(number, 0), begin.get(number, 0))
        if start < stop:
            records = await admin.read(TopicPartition(topic, number), start, stop, max_records=1)
            found += [published_at(each.timestamp) for each in records]
    return [each for each in found if each is not None]


def _state(worker: str, members: int | None, probes: Sequence[ProcessProbe]) -> tuple[str, str]:
    """Return the state that the processes say, the worst of several; else what members say.

    A process of this machine that was not named may be of another installation: it is, if it
    is well and the group has no members.
    """
    foreign = ("ready", "degraded") if members == 0 else ()
    said = [
        (kind, reason)
        for probe in probes
        if worker in probe.states
        for kind, _, reason in [probe.states[worker].partition(": ")]
        if probe.named or kind not in foreign
    ]
    if not said:
        return ("running", UNKNOWN) if members else (NOT_RUNNING, "")
    order = ("failed", "waiting", "starting", "degraded", "stopped", "ready")
    return min(said, key=lambda each: order.index(each[0]) if each[0] in order else 0)


async def _tiers(pipeline: Pipeline, admin: Admin, existing: Mapping[str, int]) -> list[RetryTier]:
    topology = pipeline.topology
    serving = [each for each in pipeline.workers.values() if each.group == RETRY_GROUP]
    tiers = [
        await _tier(admin, topology.group(spec.group), topic)
        for spec in serving
        for topic in topics_read(spec, topology, existing)
        if topic in existing
    ]
    return [each for each in tiers if each.waiting]


async def _tier(admin: Admin, group: str, topic: str) -> RetryTier:
    committed = await admin.committed(group, topic)
    begin, end = await admin.begin_offsets(topic), await admin.end_offsets(topic)
    due = []
    for number, stop in end.items():
        start = max(committed.get(number, 0), begin.get(number, 0))
        if start < stop:
            records = await admin.read(TopicPartition(topic, number), start, stop, max_records=1)
            due += [published_at(headers.number_in(each, headers.DUE)) for each in records]
    waiting = await count_left(admin, topic, committed, begin, end)
    known = [each for each in due if each is not None]
    return RetryTier(topic=topic, waiting=waiting, next_due=min(known, default=None))


def _tables(pipeline: Pipeline) -> list[TableAge]:
    store = pipeline.table_store
    found = []
    for name in sorted(store.specs):
        try:
            if not store.exists(name):
                found.append(TableAge(table=name, version=None, committed=None))
                continue
            last = store.open(name).history(1)[0]
        except TableError as error:
            found.append(TableAge(table=name, version=None, committed=None, error=str(error)))
            continue
        committed = published_at(int(last.get("timestamp", -1)))
        found.append(TableAge(table=name, version=last.get("version"), committed=committed))
    return found


def _with_rates(
    workers: Sequence[WorkerStatus], before: PipelineStatus | None, at: datetime
) -> list[WorkerStatus]:
    if before is None or (seconds := (at - before.at) / timedelta(seconds=1)) <= 0:
        return list(workers)
    earlier = {each.worker: each.committed for each in before.workers}
    return [
        evolve(each, rate=max(0.0, (each.committed - earlier.get(each.worker, 0)) / seconds))
        for each in workers
    ]


def _missing(topics: Collection[str]) -> list[str]:
    if not topics:
        return []
    return [f"{len(topics)} topics do not exist; create them with 'claimx-run topics create'"]
