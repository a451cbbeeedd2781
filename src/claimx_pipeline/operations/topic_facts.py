"""One topic as it is on the broker, and as the settings want it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from attrs import frozen

from claimx_pipeline.broker.inspection import TopicFacts, inspector_of
from claimx_pipeline.errors import UsageError
from claimx_pipeline.operations.topics import ListedTopic, list_topics
from claimx_pipeline.settings.nearest import meant

if TYPE_CHECKING:
    from claimx_pipeline.broker.protocol import NewTopic
    from claimx_pipeline.pipeline import Pipeline


@frozen
class DescribedTopic:
    """A topic, how it is kept and how it would be created."""

    listed: ListedTopic
    """What ``list_topics`` says of it."""
    wanted: NewTopic | None
    """As the settings have it created; None if they do not name it any more."""
    found: TopicFacts | None
    """As it is; None if it does not exist, or the broker is not one that can be asked."""


async def describe_topic(pipeline: Pipeline, topic: str) -> DescribedTopic:
    """Return how one topic is kept, who writes it and who reads it.

    Args:
        pipeline: The pipeline.
        topic: Its logical name or the broker's.

    Raises:
        UsageError: There is no such topic.
        BrokerError: The broker did not answer.
    """
    described = {each.listed.physical: each for each in await describe_topics(pipeline)}
    name = pipeline.topology.on_broker(topic)
    if name not in described:
        hint = meant(topic, [*pipeline.topology.topics, *described])
        raise UsageError(f"there is no topic {topic!r}; {hint}'claimx-run topics list' shows all")
    return described[name]


async def describe_topics(pipeline: Pipeline) -> list[DescribedTopic]:
    """Return every topic that ``list_topics`` lists, with how it is kept.

    Raises:
        BrokerError: The broker did not answer.
    """
    listed = await list_topics(pipeline)
    wanted = {each.name: each for each in pipeline.topology.new_topics()}
    found = await _found(pipeline)
    return [
        DescribedTopic(each, wanted.get(each.physical), found.get(each.physical)) for each in listed
    ]


async def _found(pipeline: Pipeline) -> Mapping[str, TopicFacts]:
    inspector = inspector_of(pipeline.broker())
    if inspector is None:
        return {}
    try:
        return await inspector.facts()
    finally:
        await inspector.close()
