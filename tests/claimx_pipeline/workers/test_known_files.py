"""A file is fetched once, however many events name it, until what is known of it changes."""

import asyncio
import json

import pytest
from attrs import evolve

from claimx_pipeline import OutRecord, Pipeline, operations
from claimx_pipeline.claimx.files import CODEC
from claimx_pipeline.runtime.headers import AGAIN, FETCH_AGAIN, PLUGIN
from tests.rigs import members, topics
from tests.rigs.download import TOPICS, DownloadRig, download_rig
from tests.rigs.file_records import decode_result, task_record


@pytest.fixture
async def rig(tmp_path):
    async with download_rig(tmp_path) as made:
        yield made


def known(rig: DownloadRig, media, **changes):
    """Return the task of a file of which its source says when it was taken."""
    return rig.task(media, **{"file_version": "2026-01-12", **changes})


async def results(rig: DownloadRig):
    return [decode_result(each.value) for each in await rig.rig.records(TOPICS.downloads_results)]


async def done(rig: DownloadRig, *tasks, headers=(), results_of: int = 0) -> None:
    """Publish *tasks* and run both workers until *results_of* files have a result."""
    records = [evolve(task_record(each), headers=headers) for each in tasks]
    await topics.publish(rig.rig.broker(), records)

    async def reached() -> bool:
        return len(await results(rig)) >= results_of

    await rig.run_until(reached, "upload")


async def test_an_event_that_names_a_stored_file_again_has_a_result_and_fetches_nothing(rig):
    """Each call of ``done`` starts the workers anew, so what is known outlives a restart."""
    files = rig.files[:4]
    await done(rig, *(known(rig, each) for each in files), results_of=4)
    again = [known(rig, each, event_id=f"other-{each.media_id}") for each in files]
    await done(rig, *again, results_of=8)
    assert len(rig.gets()) == 4
    assert len(await rig.cached()) == 4
    found = {each.event_id: each for each in await results(rig)}
    for task in again:
        first = found[f"event-{task.media_id}"]
        later = found[task.event_id]
        assert later.created_at > first.created_at
        same = {"download_url": task.download_url, "created_at": later.created_at}
        assert later == evolve(first, event_id=task.event_id, **same)


async def test_a_file_that_this_member_fetched_is_known_once_it_is_stored(rig):
    media = rig.files[0]
    stop = asyncio.Event()
    loops = [rig.loop(name, stop) for name in ("download", "upload")]
    async with members.running(*loops) as tasks:
        for count in range(1, 4):
            await rig.publish(known(rig, media, event_id=f"event-{count}"))
            await members.idle(rig.rig.pipeline, [loop.spec for loop in loops], *tasks)
            assert len(await results(rig)) == count
    assert len(rig.gets()) == 1


@pytest.mark.parametrize("name", [AGAIN, FETCH_AGAIN])
async def test_an_operator_has_it_fetched_again(rig, name):
    task = known(rig, rig.files[0])
    await done(rig, task, results_of=1)
    await done(rig, task, headers=((name, b"yes"),), results_of=2)
    assert len(rig.gets()) == 2


async def test_a_plugin_that_is_asked_again_finds_the_file_in_the_cache(rig):
    task = known(rig, rig.files[0])
    await done(rig, task, results_of=1)
    again = evolve(task_record(task), headers=((PLUGIN, b"gone"),))
    await topics.publish(rig.rig.broker(), [again])
    await rig.run_until(lambda: rig.settled(2))
    assert len(rig.gets()) == 2


@pytest.mark.parametrize(
    "changed",
    [
        {"file_version": "2026-01-13"},
        {"owner": "itel"},
        {"blob_path": "elsewhere/1.jpg"},
    ],
    ids=str,
)
async def test_other_contents_owner_or_path_is_another_file(rig, changed):
    task = known(rig, rig.files[0])
    await done(rig, task, results_of=1)
    await done(rig, evolve(task, **changed), results_of=2)
    assert len(rig.gets()) == 2
    await done(rig, evolve(task, **changed), results_of=3)
    assert len(rig.gets()) == 2


async def test_another_store_has_none_of_the_files(tmp_path):
    async with download_rig(tmp_path) as rig:
        task = known(rig, rig.files[0])
        await done(rig, task, results_of=1)
        config = tmp_path / "claimx.yaml"
        config.write_text(config.read_text().replace(f"{tmp_path}/files", f"{tmp_path}/new"))
        rig.rig.pipeline = Pipeline.load(config, environ={}, cwd=tmp_path)
        await done(rig, task, results_of=2)
        assert len(rig.gets()) == 2
        assert (tmp_path / "new" / task.blob_path).is_file()


async def test_no_file_is_remembered_if_none_is_to_be(tmp_path):
    async with download_rig(tmp_path, media="  files_remembered: 0") as rig:
        task = known(rig, rig.files[0])
        await done(rig, task, results_of=1)
        await done(rig, task, results_of=2)
        assert len(rig.gets()) == 2
        assert await rig.rig.records(TOPICS.downloads_stored) == []


async def test_what_cannot_be_read_of_the_topic_is_passed_over(rig):
    task = known(rig, rig.files[0])
    await done(rig, task, results_of=1)
    (record,) = await rig.rig.records(TOPICS.downloads_stored)
    value = json.loads(record.value)
    odd = [b"", b"null", b"{", b"[]", b"\xff", b"[" * 100_000]
    odd += [
        json.dumps({**value, name: wrong}).encode()
        for name, wrongs in {
            "identity": ["", "x", "zz" * 16, None, 7],
            "contents": ["-", "g", None],
            "checksum": ["odd", 7],
            "size": [-1, "x", 10**40],
            "stored_at": ["2026-01-01", "yesterday", 7],
        }.items()
        for wrong in wrongs
    ]
    name = TOPICS.downloads_stored.name
    await topics.publish(rig.rig.broker(), [OutRecord(name, each, record.key) for each in odd])
    await done(rig, task, results_of=2)
    assert len(rig.gets()) == 1


async def test_the_codec_leaves_out_a_version_that_says_nothing(rig):
    task = known(rig, rig.files[0])
    assert b"file_version" not in CODEC.task_record(evolve(task, file_version="")).value
    said = evolve(task, file_version="12/2026")
    assert CODEC.decode_task(CODEC.task_record(said).value).file_version == "12/2026"


async def test_a_member_that_takes_over_learns_of_what_was_on_its_way(rig):
    """The file is in the cache, and stored only after the topic was read for the first time."""
    media = rig.files[0]
    await rig.publish(known(rig, media))
    await rig.run_until(lambda: rig.settled(1))
    stop = asyncio.Event()
    loops = [rig.loop(name, stop) for name in ("download", "upload")]
    async with members.running(*loops) as tasks:
        for count in range(2, 5):
            await rig.publish(known(rig, media, event_id=f"event-{count}"))
            await members.idle(rig.rig.pipeline, [loop.spec for loop in loops], *tasks)
    assert len(await results(rig)) == 4
    assert len(rig.gets()) == 1


async def test_the_topic_is_made_again_if_it_was_deleted(rig):
    task = known(rig, rig.files[0])
    topic = TOPICS.downloads_stored.name
    async with topics.admin_of(rig.rig.broker()) as admin:
        await operations.delete_topics(rig.rig.pipeline, [topic])
        assert topic not in await admin.topics()
    await done(rig, task, results_of=1)
    assert len(await rig.rig.records(TOPICS.downloads_stored)) == 1
