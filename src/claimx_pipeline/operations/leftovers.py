"""What waits on the broker because settings were changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from claimx_pipeline.errors import Problem
from claimx_pipeline.operations.topics import open_admin
from claimx_pipeline.runtime.offsets.reading import left_to_read, retired_topics, unread_topics

if TYPE_CHECKING:
    from claimx_pipeline.pipeline import Pipeline


async def left_behind(pipeline: Pipeline) -> list[Problem]:
    """Return, as warnings, which records wait in topics that the settings do not name any more.

    Those of a retry topic whose delay was removed are brought back by worker ``retry``; those of
    a topic that was renamed wait until the settings name it again.

    Raises:
        BrokerError: The broker did not answer.
    """
    topology, workers = pipeline.topology, list(pipeline.workers.values())
    found = []
    async with open_admin(pipeline) as admin:
        existing = await admin.topics()
        for worker in workers:
            for topic in retired_topics(worker, topology, existing):
                records = await left_to_read(admin, topology.group(worker.group), topic)
                if records:
                    what = (
                        f"no delay has retry topic {topic!r} any more, in which {records} records "
                        f"wait; worker {worker.name!r} brings them back when they are due"
                    )
                    found.append(Problem("retry", what))
        unread = await unread_topics(admin, topology, workers)
    return found + [Problem("broker.topics", str(each)) for each in unread]
