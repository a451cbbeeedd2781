"""The same events, however they are wrapped, become the same rows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from claimx_pipeline import OutRecord
from claimx_pipeline.claimx.events import decode_event, event_decoder
from claimx_pipeline.claimx.tables import ENTITY_TABLES
from claimx_pipeline.settings.tree.claimx import EventsSettings
from tests.rigs.whole_pipeline import contents_of, whole_pipeline

DATA = Path(__file__).parents[2] / "data" / "events"
WRAPPED = ("snake_case", "source_event", "gateway", "gateway_text")
WORKERS = ("ingest", "events", "enrichment", "entities")
OWN = {"claimx.events.payload_path": "body.event", "claimx.events.time_path": "head.at"}
PUBLISHED_MS = 1768500000123


def lines(name: str) -> list[bytes]:
    return (DATA / f"{name}.jsonl").read_bytes().splitlines()


def in_own_envelope() -> list[bytes]:
    """Wrap the events as no preset does."""
    head = {"at": "2026-01-14T00:00:00Z", "event_id": "not this"}
    wrapped = [{"head": head, "body": {"event": json.loads(line)}} for line in lines("bare")]
    return [json.dumps(one).encode() for one in wrapped]


@pytest.mark.parametrize("name", WRAPPED)
def test_an_event_is_the_same_however_it_is_wrapped(name):
    bare = [decode_event(line, PUBLISHED_MS) for line in lines("bare")]
    assert [decode_event(line, 0) for line in lines(name)] == bare
    assert len({event.event_id for event in bare}) == len(bare)
    assert all(event.id_has_time for event in bare)


@pytest.mark.parametrize("name", ["source_event", "gateway", "gateway_text"])
def test_the_payload_is_the_event_without_its_envelope(name):
    payloads = [json.loads(bytes(decode_event(line, 0).payload)) for line in lines(name)]
    assert payloads == [json.loads(line) for line in lines("bare")]


def test_an_envelope_of_ones_own_is_read_where_the_settings_say():
    decode = event_decoder(EventsSettings(payload_path="body.event", time_path="head.at"))
    bare = [decode_event(line, 0) for line in lines("bare")]
    assert [decode(line, 0) for line in in_own_envelope()] == bare


async def stored(folder: Path, values: list[bytes], overrides: dict[str, str]) -> dict:
    """Return what all tables hold once *values* went through the pipeline."""
    folder.mkdir()
    async with whole_pipeline(folder, workers=WORKERS, overrides=overrides) as whole:
        whole.world.set_clock(whole.world.end(60))
        producer = whole.pipeline.broker().producer()
        await producer.start()
        topic = whole.pipeline.topology.physical("claimx.events.raw")
        await producer.publish([OutRecord(topic, value, b"k") for value in values])
        await producer.close()
        whole.start()
        await whole.idle()
        assert await whole.dead() == {}
        events = whole.rows("SELECT * EXCLUDE (created_at) FROM claimx_events ORDER BY event_id")
        tables = [spec.name for spec in ENTITY_TABLES.values()]
        found = await contents_of(whole.pipeline, [*tables, "claimx_event_log"])
        media = whole.rows("SELECT media_id FROM claimx_attachment_metadata ORDER BY 1")
        tasks = await whole.records("claimx.downloads.pending")
    return {
        "events": [row | {"raw_data": json.loads(row["raw_data"])} for row in events],
        "tables": found,
        "media": [row["media_id"] for row in media],
        "downloads": sorted(json.loads(task.value)["media_id"] for task in tasks),
    }


@pytest.mark.parametrize("name", [*WRAPPED, "own"])
async def test_the_tables_are_the_same_however_events_are_wrapped(tmp_path, name):
    bare = await stored(tmp_path / "bare", lines("bare"), {})
    own = name == "own"
    values = in_own_envelope() if own else lines(name)
    wrapped = await stored(tmp_path / "wrapped", values, OWN if own else {})
    if name == "snake_case":
        for row in (*bare["events"], *wrapped["events"]):
            del row["raw_data"]  # spelled otherwise, it is another text
    assert wrapped == bare
    files = [f"9100000{n}" for n in range(1, 7)]
    assert (bare["media"], bare["downloads"]) == (files, files)
