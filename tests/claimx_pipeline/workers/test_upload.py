"""Files go from the cache to where they belong, each on its own."""

import json

import pytest
from attrs import evolve

from claimx_pipeline import OutRecord
from claimx_pipeline.media.store import CHECK
from claimx_pipeline.runtime.dead_letters.dead_letter import DeadLetter
from tests.fakes.http_service import http_service
from tests.fakes.s3_service import S3Service, error
from tests.rigs import topics
from tests.rigs.file_records import cached_record
from tests.rigs.files import SETTINGS, FileRig, alone


@pytest.fixture
async def rig(tmp_path) -> FileRig:
    return await FileRig.make(tmp_path)


async def test_a_file_is_copied_told_and_leaves_the_cache(rig):
    file = await rig.cached("1", b"a photo", owner_ref="ref", owner="somebody")
    await rig.publish(cached_record(file))
    await rig.work("upload")
    assert await rig.stored() == {"7001/media/1/photo.jpg": b"a photo"}
    [result] = await rig.results()
    assert (result.status, result.bytes_uploaded, result.checksum) == (
        "completed",
        7,
        file.checksum,
    )
    assert (result.owner, result.owner_ref, result.content_type) == (
        "somebody",
        "ref",
        "image/jpeg",
    )
    [record] = await rig.records("claimx.downloads.results")
    assert record.key == b"somebody:1"
    assert dict(record.headers)["claimx-id"] == file.identity.encode()
    assert await rig.left_in_cache() == {}


@pytest.mark.incident("LAT-20")
async def test_one_failure_leaves_the_successes_alone_also_after_a_restart(rig):
    good = [await rig.cached(str(number), b"photo %d" % number) for number in range(5)]
    damaged = evolve(await rig.cached("9", b"whole"), bytes_downloaded=6)
    await rig.publish(*(cached_record(file) for file in (*good[:3], damaged, *good[3:])))
    await rig.work("upload")
    for _ in range(2):
        assert len(await rig.stored()) == 5
        assert {result.status for result in await rig.results()} == {"completed"}
        assert {DeadLetter.read(letter).worker for letter in await rig.dead()} == {"upload"}
        assert {letter.key for letter in await rig.dead()} == {b"claimx:9"}
        assert list(await rig.left_in_cache()) == [damaged.cache_path], "kept for a replay"
        # As if the process had died before its commit: everything comes again.
        await rig.rewind("upload", "claimx.downloads.cached")
        await rig.work("upload")


@pytest.mark.incident("MED-04")
async def test_a_damaged_file_never_replaces_a_good_one(rig):
    file = await rig.cached("1", b"good")
    await rig.publish(cached_record(file))
    await rig.work("upload")
    worse = await rig.cached("1", b"other")
    await rig.cache.put(worse.cache_path, alone(b"rotten"))
    await rig.publish(cached_record(worse))
    await rig.work("upload")
    assert await rig.stored() == {file.blob_path: b"good"}
    [letter] = await rig.dead()
    assert "is damaged: 6 bytes" in DeadLetter.read(letter).error


async def test_a_file_that_is_gone_from_the_cache_is_dead_and_says_why(rig):
    file = await rig.cached("1", b"photo")
    await rig.cache.delete(file.cache_path)
    await rig.publish(cached_record(file))
    await rig.work("upload")
    [letter] = await rig.dead()
    assert "is missing from the cache" in DeadLetter.read(letter).error
    assert await rig.results() == []


@pytest.mark.incident("LAT-16")
@pytest.mark.incident("MED-07")
async def test_a_path_that_leads_out_of_the_store_is_refused(rig, tmp_path):
    file = await rig.cached("1", b"x", blob_path="9/media/../../../evil.jpg")
    await rig.publish(cached_record(file))
    await rig.work("upload")
    assert "is not a valid path of a file" in DeadLetter.read((await rig.dead())[0]).error
    assert not list(tmp_path.rglob("evil.jpg"))


async def test_what_is_no_message_is_dead_alone(rig):
    file = await rig.cached("1", b"photo")
    await rig.publish(OutRecord("claimx.downloads.cached", b"{}", b"k"), cached_record(file))
    await rig.work("upload")
    assert [result.media_id for result in await rig.results()] == ["1"]
    assert len(await rig.dead()) == 1


@pytest.mark.incident("MED-06")
async def test_many_files_of_one_event_do_not_get_in_each_others_way(rig):
    files = [
        await rig.cached(str(number), b"x" * number, event_id="one") for number in range(1, 41)
    ]
    await rig.publish(*(cached_record(file) for file in files), *map(cached_record, files[:10]))
    await rig.work("upload")
    stored = await rig.stored()
    assert {path: len(content) for path, content in stored.items()} == {
        file.blob_path: file.bytes_downloaded for file in files
    }
    assert await rig.dead() == []
    assert await rig.left_in_cache() == {}


async def test_a_batch_of_failed_uploads_alone_is_committed(rig):
    files = [
        evolve(await rig.cached(str(number), b"whole"), bytes_downloaded=4) for number in range(5)
    ]
    await rig.publish(*map(cached_record, files))
    await rig.work("upload")
    assert len(await rig.dead()) == 5
    topology = rig.pipeline.topology
    physical = topology.physical("claimx.downloads.cached")
    group = topology.group("claimx-upload-worker")
    assert await topics.committed(rig.pipeline.broker(), group, physical) == 5
    await rig.work("upload")
    assert len(await rig.dead()) == 5, "and does not come again"


@pytest.mark.incident("STR-33")
async def test_a_store_that_refuses_one_name_gets_all_the_others(tmp_path):
    """The first record of the partition is the one that the store will never take."""
    refused = "7001/media/2/photo.jpg"
    s3 = S3Service(lambda key: error(400, "InvalidArgument") if key == refused else None)
    async with http_service(s3) as service:
        options = (
            f"AWS_ACCESS_KEY_ID: a, AWS_SECRET_ACCESS_KEY: b, AWS_ENDPOINT_URL: '{service.url}', "
            "AWS_ALLOW_HTTP: 'true', AWS_REGION: us-east-1"
        )
        root = "{{root: {folder}/files}}"
        s3_root = "{{root: 's3://bucket', options: {{" + options + "}}}}"
        rig = await FileRig.make(tmp_path, SETTINGS.replace(root, s3_root))
        files = [await rig.cached(str(number), b"photo") for number in (2, 1, 3, 4, 5)]
        await rig.publish(*map(cached_record, files))
        await rig.work("upload")
        dead = [DeadLetter.read(record) for record in await rig.dead()]
    assert ["refuses this file and takes others" in letter.error for letter in dead] == [True]
    assert dead[0].category == "permanent"
    # The file by which the store is asked may stay: its write, sent again, can pass its deletion.
    files = sorted(s3.files.keys() - {CHECK})
    assert files == [f"7001/media/{number}/photo.jpg" for number in (1, 3, 4, 5)]
    assert {result.media_id for result in await rig.results()} == {"1", "3", "4", "5"}


@pytest.mark.incident("STR-33")
async def test_a_path_that_no_store_takes_is_its_own_files_failure(rig):
    long = await rig.cached("1", b"photo", blob_path="/".join(["n" * 200] * 30))
    await rig.publish(cached_record(long), cached_record(await rig.cached("2", b"photo")))
    await rig.work("upload")
    [letter] = [DeadLetter.read(record) for record in await rig.dead()]
    assert "it has 6029 bytes, and stores take 1024" in letter.error
    assert list(await rig.stored()) == ["7001/media/2/photo.jpg"]


async def test_of_two_versions_in_one_batch_the_last_is_stored_and_noted(rig):
    """The large first one takes longer to copy than the small one that came after it."""
    large = await rig.cached("1", b"\xff\xd8\xff" + b"A" * 20_000_000, file_version="1")
    small = await rig.cached("1", b"\xff\xd8\xff" + b"B" * 1000, file_version="2")
    await rig.publish(cached_record(large), cached_record(small))
    await rig.work("upload")
    assert len((await rig.stored())[small.blob_path]) == small.bytes_downloaded
    noted = [json.loads(each.value) for each in await rig.records("claimx.downloads.stored")]
    assert [each["checksum"] for each in noted] == [large.checksum, small.checksum]
