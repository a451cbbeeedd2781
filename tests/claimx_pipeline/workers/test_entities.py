"""``entities`` on real topics and tables: a kind that it does not know waits for its replay."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from attrs import evolve

from claimx_pipeline import OutRecord, RecordError, Topic
from claimx_pipeline.claimx.domain import CLAIMX
from claimx_pipeline.claimx.entities import KINDS, EntityRows
from claimx_pipeline.claimx.events import Event
from claimx_pipeline.delta.querying.query import run_query
from claimx_pipeline.domain.entities import RowsByKind, rows_of
from claimx_pipeline.domain.messages import EVENT_ID, EntityMessage, created
from claimx_pipeline.operations import create_all
from claimx_pipeline.runtime.dead_letters.dead_letter import DeadLetter
from claimx_pipeline.runtime.dead_letters.large_values import ValueFiles
from claimx_pipeline.runtime.dead_letters.reader import DeadLetterFilter, DeadLetterReader
from claimx_pipeline.runtime.dead_letters.replay import Replayer
from claimx_pipeline.runtime.headers import header
from claimx_pipeline.testing import make_record
from claimx_pipeline.workers import entities
from tests.rigs import topics
from tests.rigs.worker import Rig

NOW = datetime(2026, 1, 2, 8, tzinfo=UTC)
MESSAGE = (Path(__file__).parents[2] / "data" / "messages" / "entity_rows.json").read_bytes()
OLDER = [kind for kind in KINDS if kind.name != "video_collab"]
"""The kinds of a version that does not know video calls yet."""


@rows_of(OLDER)
class OlderRows(RowsByKind):
    """Rows of those kinds."""


def older(resources) -> entities.EntitiesProcessor:
    return entities.EntitiesProcessor(evolve(CLAIMX, kinds=tuple(OLDER), rows=OlderRows), resources)


@pytest.fixture
async def rig(tmp_path) -> Rig:
    rig = await Rig.make(tmp_path)
    await create_all(rig.pipeline)
    return rig


async def run(rig: Rig, records: int, **changes) -> None:
    """Run ``entities`` until it has dealt with *records* records."""
    loop = rig.loop(evolve(entities.worker(CLAIMX), **changes), asyncio.Event())
    await rig.run_until(lambda: loop.metrics.records == records, loop)


async def publish(rig: Rig, *values: bytes) -> None:
    producer = rig.broker().producer()
    await producer.start()
    topic = rig.pipeline.topology.physical(CLAIMX.topics.entities_rows.name)
    await producer.publish([OutRecord(topic, value, b"700100") for value in values])
    await producer.close()


def log(rig: Rig) -> list[dict]:
    query = "SELECT event_id, outcome, category, reason, project_id FROM claimx_event_log"
    return run_query(rig.pipeline.table_store, query).to_pylist()


async def dead_letters(rig: Rig) -> list:
    admin = rig.broker().admin()
    reader = await DeadLetterReader.open(
        admin, rig.pipeline.topology, [CLAIMX.topics.entities_dlq.name]
    )
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

    await run(rig, 4, build=older)  # its dead letter and the line that says so among them
    (letter,) = await dead_letters(rig)
    error = header(letter.record.headers, "claimx-dlq-error")
    assert "1 row(s) of the kind 'video_collab', which this worker does not know" in error
    assert "upgrade this worker, then replay the dead letter" in error
    assert counts(rig) == {"claimx_projects": 1}, "the other record went on"
    (line,) = [each for each in log(rig) if each["outcome"] == "dead"]
    assert (line["category"], line["reason"]) == ("permanent", error)

    producer = rig.broker().producer()
    await producer.start()
    files = ValueFiles(rig.pipeline.settings.storage.files.root)
    replayer = Replayer.of(
        rig.pipeline.topology, (entities.worker(CLAIMX),), ["mine"], files, rig.pipeline.clock
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
    assert [each["outcome"] for each in log(rig)].count("dead") == 0, "it is repaired"


def dead(worker: str, value: bytes, at: datetime, topic: Topic, **more) -> OutRecord:
    """Return the dead letter of *worker* about the record with *value*, failed *at* that time."""
    record = evolve(make_record(value), key=b"700100", **more)
    error = RecordError("ClaimX has no such project")
    known = DeadLetter.of(record, error, group="g", worker=worker, now=at)
    return known.to_record(record, topic.name)


def message(outcome: str, at: datetime) -> bytes:
    line = {
        "event_id": "e1",
        "project_id": "700100",
        "outcome": outcome,
        "reason": "",
        "category": "",
        "enriched_at": at.isoformat(),
    }
    message = EntityMessage("e1", "PROJECT_CREATED", "700100", line, EntityRows())
    return CLAIMX.messages.encode(message)


TASK = CLAIMX.messages.task(
    Event("e1", "PROJECT_CREATED", "700100", datetime(2026, 1, 1, tzinfo=UTC)), created(NOW)
)
RAW = b'{"event_id":"e1","event_type":"PROJECT_CREATED","project_id":"700100"}'
LATER, EARLIER = NOW + timedelta(minutes=1), NOW - timedelta(minutes=1)


@pytest.mark.parametrize(
    ("worker", "value", "topic"),
    [
        ("ingest", RAW, CLAIMX.topics.events_dlq),
        ("enrichment", TASK, CLAIMX.topics.enrichment_dlq),
        ("entities", message("enriched", NOW), CLAIMX.topics.entities_dlq),
    ],
)
async def test_an_event_that_dies_in_a_worker_has_a_line_that_says_why(rig, worker, value, topic):
    await topics.publish(rig.broker(), [dead(worker, value, NOW, topic)])
    await run(rig, 2)
    assert log(rig) == [
        {
            "event_id": "e1",
            "project_id": "700100",
            "outcome": "dead",
            "category": "permanent",
            "reason": "ClaimX has no such project",
        }
    ]


@pytest.mark.parametrize(
    ("died", "last"), [(EARLIER, "enriched"), (LATER, "dead")], ids=["before", "after"]
)
@pytest.mark.parametrize("dead_first", [True, False], ids=["told first", "told last"])
async def test_the_newer_outcome_stays_in_whatever_order_they_arrive(rig, died, last, dead_first):
    letter = dead("enrichment", TASK, died, CLAIMX.topics.enrichment_dlq)
    line = OutRecord(CLAIMX.topics.entities_rows.name, message("enriched", NOW), b"700100")
    first, second = (letter, line) if dead_first else (line, letter)
    await topics.publish(rig.broker(), [first])
    await run(rig, 2 if dead_first else 1)
    await topics.publish(rig.broker(), [second])
    await run(rig, 1 if dead_first else 2)
    assert [each["outcome"] for each in log(rig)] == [last]


async def test_what_is_not_of_an_event_or_only_a_plugins_failure_has_no_line(rig):
    no_event = dead("ingest", b"{", NOW, CLAIMX.topics.events_dlq)
    not_read = dead("events", RAW, NOW, CLAIMX.topics.events_dlq)  # ingest accounts for it
    foreign = OutRecord(CLAIMX.topics.enrichment_dlq.name, b"anything", b"k")
    record = evolve(make_record(TASK), key=b"700100")
    failed = DeadLetter.of(
        record, ValueError("x"), group="g", worker="enrichment", now=NOW, plugin="p"
    )
    plugin = failed.to_record(record, CLAIMX.topics.enrichment_dlq.name)
    await topics.publish(rig.broker(), [no_event, not_read, foreign, plugin])
    await run(rig, 4)
    assert log(rig) == []


async def test_a_line_that_dies_itself_is_not_passed_on_for_ever(rig):
    letter = dead("entities", message("dead", NOW), LATER, CLAIMX.topics.entities_dlq)
    await topics.publish(rig.broker(), [letter])
    await run(rig, 1)
    assert await topics.records(rig.broker(), CLAIMX.topics.entities_rows.name) == []


async def test_rows_that_cannot_be_read_are_accounted_for_by_header_and_key(rig):
    letter = dead("entities", b"{", NOW, CLAIMX.topics.entities_dlq, headers=((EVENT_ID, b"e9"),))
    await topics.publish(rig.broker(), [letter])
    await run(rig, 2)
    assert [(each["event_id"], each["outcome"]) for each in log(rig)] == [("e9", "dead")]
