"""Which topics of the broker a worker reads, and which its group has read and it does not.

Settings say what is read, and settings change: a delay of the retry ladder, what a topic is
called, what a worker reads. Records that wait under the old name would wait for ever, without
an error, if nothing looked at what there is.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Iterable, Mapping

from attrs import frozen

from claimx_pipeline.broker.protocol import Admin
from claimx_pipeline.errors import BrokerError, BrokerUnavailableError, UnknownTopicError
from claimx_pipeline.runtime.offsets.late_topics import make_late_topics
from claimx_pipeline.runtime.worker import WorkerSpec
from claimx_pipeline.topics import Topology

log = logging.getLogger(__name__)


@frozen
class UnreadTopic:
    """A topic of which a worker's group has read a part, and that the worker does not read now."""

    worker: str
    group: str
    """As the broker calls it."""
    topic: str
    """As the broker calls it."""
    records: int
    """How many it has not read; more than 0."""

    def __str__(self) -> str:
        return (
            f"{self.records} records wait in topic {self.topic!r}, of which group {self.group!r} "
            f"has read a part; worker {self.worker!r} does not read it with these settings: if no "
            "other installation does, set back what was renamed or removed until it is read"
        )


def retired_tiers(
    families: Iterable[str], topology: Topology, existing: Collection[str]
) -> list[str]:
    """Return the retry topics of *families* that exist and that no setting names any more.

    Args:
        families: Prefixes of retry topics.
        topology: What topics are called.
        existing: Every topic that there is, as the broker calls it; so are those returned.
    """
    prefixes = "|".join(re.escape(family) for family in families)
    if not prefixes:
        return []
    pattern = re.compile(rf"(?:{prefixes})\.retry\.[0-9]+(?:ms|s|m)")
    return topology.undeclared(existing, pattern)


def retired_topics(spec: WorkerSpec, topology: Topology, existing: Collection[str]) -> list[str]:
    """Return the retry topics that *spec* drains: of its families, and without a delay."""
    declared = {topology.physical(topic.name) for topic in spec.reads}
    found = retired_tiers(spec.drains, topology, existing)
    return [name for name in found if name not in declared]


def topics_read(spec: WorkerSpec, topology: Topology, existing: Collection[str]) -> list[str]:
    """Return what *spec* reads, as the broker calls it, whether it exists or not.

    Late topics that do not exist are left out: nothing is in them, and a start makes them.
    """
    declared = [(topology.physical(topic.name), topic.late) for topic in spec.reads]
    found = [name for name, late in declared if not late or name in existing]
    return found + retired_topics(spec, topology, existing)


async def unread_topics(
    admin: Admin, topology: Topology, workers: Iterable[WorkerSpec]
) -> list[UnreadTopic]:
    """Return what waits where the groups of *workers* have read and do not read now.

    Raises:
        BrokerError: The broker did not answer.
    """
    existing = await admin.topics()
    found = []
    for spec in workers:
        group = topology.group(spec.group)
        read = set(topics_read(spec, topology, existing))
        for topic in sorted(set(await admin.topics_of(group)) & existing.keys() - read):
            left = await left_to_read(admin, group, topic)
            found.append(UnreadTopic(spec.name, group, topic, left))
    return [each for each in found if each.records]


async def topics_to_join(spec: WorkerSpec, topology: Topology, admin: Admin) -> list[str]:
    """Return what a starting member of *spec* is to read, and log what is remarkable about it.

    Late topics that are missing are made; those that cannot be are left out.

    Raises:
        UnknownTopicError: It would read nothing, as no topic could be made.
        BrokerUnavailableError: The broker does not answer.
        BrokerError: It does not tell which topics there are.
    """
    missing = await make_late_topics(spec, topology, admin)
    existing = await admin.topics()
    group = topology.group(spec.group)
    for topic in retired_topics(spec, topology, existing):
        records = await left_to_read(admin, group, topic)
        log.log(
            logging.WARNING if records else logging.INFO,
            "worker %s: no delay of the settings has retry topic %s any more; the %d records that "
            "wait there are brought back when they are due",
            spec.name,
            topic,
            records,
        )
    try:
        for unread in await unread_topics(admin, topology, [spec]):
            log.warning("worker %s: %s", spec.name, unread)
    except BrokerUnavailableError:
        raise
    except BrokerError as error:
        # A user who may read the topics of a worker may not be allowed to ask about others.
        log.info("worker %s: what else its group has read is not known: %s", spec.name, error)
    topics = topics_read(spec, topology, existing)
    if missing and not topics:
        raise UnknownTopicError(min(missing))
    return topics


async def left_to_read(admin: Admin, group: str, topic: str) -> int:
    """Return how many records of *topic* the group has not committed.

    Raises:
        UnknownTopicError: The topic does not exist.
        BrokerError: The broker did not answer.
    """
    committed = await admin.committed(group, topic)
    begin = await admin.begin_offsets(topic)
    end = await admin.end_offsets(topic)
    return await count_left(admin, topic, committed, begin, end)


async def count_left(
    admin: Admin,
    topic: str,
    committed: Mapping[int, int],
    begin: Mapping[int, int],
    end: Mapping[int, int],
) -> int:
    """Return how many records there are to read after what is *committed*.

    The difference of offsets would count the marks of transactions and what compaction removed.
    """
    ranges = {
        partition: (start, stop)
        for partition, stop in end.items()
        if (start := max(committed.get(partition, 0), begin.get(partition, 0))) < stop
    }
    return sum((await admin.count(topic, ranges)).values()) if ranges else 0
