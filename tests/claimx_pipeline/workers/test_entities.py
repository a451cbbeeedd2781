"""``entities`` on real topics and tables: a kind that it does not know waits for its replay."""

import asyncio
from pathlib import Path

import pytest
from attrs import evolve

from claimx_pipeline import OutRecord
from claimx_pipeline.claimx.entities import KINDS
from claimx_pipeline.claimx.messages import EntityDecoder
from claimx_pipeline.delta.querying.query import run_query
from claimx_pipeline.domain.entities import RowsByKind, rows_of
from claimx_pipeline.operations import create_all
from claimx_pipeline.runtime.dead_letters.large_values import ValueFiles
from claimx_pipeline.runtime.dead_letters.reader import DeadLetterFilter, DeadLetterReader
from claimx_pipeline.runtime.dead_letters.replay import Replayer
from claimx_pipeline.runtime.headers import header
from claimx_pipeline.topics import ENTITIES_DLQ, ENTITIES_ROWS
from claimx_pipeline.workers import entities
from tests.rigs.worker import Rig

MESSAGE = (Path(__file__).parents[2] / "data" / "messages" / "entity_rows.json").read_bytes()
OLDER = [kind for kind in KINDS if kind.name != "video_collab"]
"""The kinds of a version that does not know video calls yet."""


@rows_of(OLDER)
class OlderRows(RowsByKind):
    """Rows of those kinds."""


def older(_) -> entities.EntitiesProcessor:
    return entities.EntitiesProcessor(EntityDecoder(OLDER, OlderRows))


@pytest.fixture
async def rig(tmp_path) -> Rig:
    rig = await Rig.make(tmp_path)
    await create_all(rig.pipeline)
    return rig


async def run(rig: Rig, records: int, **changes) -> None:
    """Run ``entities`` until it has dealt with *records* records."""
    loop = rig.loop(evolve(entities.WORKER, **changes), asyncio.Event())
    await rig.run_until(lambda: loop.metrics.records == records, loop)


async def publish(rig: Rig, *values: bytes) -> None:
    producer = rig.broker().producer()
    await producer.start()
    topic = rig.pipeline.topology.physical(ENTITIES_ROWS.name)
    await producer.publish([OutRecord(topic, value, b"700100") for value in values])
    await producer.close()


async def dead_letters(rig: Rig) -> list:
    admin = rig.broker().admin()
    reader = await DeadLetterReader.open(admin, rig.pipeline.topology, [ENTITIES_DLQ.name])
    found = [letter async for page in reader.pages(DeadLetterFilter()) for letter in page]
    await admin.close()
    return found


def counts(rig: Rig) -> dict[str, int]:
    store, names = rig.pipeline.table_store, [kind.table.name for kind in KINDS]
    query = "SELECT count(*) AS n FROM {}"
    found = {name: run_query(store, query.format(name)).to_pylist() for name in names}
    return {name: rows[0]["n"] for name, rows in found.items() if rows[0]["n"]}


async def test_rows_of_an_unknown_kind_are_a_dead_letter_whose_replay_brings_all_of_them(rig):
    other = MESSAGE[: MESSAGE.index(b',"rows":')] + b',"rows":{"projects":[{"project_id":"8"}]}}'
    await publish(rig, MESSAGE, other)

    await run(rig, 2, build=older)
    (letter,) = await dead_letters(rig)
    error = header(letter.record.headers, "claimx-dlq-error")
    assert "1 row(s) of the kind 'video_collab', which this worker does not know" in error
    assert "upgrade this worker, then replay the dead letter" in error
    assert counts(rig) == {"claimx_projects": 1}, "the other record went on"

    producer = rig.broker().producer()
    await producer.start()
    files = ValueFiles(rig.pipeline.settings.storage.files.root)
    replayer = Replayer.of(
        rig.pipeline.topology, (entities.WORKER,), ["mine"], files, rig.pipeline.clock
    )
    await replayer.replay([letter], producer)
    await producer.close()

    await run(rig, 1)
    assert counts(rig) == {
        "claimx_projects": 2,
        "claimx_contacts": 4,
        "claimx_attachment_metadata": 1,
        "claimx_task_templates": 1,
        "claimx_tasks": 1,
        "claimx_external_links": 1,
        "claimx_video_collab": 1,
    }
    assert await dead_letters(rig) == []
