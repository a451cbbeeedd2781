"""Delete topics: those of a prefix or by name, unless a group reads them now."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from attrs import frozen

from claimx_pipeline.broker.inspection import Inspector, inspector_of
from claimx_pipeline.errors import BrokerError, UsageError
from claimx_pipeline.operations.topics import open_admin, records_seen
from claimx_pipeline.settings.nearest import meant

if TYPE_CHECKING:
    from claimx_pipeline.pipeline import Pipeline

INTERNAL = "__"
"""What the names of Kafka's own topics begin with."""


@frozen(kw_only=True)
class TopicToDelete:
    """A topic that is to be deleted, and who reads it."""

    topic: str
    """As the broker calls it."""
    partitions: int
    """How many it has."""
    records: int
    """Records ever published to it."""
    groups: Sequence[str]
    """Groups that have read it, or whose workers do, as the broker calls them."""
    members: Mapping[str, int]
    """Those of them that have members now, with how many."""


async def topics_to_delete(
    pipeline: Pipeline, names: Iterable[str] = (), *, prefix: str | None = None
) -> list[TopicToDelete]:
    """Return what ``delete_topics`` would delete; nothing is changed.

    Args:
        pipeline: The pipeline.
        names: Topics by their logical names or the broker's.
        prefix: What the broker's names of further ones begin with.

    Raises:
        UsageError: There is no topic of a name, neither names nor a prefix were given, or the
            broker is not one whose topics can be deleted.
        BrokerError: The broker did not answer.
    """
    given = list(names)
    if not given and not prefix:
        raise UsageError("say which topics: their names, or --prefix with how they begin")
    async with AsyncExitStack() as stack:
        inspector = _inspector(pipeline)
        stack.push_async_callback(inspector.close)
        admin = await stack.enter_async_context(open_admin(pipeline))
        existing = {n: c for n, c in (await admin.topics()).items() if not n.startswith(INTERNAL)}
        chosen = _chosen(pipeline, existing, given, prefix)
        groups = await _groups(pipeline, inspector, chosen)
        members = await inspector.members(sorted({g for each in groups.values() for g in each}))
        return [
            TopicToDelete(
                topic=topic,
                partitions=existing[topic],
                records=await records_seen(admin, topic),
                groups=sorted(groups[topic]),
                members={g: members[g] for g in sorted(groups[topic]) if members.get(g)},
            )
            for topic in chosen
        ]


async def delete_topics(
    pipeline: Pipeline, names: Iterable[str] = (), *, prefix: str | None = None
) -> list[str]:
    """Delete topics with all that is in them, for ever; tables keep their rows.

    Args:
        pipeline: The pipeline.
        names: Topics by their logical names or the broker's.
        prefix: What the broker's names of further ones begin with.

    Returns:
        Names of those deleted, as the broker calls them.

    Raises:
        UsageError: As ``topics_to_delete``.
        BrokerError: A group that reads one of them has members, or the broker did not answer;
            in the first case nothing was deleted.
    """
    found = await topics_to_delete(pipeline, names, prefix=prefix)
    refuse_read(found)
    wanted = [each.topic for each in found]
    inspector = _inspector(pipeline)
    try:
        await inspector.delete_topics(wanted)
    finally:
        await inspector.close()
    return wanted


def refuse_read(topics: Iterable[TopicToDelete]) -> None:
    """Refuse to delete what is read now.

    Raises:
        BrokerError: A group that reads one of *topics* has members.
    """
    reading = {group: count for each in topics for group, count in each.members.items()}
    if reading:
        said = ", ".join(f"{group} has {count}" for group, count in sorted(reading.items()))
        raise BrokerError(
            f"groups that read these topics have members ({said}); nothing was deleted; "
            "stop their workers first"
        )


def _inspector(pipeline: Pipeline) -> Inspector:
    inspector = inspector_of(pipeline.broker())
    if inspector is None:
        raise UsageError(
            f"topics of {pipeline.broker().url} cannot be deleted from here; "
            "use the tool of that broker"
        )
    return inspector


def _chosen(
    pipeline: Pipeline, existing: Mapping[str, int], names: Sequence[str], prefix: str | None
) -> list[str]:
    """Return what the broker calls the topics that were asked for, each once."""
    chosen = {each for each in existing if prefix and each.startswith(prefix)}
    for name in names:
        topic = name if name in existing else pipeline.topology.on_broker(name)
        if topic not in existing:
            known = [*existing, *(pipeline.topology.logical(each) for each in existing)]
            raise UsageError(
                f"there is no topic {name!r} on the broker; {meant(name, known)}"
                "'claimx-run topics list' shows all"
            )
        chosen.add(topic)
    return sorted(chosen)


async def _groups(
    pipeline: Pipeline, inspector: Inspector, topics: Collection[str]
) -> dict[str, set[str]]:
    """Return, by topic, the groups that have read it or whose workers would."""
    committed = await inspector.readers()
    found = {topic: {*committed.get(topic, ())} for topic in topics}
    topology = pipeline.topology
    for name, workers in topology.readers.items():
        if (topic := topology.physical(name)) in found:
            specs = (pipeline.workers[each] for each in workers if each in pipeline.workers)
            found[topic] |= {topology.group(each.group) for each in specs}
    return found
