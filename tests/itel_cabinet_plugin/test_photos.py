"""The photos of a form: copied by the pipeline's own workers, noted in the plugin's table."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import unquote

import attrs
import pytest

from claimx_pipeline.media import DownloadResult
from claimx_pipeline.runtime.delivery import paused
from claimx_pipeline.simulator.faults import Fault
from itel_cabinet_plugin.settings import ItelSettings
from tests.rigs.file_records import result_record
from tests.rigs.itel import (
    MEDIA_WORKERS,
    WORKERS,
    cabinet_events,
    count,
    itel_rig,
    publish,
    status_message,
)
from tests.rigs.whole_pipeline import WholePipeline

pytestmark = pytest.mark.plugin

ATTACHMENTS = "claimx_itel_attachments"
AT = datetime(2026, 1, 12, 17, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _looks_again_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paused, "LONGEST_PAUSE_SECONDS", 1.0)


def completed_messages(rig: WholePipeline, happened: int) -> list[dict]:
    events = cabinet_events(rig.world, happened)
    return [status_message(event) for event in events if event.type.endswith("COMPLETED")]


def photos(rig: WholePipeline) -> list[dict]:
    return rig.rows(f"SELECT * FROM {ATTACHMENTS} ORDER BY assignment_id, media_id")


def expected(rig: WholePipeline, messages: list[dict]) -> set[tuple[int, str]]:
    """Return assignment and media id of every photo that the forms of *messages* hold."""
    tasks = [rig.world.task(message["assignment_id"]) for message in messages]
    return {
        (task.assignment_id, str(media_id))
        for task in tasks
        for media_id in task.completion(rig.world.now).photo_ids
    }


@pytest.mark.incident("LAT-16")
async def test_each_photo_lies_in_the_folder_of_its_assignment_and_its_row_says_where(tmp_path):
    async with itel_rig(tmp_path, workers=("itel-tracking", "retry", *MEDIA_WORKERS)) as rig:
        sent = completed_messages(rig, 60)
        rig.start()
        await publish(rig, sent)
        await rig.idle()
        found = photos(rig)
        assert {(row["assignment_id"], row["media_id"]) for row in found} == expected(rig, sent)
        for row in found:
            folder = f"itel_cabinet_form_attachments/{row['project_id']}/{row['assignment_id']}/"
            assert row["blob_path"].startswith(f"{folder}{row['media_id']}_"), row
            file = tmp_path / "files" / row["blob_path"]
            assert file.stat().st_size > 0
            assert (row["status"], row["error"], row["media_type"]) == (
                "completed",
                "",
                "image/jpeg",
            )
            assert row["question_key"]
        assert len({row["blob_path"] for row in found}) == len(found)
        # The pipeline's own table holds the pipeline's own files only.
        assert count(rig, "claimx_attachments") == 0
        assert await rig.dead() == {}


async def test_claimx_is_asked_for_the_files_that_the_event_names_only(tmp_path):
    async with itel_rig(tmp_path, workers=("itel-tracking", "retry", *MEDIA_WORKERS)) as rig:
        message = completed_messages(rig, 60)[0]
        every = sorted(expected(rig, [message]))
        named = [int(media_id) for _, media_id in every[:2]]
        assert len(every) > len(named)
        rig.start()
        await publish(rig, [{**message, "media_ids": [*map(str, named), "99999999"]}])
        await rig.idle()
        wanted = f"mediaId={','.join(map(str, named))}"
        asked = rig.simulator.requests.find("/service/cxedirest/export")
        assert [unquote(one.query) for one in asked if one.path.endswith("/media")] == [wanted]
        status = {(row["assignment_id"], row["media_id"]): row["status"] for row in photos(rig)}
        # The form's other photos keep their rows, and nothing is said of their files.
        assert status == {one: "completed" if one in every[:2] else None for one in every}
        assert await rig.dead() == {}


async def test_no_status_waits_for_a_photo_and_photos_follow_when_claimx_tells_their_links(
    tmp_path,
):
    async with itel_rig(tmp_path, workers=("itel-tracking", "retry", *MEDIA_WORKERS)) as rig:
        sent = completed_messages(rig, 60)
        number = rig.simulator.faults.add(Fault(kind="error", path="/service/cxedirest/export"))
        rig.start()
        await publish(rig, sent)
        await rig.until(lambda: count(rig, ATTACHMENTS) == len(expected(rig, sent)))
        assert count(rig, "itel_cabinet_task_tracking") == len(sent)
        assert count(rig, ATTACHMENTS, "status IS NULL") == len(expected(rig, sent))
        rig.simulator.faults.remove(number)
        await rig.idle()
        assert count(rig, ATTACHMENTS, "status = 'completed'") == len(expected(rig, sent))
        assert count(rig, "itel_cabinet_task_tracking") == len(sent)
        assert await rig.dead() == {}


async def test_a_photo_that_cannot_be_had_says_so_and_delays_nothing(tmp_path):
    async with itel_rig(tmp_path, workers=(*WORKERS, *MEDIA_WORKERS), delays=(0.1, 0.2)) as rig:
        sent = completed_messages(rig, 60)
        rig.simulator.faults.add(Fault(kind="error", path="/media", status=404))
        rig.start()
        await publish(rig, sent)
        await rig.idle()
        assert count(rig, "itel_cabinet_task_tracking") == len(sent)
        assert len(rig.simulator.submissions) == len(sent)
        found = photos(rig)
        assert {(row["assignment_id"], row["media_id"]) for row in found} == expected(rig, sent)
        assert {row["blob_path"] for row in found} == {None}
        assert {row["status"] for row in found} <= {"failed", "failed_permanent"}
        assert all(row["error"] for row in found)


def result(**changes) -> DownloadResult:
    given = {
        "media_id": "9",
        "project_id": "8",
        "event_id": "evt",
        "download_url": "https://example.com/9",
        "blob_path": "itel/8/7/9_a.jpg",
        "owner": "itel_cabinet",
        "owner_ref": "7",
        "status": "completed",
        "content_type": "image/png",
        "created_at": AT,
    }
    return DownloadResult(**{**given, **changes})


async def tell(rig: WholePipeline, *results: DownloadResult) -> None:
    producer = rig.pipeline.broker().producer()
    await producer.start()
    physical = rig.pipeline.topology.physical
    records = [result_record(each) for each in results]
    await producer.publish([attrs.evolve(each, topic=physical(each.topic)) for each in records])
    await producer.close()


async def test_a_file_that_is_stored_stays_stored_whatever_comes_later(tmp_path):
    async with itel_rig(tmp_path, workers=("itel-media",)) as rig:
        rig.start()
        failed = {"status": "failed", "error_message": "timed out"}
        await tell(rig, result(**failed, created_at=AT.replace(hour=16)))
        await rig.until(lambda: count(rig, ATTACHMENTS) == 1)
        (row,) = photos(rig)
        assert (row["status"], row["error"], row["blob_path"]) == ("failed", "timed out", None)
        await tell(rig, result())
        await tell(rig, result(**failed, created_at=AT.replace(hour=18)))
        await rig.idle()
        (row,) = photos(rig)
        assert (row["status"], row["error"]) == ("completed", "")
        assert (row["blob_path"], row["media_type"]) == ("itel/8/7/9_a.jpg", "image/png")


async def test_results_of_others_are_left_alone_and_a_strange_one_is_dead(tmp_path):
    async with itel_rig(tmp_path, workers=("itel-media",)) as rig:
        rig.start()
        others = [result(owner="claimx"), result(owner="acme")]
        await tell(rig, *others, result(owner_ref="nobody"), result(media_id="10"))
        await rig.idle()
        assert [row["media_id"] for row in photos(rig)] == ["10"]
        assert await rig.dead() == {"itel.cabinet.task.tracking.errors": 1}


@pytest.mark.parametrize(
    ("folder", "problem"),
    [
        ("/photos", "not a valid relative folder"),
        ("a/../b", "not a valid relative folder"),
        ("", "not a valid relative folder"),
        ("{task_id}/x", "names 'task_id'; it may name assignment_id, project_id"),
        ("{", "not a valid template"),
    ],
)
def test_a_folder_that_leads_elsewhere_is_refused(folder, problem):
    with pytest.raises(ValueError, match=problem):
        ItelSettings(photos_folder=folder)
