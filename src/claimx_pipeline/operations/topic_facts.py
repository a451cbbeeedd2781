"""One topic as it is on the broker, and as the settings want it."""

from __future__ import annotations

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
    listed = {each.physical: each for each in await list_topics(pipeline)}
    name = pipeline.topology.on_broker(topic)
    if name not in listed:
        hint = meant(topic, [*pipeline.topology.topics, *listed])
        raise UsageError(f"there is no topic {topic!r}; {hint}'claimx-run topics list' shows all")
    wanted = {each.name: each for each in pipeline.topology.new_topics()}
    return DescribedTopic(listed[name], wanted.get(name), await _found(pipeline, name))


async def _found(pipeline: Pipeline, name: str) -> TopicFacts | None:
    inspector = inspector_of(pipeline.broker())
    if inspector is None:
        return None
    try:
        return (await inspector.facts()).get(name)
    finally:
        await inspector.close()
