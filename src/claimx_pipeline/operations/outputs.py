"""Topics that are written here and that nothing reads."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from attrs import frozen

from claimx_pipeline.broker.inspection import inspector_of

if TYPE_CHECKING:
    from claimx_pipeline.pipeline import Pipeline


@frozen
class UnreadOutput:
    """A topic that workers or plugins write, and that no worker and no group reads."""

    topic: str
    """As the broker calls it."""
    written_by: tuple[str, ...]
    """Who writes it."""

    def __str__(self) -> str:
        return (
            f"nothing reads topic {self.topic!r}, which {', '.join(self.written_by)} writes; start "
            "what is to read it, or leave it unwritten"
        )


async def unread_outputs(
    pipeline: Pipeline, workers: Collection[str] | None = None
) -> list[UnreadOutput]:
    """Return the topics that are written and that nothing reads, by name.

    What other programs read is known by their consumer groups. Topics that are declared for
    people and tools, such as those of dead letters, are none; a worker's success_topic is one.

    Args:
        pipeline: The pipeline.
        workers: Only topics that one of these writes, or plugins; all if not given.

    Raises:
        BrokerError: The broker did not answer.
    """
    suspected = _suspected(pipeline, workers)
    if not suspected:
        return []
    read = await _readers(pipeline)
    return [
        UnreadOutput(topic, writers)
        for topic, writers in suspected.items()
        if not read.get(topic, frozenset())
    ]


def _suspected(pipeline: Pipeline, workers: Collection[str] | None) -> dict[str, tuple[str, ...]]:
    """Return the topics that no worker reads, as the broker calls them, and what writes them."""
    topology = pipeline.topology
    written = (each.success_topic for each in pipeline.settings.workers.values())
    outputs = {*topology.without_reader(), *(name for name in written if name)}
    found = {}
    for name in sorted(outputs - topology.readers.keys()):
        writers = [each for each in topology.writers.get(name, ()) if each != "retry"]
        here = workers is None or any(
            each in workers or each.startswith("plugin ") for each in writers
        )
        if writers and here:
            found[topology.physical(name)] = tuple(writers)
    return found


async def _readers(pipeline: Pipeline) -> Mapping[str, frozenset[str]]:
    inspector = inspector_of(pipeline.broker())
    if inspector is None:
        return {}
    try:
        return await inspector.readers()
    finally:
        await inspector.close()
