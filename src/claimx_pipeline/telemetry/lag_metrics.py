"""How far consumer groups are behind, in records and in seconds, and why.

Written by what looks at the broker, read by the thread that answers scrapes: the seconds are
counted up to the scrape, so they grow while the process is stuck.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

import attrs
from attrs import define, field, frozen
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from claimx_pipeline.clock import Clock

Cause = Literal["no_member", "waiting", "starting", "busy"]
"""The group has none; records wait for something; the worker starts; work is slow."""


@frozen
class LagCause:
    """Why a group is behind."""

    cause: Cause
    what: str = ""
    """What is waited for, or the phase of a batch that takes longest."""


@frozen(kw_only=True)
class PartitionLag:
    """How far one group is in one partition."""

    worker: str
    group: str
    topic: str
    partition: int
    committed: int
    """The next offset to read."""
    end: int
    """Offset that the next record will get."""
    oldest_at: float | None = None
    """When the first record that is not committed was published, seconds since 1970 UTC."""
    retention_seconds: float | None = None
    """How long the topic keeps a record; None if for ever."""
    cause: LagCause | None = None
    """Why it is behind; None if it is not."""

    @property
    def records(self) -> int:
        """Records that are not committed; marks of transactions count as well."""
        return max(0, self.end - self.committed)


@frozen
class RetryLag:
    """What waits in one retry topic."""

    family: str
    topic: str
    delay_seconds: float
    """How long a record waits there on purpose."""
    records: int = 0
    oldest_at: float | None = None


@define
class LagMetrics:
    """What the last looks at the broker have shown."""

    registry: CollectorRegistry
    clock: Clock
    partitions: tuple[PartitionLag, ...] = field(default=(), init=False)
    tiers: tuple[RetryLag, ...] = field(default=(), init=False)
    topics: Mapping[str, int] = field(factory=dict, init=False)
    """Topic, as the broker calls it, to the records that it holds."""
    dead_letters: Mapping[str, int] = field(factory=dict, init=False)
    """The same of topics of dead letters."""
    looked_at: float = field(default=0.0, init=False)
    failures: int = field(default=0, init=False)
    """Looks that the broker did not answer."""

    def __attrs_post_init__(self) -> None:
        self.registry.register(_Scraped(self))


@frozen
class _Families:
    records: GaugeMetricFamily
    seconds: GaugeMetricFamily
    offset: GaugeMetricFamily
    end: GaugeMetricFamily
    retention: GaugeMetricFamily
    cause: GaugeMetricFamily
    tier_records: GaugeMetricFamily
    tier_oldest: GaugeMetricFamily
    tier_delay: GaugeMetricFamily
    topic_records: GaugeMetricFamily
    dead_letters: GaugeMetricFamily
    looked_at: GaugeMetricFamily
    failures: CounterMetricFamily

    def all(self) -> tuple[Metric, ...]:
        return attrs.astuple(self, recurse=False)


_PARTITION = ["worker", "group", "topic", "partition"]


def _families() -> _Families:
    return _Families(
        records=GaugeMetricFamily(
            "claimx_consumer_lag_records",
            "Records of the partition that the group has not committed",
            labels=_PARTITION,
        ),
        seconds=GaugeMetricFamily(
            "claimx_consumer_lag_seconds",
            "Age of the oldest record of the partition that the group has not committed, as of "
            "this scrape; 0 if there is none",
            labels=_PARTITION,
        ),
        offset=GaugeMetricFamily(
            "claimx_consumer_offset",
            "The next offset that the group reads of the partition",
            labels=_PARTITION,
        ),
        end=GaugeMetricFamily(
            "claimx_topic_end_offset",
            "Offset that the next record of the partition will get",
            labels=_PARTITION,
        ),
        retention=GaugeMetricFamily(
            "claimx_consumer_retention_used_ratio",
            "Age of the oldest uncommitted record divided by how long the topic keeps it; at 1 "
            "records are deleted before they are read",
            labels=_PARTITION,
        ),
        cause=GaugeMetricFamily(
            "claimx_consumer_lag_cause",
            "1 while the group is behind in the partition: no_member (there is none), starting, "
            "waiting (what names the service, table or other thing waited for), busy (what names "
            "the phase of a batch that takes longest)",
            labels=[*_PARTITION, "cause", "what"],
        ),
        tier_records=GaugeMetricFamily(
            "claimx_retry_tier_records",
            "Records that wait in a retry topic",
            labels=["family", "topic"],
        ),
        tier_oldest=GaugeMetricFamily(
            "claimx_retry_tier_oldest_seconds",
            "For how long the oldest record of a retry topic waits there; much more than the "
            "topic's delay means that worker 'retry' does not bring records back",
            labels=["family", "topic"],
        ),
        tier_delay=GaugeMetricFamily(
            "claimx_retry_tier_delay_seconds",
            "How long a record waits in a retry topic on purpose",
            labels=["family", "topic"],
        ),
        topic_records=GaugeMetricFamily(
            "claimx_topic_records", "Records that a topic holds now", labels=["topic"]
        ),
        dead_letters=GaugeMetricFamily(
            "claimx_dead_letters_stored",
            "Records that a topic of dead letters holds, replayed ones included",
            labels=["topic"],
        ),
        looked_at=GaugeMetricFamily(
            "claimx_lag_looked_timestamp_seconds",
            "When the broker last said how far the groups are, seconds since 1970 UTC",
        ),
        failures=CounterMetricFamily(
            "claimx_lag_look_failures", "Looks at the groups that the broker did not answer"
        ),
    )


@frozen(eq=False)
class _Scraped:
    """What is read when it is asked for."""

    _lag: LagMetrics

    def describe(self) -> Iterable[Metric]:
        """Return the metrics without values."""
        return _families().all()

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics as of now."""
        lag, found = self._lag, _families()
        now = lag.clock.now().timestamp()
        for each in lag.partitions:
            _add_partition(found, each, now)
        for tier in lag.tiers:
            names = [tier.family, tier.topic]
            found.tier_records.add_metric(names, tier.records)
            found.tier_oldest.add_metric(names, _age(tier.oldest_at, now))
            found.tier_delay.add_metric(names, tier.delay_seconds)
        for topic, records in lag.topics.items():
            found.topic_records.add_metric([topic], records)
        for topic, records in lag.dead_letters.items():
            found.dead_letters.add_metric([topic], records)
        found.looked_at.add_metric([], lag.looked_at)
        found.failures.add_metric([], lag.failures)
        yield from found.all()


def _add_partition(found: _Families, each: PartitionLag, now: float) -> None:
    names = [each.worker, each.group, each.topic, str(each.partition)]
    age = _age(each.oldest_at, now)
    found.records.add_metric(names, each.records)
    found.seconds.add_metric(names, age)
    found.offset.add_metric(names, each.committed)
    found.end.add_metric(names, each.end)
    if each.retention_seconds:
        found.retention.add_metric(names, age / each.retention_seconds)
    if each.cause is not None:
        found.cause.add_metric([*names, each.cause.cause, each.cause.what], 1)


def _age(at: float | None, now: float) -> float:
    return 0.0 if at is None else max(0.0, now - at)
