"""Creates everything that workers need before they start."""

from __future__ import annotations

from typing import TYPE_CHECKING

from claimx_pipeline.operations.tables import create_tables
from claimx_pipeline.operations.topics import create_topics

if TYPE_CHECKING:
    from claimx_pipeline.pipeline import Pipeline


async def create_all(pipeline: Pipeline) -> None:
    """Create every topic and table that is missing; those that exist are left as they are.

    Raises:
        BrokerError: The broker did not create a topic.
        TableError: A table's location cannot be written.
    """
    await create_topics(pipeline)
    await create_tables(pipeline)
