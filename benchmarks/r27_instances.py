"""R27: events a second with 1, 2 and 4 instances of ``enrichment`` and ``entities``.

One Kafka, an API that takes 100 ms, no files: an instance waits for answers most of the time, so
what is measured is whether instances share the work and stay out of each other's way in the
tables. Requests at a time are few, so that this machine's cores are not the limit.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import tempfile
import time
import uuid
from datetime import timedelta
from pathlib import Path

import msgspec
from harness import Conditions, Result
from r21_skew import START, api, started

from claimx_pipeline import OutRecord, Pipeline
from claimx_pipeline.domain.messages import created
from claimx_pipeline.operations import create_all
from tests.rigs.topics import admin_of, publish

INSTANCES = (1, 2, 4)
PARTITIONS = 16
API_SECONDS = 0.1
AT_A_TIME = 4
"""Requests of one instance under way."""
PROJECTS = 4_000
AT_LEAST = 1.8
PATIENCE_SECONDS = 600.0
SETTINGS = """\
logging: {{level: WARNING}}
broker:
  url: "{url}"
  prefix: "{prefix}"
  topics:
    claimx.enrichment.pending: {{partitions: {partitions}}}
    claimx.entities.rows: {{partitions: {partitions}}}
claimx: {{api: {{base_url: "{api}", token: bench, max_concurrent: {at_a_time}}}}}
tables: {{root: "{folder}/tables"}}
plugins: {{dir: ""}}
"""


def events_of(pipeline: Pipeline, first: int, count: int) -> list[OutRecord]:
    """Return tasks to enrich: each about another assignment, of one of many projects."""
    domain = pipeline.domains["claimx"]
    decode = domain.decoder(pipeline.settings)
    topic = pipeline.topology.physical(domain.topics.enrichment_pending.name)
    made = []
    for number in range(first, first + count):
        project = str(100_000 + number % PROJECTS)
        raw = {
            "eventType": "CUSTOM_TASK_ASSIGNED",
            "projectId": project,
            "taskAssignmentId": str(5_000_000 + number),
            "ingestedAt": (START + timedelta(milliseconds=number)).isoformat(),
        }
        event = decode(msgspec.json.encode(raw), 0)
        value = domain.messages.task(event, created(pipeline.clock.now()))
        made.append(OutRecord(topic, value, project.encode()))
    return made


async def rate(url: str, instances: int, count: int) -> float:
    """Return the events a second of so many instances, until the last row is committed."""
    with tempfile.TemporaryDirectory() as place, contextlib.ExitStack() as stack:
        folder = Path(place)
        address = stack.enter_context(api(folder, API_SECONDS))
        text = SETTINGS.format(
            url=url,
            prefix=f"inst{uuid.uuid4().hex[:8]}.",
            api=address,
            folder=folder,
            partitions=PARTITIONS,
            at_a_time=AT_A_TIME,
        )
        (folder / "claimx.yaml").write_text(text)
        pipeline = Pipeline.load(environ={}, cwd=folder)
        await create_all(pipeline)
        command = (sys.executable, "-m", "claimx_pipeline", "worker", "enrichment", "entities")
        children = [stack.enter_context(started(*command, folder=folder)) for _ in range(instances)]
        topology = pipeline.topology
        rows = topology.physical("claimx.entities.rows")
        group = topology.group(pipeline.workers["entities"].group)
        async with admin_of(pipeline.broker()) as admin:

            async def done() -> int:
                for child in children:
                    if child.poll() is not None:
                        raise RuntimeError((folder / "log.txt").read_text()[-2000:])
                return sum((await admin.committed(group, rows)).values())

            async def until(wanted: int) -> float:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    while await done() < wanted:  # noqa: ASYNC110 - other processes do it
                        await asyncio.sleep(0.1)
                return time.monotonic()

            # All members have joined and are warm before the clock starts.
            await publish(pipeline.broker(), events_of(pipeline, 0, count // 4))
            await until(count // 4)
            await publish(pipeline.broker(), events_of(pipeline, count, count * instances))
            began = time.monotonic()
            ended = await until(count // 4 + count * instances)
            return count * instances / (ended - began)


async def bench(run: Conditions) -> list[Result]:
    """Measure each number of instances in turn, in rounds."""
    count, rounds = run.of(400, 2_000), run.of(1, 3)
    found: dict[int, list[float]] = {number: [] for number in INSTANCES}
    for _ in range(rounds):
        for number in INSTANCES:
            found[number].append(await rate(run.url, number, count))
    results = []
    for fewer, more in ((1, 2), (2, 4)):
        what = f"events a second of {more} instances of enrichment and entities; of {fewer}"
        result = Result("R27", what, f">= {AT_LEAST:g}", "events/s")
        result.product, result.bare = found[more], found[fewer]
        result.ratios = [a / b for a, b in zip(found[more], found[fewer], strict=True)]
        result.met = sorted(result.ratios)[len(result.ratios) // 2] >= AT_LEAST
        print(result.line(), flush=True)
        results.append(result)
    return results
