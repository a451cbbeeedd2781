"""An event of several files of which the API names only some."""

import json

import pytest

from claimx_pipeline import OutRecord
from claimx_pipeline.simulator.world import World
from tests.rigs.whole_pipeline import whole_pipeline

WORKERS = ("ingest", "enrichment", "entities", "retry", "download", "upload", "results")
FILES = ["91000001", "91000002"]


async def published(whole, *media_ids):
    event = {
        "eventType": "PROJECT_FILE_ADDED",
        "projectId": 700100,
        "mediaId": "",
        "mediaIds": [int(one) for one in media_ids],
        "IngestionTime": "2026-01-12T11:40:00Z",
    }
    producer = whole.pipeline.broker().producer()
    await producer.start()
    topic = whole.pipeline.topology.physical("claimx.events.raw")
    await producer.publish([OutRecord(topic, json.dumps(event).encode(), b"700100")])
    await producer.close()


def media(whole):
    rows = whole.rows("SELECT media_id FROM claimx_attachment_metadata ORDER BY 1")
    return [row["media_id"] for row in rows]


def line(whole):
    found = whole.rows("SELECT * FROM claimx_event_log")
    return found[0]["outcome"] if found else None


def stored(whole):
    sql = "SELECT media_id, status FROM claimx_attachments ORDER BY 1"
    return [(row["media_id"], row["status"]) for row in whole.rows(sql)]


async def test_the_files_found_are_stored_while_the_others_are_tried_again(tmp_path):
    async with whole_pipeline(tmp_path, workers=WORKERS, delays=(1, 2)) as whole:
        whole.world.set_clock(whole.world.end(60))
        await published(whole, *FILES, "99999999")
        whole.start()
        await whole.until(lambda: line(whole) == "incomplete")
        assert media(whole) == FILES
        (found,) = whole.rows("SELECT reason FROM claimx_event_log")
        assert found["reason"].startswith("media 99999999 is not among the files")
        await whole.idle()
        assert await whole.dead() == {"claimx.enrichment.dlq": 1}
        (found,) = whole.rows("SELECT outcome, reason, attempts FROM claimx_event_log")
        assert (found["outcome"], found["attempts"]) == ("dead", 3)
        assert "2 of 3 files were found" in found["reason"]
        assert media(whole) == FILES
        assert stored(whole) == [(one, "completed") for one in FILES]


async def test_an_event_is_whole_once_its_last_file_is_there(tmp_path):
    async with whole_pipeline(tmp_path, workers=WORKERS, delays=(1, 1, 1, 1)) as whole:
        last = whole.world.events(12)[8]
        late = str(last.media_id)
        before = World(7)
        whole.world.set_clock(before.end(8))
        await published(whole, *FILES, late)
        whole.start()
        await whole.until(lambda: line(whole) == "incomplete")
        assert media(whole) == FILES
        whole.world.set_clock(before.end(12))
        await whole.idle()
        assert await whole.dead() == {}
        assert line(whole) == "enriched"
        assert media(whole) == [*FILES, late]
        assert stored(whole) == [(one, "completed") for one in (*FILES, late)]


@pytest.mark.parametrize("ids", [["99999998"], ["99999998", "99999999"]])
async def test_an_event_without_any_of_its_files_is_dead(tmp_path, ids):
    async with whole_pipeline(tmp_path, workers=WORKERS, delays=(1, 2)) as whole:
        whole.world.set_clock(whole.world.end(60))
        await published(whole, *ids)
        whole.start()
        await whole.idle()
        assert line(whole) == "dead"
        assert media(whole) == []
        assert await whole.records("claimx.downloads.pending") == []
