"""One worker is killed again and again while it writes: its tables are as if it had not been."""

import asyncio
import json
import random
import uuid
from collections import Counter
from pathlib import Path

import pytest
from attrs import define

from claimx_pipeline import OutRecord, Pipeline
from claimx_pipeline.broker.protocol import Admin, Record
from claimx_pipeline.claimx.domain import CLAIMX
from tests.faults.attacked_pipeline import PATIENCE_SECONDS
from tests.faults.form import FORM
from tests.faults.judgement import table_differences
from tests.faults.nursery import Nursery
from tests.rigs.whole_pipeline import WholePipeline, contents_of, whole_pipeline

WORLD = 3
ROWS_PER_EVENT = 5.0
"""Of a world's events, in the seven entity tables and the event log; fewer would be a smaller test."""
BATCHES_PER_LIFE = 8

SETTINGS = """\
broker: {{url: "{url}", prefix: "{prefix}", kafka: {{session_timeout_seconds: 3}}}}
claimx: {{api: {{base_url: {api}, token: demo-token}}}}
connections: {{itel_cabinet_api: {{base_url: {itel}, auth_token: demo-itel-token}}}}
tables: {{root: {folder}/tables}}
plugins: {{dir: ""}}
health: {{port: 0}}
workers: {{events: {{linger_seconds: 0}}, entities: {{linger_seconds: 0}}}}
"""


def disturbed_settings(whole: WholePipeline, folder: Path, worker: str, batch_size: int) -> str:
    """Return settings under which *worker* reads all again, as a group of its own, into tables of its own."""
    spec = whole.pipeline.workers[worker]
    return (
        SETTINGS.format(
            url=whole.pipeline.settings.broker.url,
            prefix=whole.pipeline.settings.broker.prefix,
            api=whole.simulator.api_url,
            itel=whole.simulator.itel_url,
            folder=folder,
        )
        .replace("broker: {", f"broker: {{groups: {{{spec.group}: {uuid.uuid4().hex}}}, ")
        .replace("linger_seconds: 0}", f"linger_seconds: 0, batch_size: {batch_size}}}")
    )


@pytest.fixture
async def worked(tmp_path, nursery, mortal_kafka):
    """A pipeline that has dealt with all its events, many of which came several times."""
    events = int(FORM.worker_rows / ROWS_PER_EVENT)
    folder = tmp_path / "undisturbed"
    folder.mkdir()
    place = {"url": mortal_kafka.url, "prefix": f"o{uuid.uuid4().hex[:8]}."}
    async with whole_pipeline(folder, seed=WORLD, settings=SETTINGS, **place) as whole:
        await publish_with_duplicates(whole, events)
        for workers in (["ingest", "events"], ["enrichment"], ["entities"]):
            await worked_off(nursery, folder, *workers)
        yield whole


async def publish_with_duplicates(whole: WholePipeline, count: int) -> None:
    chance = random.Random(WORLD)
    whole.world.set_clock(whole.world.end(count))
    raw = whole.pipeline.topology.physical("claimx.events.raw")
    events = whole.world.events(count)
    again = chance.choices(range(count), k=count // 4)
    places = sorted([*range(count), *again], key=lambda number: number + chance.uniform(0, 300))
    producer = whole.pipeline.broker().producer()
    await producer.start()
    await producer.publish(
        [
            OutRecord(raw, json.dumps(events[n].value).encode(), str(events[n].project_id).encode())
            for n in places
        ]
    )
    await producer.close()


@define
class Attacked:
    """A worker that is killed again and again."""

    pipeline: Pipeline
    folder: Path
    worker: str
    nursery: Nursery
    admin: Admin

    async def run(self) -> int:
        """Let it work to its end, killed as often as the form says; return how often it was."""
        chance = random.Random(self.worker)
        ends = sum((await self.admin.end_offsets(self.topic)).values())
        for kills in range(FORM.worker_kills):
            before = await self.committed()
            if before == ends:
                return kills
            child = self.nursery.start("worker", self.worker, cwd=self.folder)
            # It has begun to write; what it does in the next moments is cut off anywhere.
            async with asyncio.timeout(PATIENCE_SECONDS):
                while await self.committed() == before:
                    assert child.code is None, child.told()
                    await asyncio.sleep(0.02)
            await asyncio.sleep(chance.uniform(0, 0.4))
            child.kill()
        await worked_off(self.nursery, self.folder, self.worker)
        return FORM.worker_kills

    @property
    def topic(self) -> str:
        topic, *_ = self.pipeline.workers[self.worker].reads  # the others hold dead letters
        return self.pipeline.topology.physical(topic.name)

    async def committed(self) -> int:
        group = self.pipeline.topology.group(self.pipeline.workers[self.worker].group)
        return sum((await self.admin.committed(group, self.topic)).values())


async def worked_off(nursery: Nursery, folder: Path, *workers: str) -> None:
    """Run workers until they have nothing left to do."""
    child = nursery.start("worker", *workers, "--until-idle", cwd=folder)
    assert await asyncio.to_thread(child.wait, PATIENCE_SECONDS) == 0, child.told()


def rows_in(records: list[Record]) -> int:
    """Return how many rows messages of entity rows bring, the event log's included."""
    messages = [CLAIMX.messages.decode(record.value) for record in records]
    return sum(1 + sum(len(rows) for _, rows in each.rows.items()) for each in messages)


@pytest.mark.kafka
@pytest.mark.plugin
@pytest.mark.incident("OFF-02")
@pytest.mark.incident("OFF-11")
async def test_a_worker_killed_while_it_writes_leaves_the_same_contents(worked, nursery, tmp_path):
    """``entities`` over its merged tables, ``events`` over its append table, side by side."""

    async def of(worker: str) -> None:
        folder = tmp_path / worker
        folder.mkdir()
        tables = worked.pipeline.workers[worker].tables
        topic, *_ = worked.pipeline.workers[worker].reads
        records = await worked.records(topic.name)
        batch_size = max(1, len(records) // (FORM.worker_kills * BATCHES_PER_LIFE))
        config = folder / "claimx.yaml"
        config.write_text(disturbed_settings(worked, folder, worker, batch_size))
        pipeline = Pipeline.load(config, environ={}, cwd=folder)
        for table in tables:
            await asyncio.to_thread(pipeline.table_store.create, table)
        admin = pipeline.broker().admin()
        kills = await Attacked(pipeline, folder, worker, nursery, admin).run()
        await admin.close()
        expected, found = [await contents_of(of, tables) for of in (worked.pipeline, pipeline)]
        differences = table_differences(expected, found)
        rows = rows_in(records) if worker == "entities" else len(records)
        wrong = sum(differences.values(), Counter())
        print(
            f"{worker}: {rows} rows in {len(records)} records, kills {kills}, "
            f"lost {wrong['lost']}, doubled {wrong['doubled']}, wrong {wrong['wrong']}"
        )
        assert kills == FORM.worker_kills
        assert differences == {}
        assert rows >= FORM.worker_rows or worker != "entities"

    await asyncio.gather(of("entities"), of("events"))
