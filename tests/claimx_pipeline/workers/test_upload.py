"""Files go from the cache to where they belong, each on its own."""

import pytest
from attrs import evolve

from claimx_pipeline import OutRecord
from claimx_pipeline.media.messages import cached_record
from claimx_pipeline.runtime.dead_letters.dead_letter import DeadLetter
from tests.rigs.files import FileRig, alone


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
