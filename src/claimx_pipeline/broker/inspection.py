"""What an operator asks a broker beyond what workers need of it.

A broker that has no inspector works all the same: what only an inspector knows is shown as
unknown, and searches read record by record.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from attrs import frozen

from claimx_pipeline.broker.protocol import Broker, Record

Ranges = Mapping[int, tuple[int, int]]
"""Partition to the first offset, and the one after the last."""


@frozen(kw_only=True)
class TopicFacts:
    """How a topic is kept."""

    partitions: int
    """How many it has."""
    replication: int = 1
    """Copies of each partition."""
    retention_hours: float | None = None
    """None keeps records for ever."""
    append_time: bool = False
    """The broker replaces the time of each record by that of its arrival."""
    min_insync_replicas: int = 1
    """Copies that have to acknowledge a record."""
    unclean_leader_election: bool = False
    """A replica that lacks acknowledged records may become the leader."""
    compacted: bool = False
    """Of each key only the newest record is kept."""


class Inspector(Protocol):
    """Answers an operator; ``close`` it."""

    async def members(self, groups: Sequence[str]) -> Mapping[str, int]:
        """Return how many members each group has now."""
        ...

    async def readers(self) -> Mapping[str, frozenset[str]]:
        """Return, by topic, the groups that have committed an offset of it."""
        ...

    async def facts(self) -> Mapping[str, TopicFacts]:
        """Return how each topic is kept."""
        ...

    async def find(
        self, topic: str, ranges: Ranges, needles: Sequence[bytes], *, most: int
    ) -> Sequence[Record]:
        """Return the records in whose key, value or headers one of *needles* occurs.

        Args:
            topic: Name of the topic.
            ranges: Where to search.
            needles: Bytes.
            most: This many at most, the oldest of each partition first.
        """
        ...

    async def clock(self, topic: str) -> datetime | None:
        """Return the broker's time; None if its clock is that of this machine.

        Args:
            topic: Name for a topic that is created for it and deleted again, if it takes one.
        """
        ...

    async def delete_topics(self, topics: Sequence[str]) -> None:
        """Delete those of *topics* that exist, with all that is in them, for ever."""
        ...

    async def close(self) -> None:
        """Disconnect."""
        ...


def inspector_of(broker: Broker) -> Inspector | None:
    """Return what answers an operator about *broker*; None if nothing does."""
    from claimx_pipeline.broker.kafka.broker import KafkaBroker  # noqa: PLC0415 - only what is used
    from claimx_pipeline.broker.sqlite.broker import SqliteBroker  # noqa: PLC0415

    if isinstance(broker, SqliteBroker):
        from claimx_pipeline.broker.sqlite.inspection import SqliteInspector  # noqa: PLC0415

        return SqliteInspector.of(broker)
    if isinstance(broker, KafkaBroker):
        from claimx_pipeline.broker.kafka.inspection import KafkaInspector  # noqa: PLC0415

        return KafkaInspector.of(broker)
    return None
