"""The broker: whether it answers, its clock, how topics are kept, how far groups are."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from claimx_pipeline.broker.inspection import Inspector, TopicFacts, inspector_of
from claimx_pipeline.broker.protocol import NewTopic
from claimx_pipeline.errors import BrokerError, TableError
from claimx_pipeline.operations.doctor.findings import Finding, ok, warning, wrong
from claimx_pipeline.operations.leftovers import left_behind
from claimx_pipeline.operations.offsets import ShownOffset, show_offsets
from claimx_pipeline.operations.outputs import unread_outputs
from claimx_pipeline.operations.probes import ask_probes
from claimx_pipeline.operations.status import worker_states

if TYPE_CHECKING:
    from claimx_pipeline.pipeline import Pipeline

CLOCKS_DIFFER = timedelta(seconds=5)
SAFE_REPLICATION = 3
_HOUR_MS = 3_600_000


async def broker_findings(pipeline: Pipeline) -> AsyncIterator[Finding]:
    """Yield what there is about broker, topics and groups; one finding if it does not answer."""
    url = pipeline.broker().url
    admin = pipeline.broker().admin()
    try:
        existing = await admin.topics()
    except BrokerError as error:
        yield wrong(
            "broker",
            "broker",
            f"{url} does not answer: {error}",
            "see that it runs, that broker.url names it, and that it can be reached from here; "
            "'claimx-run config check' shows the settings of its login",
        )
        return
    finally:
        await admin.close()
    yield ok("broker", "broker", f"{url} answers and has {len(existing)} topics")
    inspector = inspector_of(pipeline.broker())
    if inspector is None:
        yield warning("broker", "inspector", f"{url} cannot be asked how topics are kept")
    else:
        try:
            yield await _clock(pipeline, inspector)
            facts = await inspector.facts()
            for finding in topic_findings(pipeline, facts):
                yield finding
        finally:
            await inspector.close()
    async for finding in _group_findings(pipeline, set(existing)):
        yield finding


async def _clock(pipeline: Pipeline, inspector: Inspector) -> Finding:
    name = f"{pipeline.settings.broker.prefix}claimx.doctor.{uuid.uuid4().hex[:8]}"
    before = pipeline.clock.now()
    try:
        theirs = await inspector.clock(name)
    except BrokerError as error:
        return warning(
            "broker",
            "broker-clock",
            f"the broker's clock is not known: {error}",
            "compare its machine's clock with this one's by hand",
        )
    now = pipeline.clock.now()
    if theirs is None:
        return ok("broker", "broker-clock", "the broker has this machine's clock")
    return clock_finding("broker", "broker-clock", "the broker", theirs - now, now - before)


def clock_finding(
    area: str, check: str, whose: str, ahead: timedelta, asking: timedelta
) -> Finding:
    """Return whether the clock of something fits this machine's.

    Args:
        area: Of the finding.
        check: Of the finding.
        whose: What it is.
        ahead: How far it was ahead when the answer came.
        asking: How long the question took, by which it may be behind.
    """
    if -(CLOCKS_DIFFER + asking) <= ahead <= CLOCKS_DIFFER:
        return ok(area, check, f"the clock of {whose} agrees with this machine's")
    seconds = abs(ahead.total_seconds())
    word = "ahead of" if ahead > timedelta(0) else "behind"
    return wrong(
        area,
        check,
        f"the clock of {whose} is {seconds:.0f} s {word} this machine's",
        "set both by NTP (timedatectl set-ntp true): due times of retries, ends of links and "
        "retention go by them",
    )


def topic_findings(pipeline: Pipeline, facts: Mapping[str, TopicFacts]) -> Iterator[Finding]:
    """Yield in what topics are not kept as the settings and the pipeline want them."""
    wanted = {topic.name: topic for topic in pipeline.topology.new_topics()}
    if missing := sorted(wanted.keys() - facts.keys()):
        yield wrong(
            "topics",
            "topic-missing",
            f"{len(missing)} topics do not exist: {', '.join(missing)}",
            "create them: 'claimx-run topics create'",
        )
    found = []
    for name in sorted(wanted.keys() & facts.keys()):
        found += list(_differences(pipeline, wanted[name], facts[name]))
    yield from found
    if not found and not missing:
        yield ok("topics", "topics", f"all {len(wanted)} topics are kept as they are wanted")


def _differences(pipeline: Pipeline, wanted: NewTopic, kept: TopicFacts) -> Iterator[Finding]:
    name, logical = wanted.name, pipeline.topology.logical(wanted.name)
    setting = f"broker.topics.{logical}"
    kafka = pipeline.broker().url.startswith("kafka:")
    if kept.partitions != wanted.partitions:
        yield warning(
            "topics",
            "topic-partitions",
            f"topic {name} has {kept.partitions} partitions, wanted are {wanted.partitions}",
            f"set {setting}.partitions to {kept.partitions}; more partitions on a running topic "
            "would move keys to others and end their order",
        )
    if not _alike(kept.retention_hours, wanted.retention_hours):
        yield _retention(name, setting, wanted, kept, kafka=kafka)
    if kept.compacted:
        yield wrong(
            "topics",
            "topic-compacted",
            f"topic {name} is compacted: of several records of one key only the last stays",
            _alter(name, "cleanup.policy=delete"),
        )
    if kept.append_time:
        yield wrong(
            "topics",
            "topic-append-time",
            f"topic {name} has LogAppendTime: Kafka replaces the time of each record, and an event "
            "without a time of its own gets another id when it is published again",
            _alter(name, "message.timestamp.type=CreateTime"),
        )
    if kept.replication < wanted.replication:
        yield wrong(
            "topics",
            "topic-replication",
            f"topic {name} has {kept.replication} replicas, wanted are {wanted.replication}",
            "reassign it with kafka-reassign-partitions.sh, or set broker.replication to "
            f"{kept.replication} if that is meant",
        )
    if kept.unclean_leader_election:
        yield wrong(
            "topics",
            "topic-unclean-election",
            f"topic {name} allows unclean leader election: acknowledged records can be lost",
            _alter(name, "unclean.leader.election.enable=false"),
        )
    if kept.replication >= SAFE_REPLICATION and kept.min_insync_replicas < SAFE_REPLICATION - 1:
        yield wrong(
            "topics",
            "topic-min-insync",
            f"topic {name} has {kept.replication} replicas and min.insync.replicas "
            f"{kept.min_insync_replicas}: a record is acknowledged that only one server has",
            _alter(name, "min.insync.replicas=2"),
        )


def _retention(
    name: str, setting: str, wanted: NewTopic, kept: TopicFacts, *, kafka: bool
) -> Finding:
    hours = -1 if wanted.retention_hours is None else round(wanted.retention_hours * _HOUR_MS)
    repair = _alter(name, f"retention.ms={hours}") if kafka else ""
    as_it_is = f"set {setting}.retention_hours to what it is"
    what = (
        f"topic {name} keeps records {_hours(kept.retention_hours)}, wanted is "
        f"{_hours(wanted.retention_hours)}"
    )
    shorter = kept.retention_hours is not None and (
        wanted.retention_hours is None or kept.retention_hours < wanted.retention_hours
    )
    remedy = " or ".join(filter(None, (repair, as_it_is)))
    finding = wrong if shorter else warning
    return finding("topics", "topic-retention", what, remedy)


def _alike(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return abs(one - other) * _HOUR_MS < 1


def _hours(hours: float | None) -> str:
    return "for ever" if hours is None else f"{hours:g} hours"


def _alter(topic: str, config: str) -> str:
    return (
        f"kafka-configs.sh --alter --entity-type topics --entity-name {topic} --add-config {config}"
    )


async def _group_findings(pipeline: Pipeline, existing: set[str]) -> AsyncIterator[Finding]:
    for problem in await left_behind(pipeline):
        yield warning("topics", "topic-left-behind", str(problem), "set it back until it is read")
    for unread in await unread_outputs(pipeline):
        if unread.topic in existing:
            what, _, remedy = str(unread).partition("; ")
            yield warning("topics", "topic-unread", what, remedy)
    try:
        shown = await show_offsets(pipeline)
    except TableError as error:
        yield wrong("groups", "offsets", str(error), "repair the table, then look again")
    else:
        for finding in _offset_findings(pipeline, shown):
            yield finding
    for finding in _worker_findings(await worker_states(pipeline, await ask_probes(pipeline))):
        yield finding


def _offset_findings(pipeline: Pipeline, shown: Sequence[ShownOffset]) -> Iterator[Finding]:
    texts = dict.fromkeys(each.refusal for each in shown if each.refusal)
    for text in texts:
        remedy = "do what it says, then look again: 'claimx-run offsets show'"
        yield wrong("groups", "offsets", text, remedy)
    overtaken = [each for each in shown if each.overtaken]
    for each in overtaken:
        logical = pipeline.topology.logical(each.topic)
        yield wrong(
            "groups",
            "retention-overtaken",
            f"{each.overtaken} records of {each.topic}[{each.partition}] were deleted before "
            f"worker {each.worker} has read them",
            "have them published again from their source, and raise "
            f"broker.topics.{logical}.retention_hours",
        )
    if not texts and not overtaken:
        yield ok("groups", "offsets", "tables, groups and topics agree")


def _worker_findings(states: Mapping[str, tuple[str, str]]) -> Iterator[Finding]:
    for name, (state, reason) in states.items():
        if state in ("waiting", "failed", "degraded"):
            yield wrong(
                "groups",
                "worker-state",
                f"worker {name} is {state}: {reason}",
                "'claimx-run status' shows what waits; remove the cause that it names",
            )
    stopped = [name for name, (state, _) in states.items() if state == "not running"]
    if stopped:
        yield warning(
            "groups",
            "worker-stopped",
            f"no member runs of {', '.join(stopped)}",
            "start them: 'claimx-run up', or 'claimx-run worker NAME'",
        )
