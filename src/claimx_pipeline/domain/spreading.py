"""Over how many partitions a domain's entity rows are spread: at most as many as buckets."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import evolve

from claimx_pipeline.domain.domain import Domain
from claimx_pipeline.errors import Problem, Refusals, SettingsError
from claimx_pipeline.settings.tree.settings import Settings
from claimx_pipeline.topics import Topology


def within_buckets(
    topology: Topology, domains: Iterable[Domain], settings: Settings, refusals: Refusals
) -> Topology:
    """Return *topology* with no more partitions for entity rows than ``tables.buckets``.

    A message goes to the partition of its bucket, so a further one would never have a record.

    Raises:
        SettingsError: The settings ask for more partitions than buckets.
    """
    buckets, topics = settings.tables.buckets, dict(topology.topics)
    for name in (domain.topics.entities_rows.name for domain in domains):
        given = settings.broker.topics.get(name)
        if given and given.partitions and given.partitions > buckets:
            why = (
                f"{given.partitions} partitions for {buckets} buckets: some would never have a "
                "record; ask for fewer, or set 'tables.buckets' before tables are created"
            )
            with refusals.of():
                raise SettingsError([Problem(f"broker.topics.{name}.partitions", why)])
        if name in topics and topics[name].partitions > buckets:
            topics[name] = evolve(topics[name], partitions=buckets)
    return evolve(topology, topics=topics)
