"""Runs one worker of a pipeline over real topics until it has nothing left to do."""

import asyncio
from collections.abc import Sequence
from typing import Any

from claimx_pipeline import Pipeline
from claimx_pipeline.broker.protocol import Record
from claimx_pipeline.operations import create_all, publish, read_topic, run_until_idle


async def run_worker(
    pipeline: Pipeline, name: str, topic: str, messages: Sequence[Any]
) -> dict[str, list[Record]]:
    """Publish *messages* as JSON to *topic*, run worker *name*, return what lies in its topics."""
    (spec,) = pipeline.select([name])
    await create_all(pipeline)
    await publish(pipeline, topic, messages)
    async with asyncio.timeout(60):
        await run_until_idle(pipeline, name)
    written = [*spec.writes, *([spec.dead_letters] if spec.dead_letters else [])]
    return {each.name: await read_topic(pipeline, each.name) for each in written}
