"""Every file of the pipeline's own has a row, whether it was stored or failed."""

from datetime import timedelta

import pytest
from attrs import evolve

from claimx_pipeline import OutRecord, RecordError
from claimx_pipeline.broker.sqlite.log import StoredRecord
from claimx_pipeline.media import DownloadResult, DownloadTask
from claimx_pipeline.runtime.dead_letters.dead_letter import DeadLetter
from tests.rigs import topics
from tests.rigs.file_records import cached_record, result_record, task_record
from tests.rigs.files import AT, FileRig

RESULT = DownloadResult(
    media_id="1",
    project_id="7001",
    event_id="e",
    download_url="https://files.example.com/x?sig=secret",
    blob_path="7001/media/1/photo.jpg",
    file_type="jpg",
    file_name="photo.jpg",
    status="completed",
    bytes_uploaded=7,
    checksum="abc",
    content_type="image/jpeg",
    downloaded_at=AT,
    created_at=AT,
)

TASK = DownloadTask(
    media_id="1",
    project_id="7001",
    event_id="e",
    download_url="https://files.example.com/x?sig=secret",
    blob_path="7001/media/1/photo.jpg",
    created_at=AT,
)


@pytest.fixture
async def rig(tmp_path) -> FileRig:
    return await FileRig.make(tmp_path)


def letter(
    sent: OutRecord, error: Exception, worker: str = "download", plugin: str = "", later: int = 0
) -> OutRecord:
    """Return the dead letter of *sent*, as the runtime makes it."""
    record = StoredRecord(sent.topic, 0, 0, sent.key, sent.value, sent.headers, 0)
    known = DeadLetter.of(
        record,
        error,
        group="g",
        worker=worker,
        now=AT + timedelta(seconds=later),
        plugin=plugin,
    )
    return known.to_record(record, "claimx.downloads.dlq")


async def test_a_stored_file_has_one_row_however_often_it_is_told(rig):
    await rig.publish(*(result_record(RESULT) for _ in range(3)))
    await rig.work("results")
    await rig.rewind("results", "claimx.downloads.results")
    await rig.work("results")
    [row] = rig.rows()
    assert {name: row[name] for name in ("status", "error", "blob_path", "bytes_downloaded")} == {
        "status": "completed",
        "error": "",
        "blob_path": RESULT.blob_path,
        "bytes_downloaded": 7,
    }
    assert (row["checksum"], row["content_type"], row["completed_at"]) == ("abc", "image/jpeg", AT)
    assert (row["file_name"], row["media_name"], row["media_type"]) == (
        "photo.jpg",
        "photo.jpg",
        "jpg",
    )


async def test_what_others_asked_for_is_not_ours_to_keep(rig):
    await rig.publish(result_record(evolve(RESULT, owner="somebody")))
    await rig.work("results")
    assert rig.rows() == []
    assert await rig.dead() == []


@pytest.mark.parametrize(
    ("category", "status"), [("permanent", "failed_permanent"), ("transient", "failed")]
)
async def test_a_file_that_is_given_up_is_told_to_its_owner_and_has_a_row(rig, category, status):
    from claimx_pipeline import Category

    error = RecordError("the file is empty", Category(category))
    theirs = evolve(TASK, owner="somebody", owner_ref="ref", media_id="2")
    await rig.publish(letter(task_record(TASK), error), letter(task_record(theirs), error))
    await rig.work("results")
    told = {result.owner: result for result in await rig.results()}
    assert {result.status for result in told.values()} == {status}
    assert told["somebody"].owner_ref == "ref"
    assert told["claimx"].error_message == "the file is empty"
    [row] = rig.rows()
    assert (row["media_id"], row["status"], row["error"]) == ("1", status, "the file is empty")
    assert row["completed_at"] is None


async def test_an_upload_that_is_given_up_is_told_as_well(rig):
    file = await rig.cached("1", b"x")
    await rig.publish(letter(cached_record(file), RecordError("damaged"), "upload"))
    await rig.work("results")
    [result] = await rig.results()
    assert (result.status, result.downloaded_at) == ("failed_permanent", AT)


async def test_a_replay_that_works_makes_the_failure_good(rig):
    await rig.publish(letter(task_record(TASK), RecordError("it is empty")))
    await rig.work("results")
    await rig.publish(letter(task_record(TASK), RecordError("still"), later=5))
    await rig.work("results")
    assert [row["error"] for row in rig.rows()] == ["still"]
    await rig.publish(result_record(RESULT))
    await rig.work("results")
    assert [(row["status"], row["error"]) for row in rig.rows()] == [("completed", "")]


async def test_a_later_failure_does_not_hide_a_file_that_is_stored(rig):
    await rig.publish(result_record(RESULT))
    await rig.work("results")
    await rig.publish(letter(task_record(TASK), RecordError("the link has ended"), later=60))
    await rig.work("results")
    [row] = rig.rows()
    assert (row["status"], row["error"], row["checksum"]) == ("completed", "", "abc")


async def test_letters_that_are_of_no_file_are_left_alone(rig):
    """A plugin that failed, another worker's, one that nobody can read, our own."""
    record = task_record(TASK)
    await rig.publish(
        letter(record, RecordError("x"), plugin="scanner"),
        letter(record, RecordError("x"), worker="enrichment"),
        letter(evolve(record, value=b"{"), RecordError("not JSON")),
        OutRecord("claimx.downloads.dlq", b"{}", b"k"),
        OutRecord("claimx.downloads.results", b"no result", b"k"),
    )
    await rig.work("results")
    assert [DeadLetter.read(each).worker for each in (await rig.dead())[4:]] == ["results"]
    assert rig.rows() == []
    assert len(await rig.results_raw()) == 1


async def test_a_batch_of_failed_uploads_alone_is_dealt_with_and_committed(rig):
    """No row comes of the dead letters themselves, and only rows of failures afterwards."""
    files = [await rig.cached(str(number), b"x") for number in range(1, 6)]
    await rig.publish(
        *(letter(cached_record(file), RecordError("damaged"), "upload") for file in files)
    )
    await rig.work("results")
    assert [row["status"] for row in rig.rows()] == ["failed_permanent"] * 5
    assert await committed(rig, "results", "claimx.downloads.dlq") == 5
    assert await committed(rig, "results", "claimx.downloads.results") == 5


async def test_a_batch_without_any_row_is_committed(rig):
    """Failures of what others asked for: published to them, and no row of ours."""
    file = await rig.cached("1", b"x", owner="somebody")
    await rig.publish(letter(cached_record(file), RecordError("damaged"), "upload"))
    await rig.work("results")
    assert rig.rows() == []
    assert await committed(rig, "results", "claimx.downloads.results") == 1


async def test_failures_that_change_no_row_are_committed(rig):
    """A failure never replaces a file that is stored: a batch of such ones writes nothing."""
    await rig.publish(result_record(RESULT))
    await rig.work("results")
    failed = evolve(RESULT, status="failed", checksum="", created_at=AT + timedelta(seconds=60))
    await rig.publish(*(result_record(failed) for _ in range(3)))
    await rig.work("results")
    assert [row["status"] for row in rig.rows()] == ["completed"]
    assert await committed(rig, "results", "claimx.downloads.results") == 4


async def committed(rig: FileRig, worker: str, topic: str) -> int:
    topology = rig.pipeline.topology
    group = topology.group(rig.pipeline.workers[worker].group)
    return await topics.committed(rig.pipeline.broker(), group, topology.physical(topic))
