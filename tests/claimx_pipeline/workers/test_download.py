"""The worker ``download``: from a task to a file in the cache and a message about it."""

import asyncio
import hashlib
import os
import time
import types
from datetime import UTC, datetime, timedelta
from http import HTTPStatus

import pytest
from attrs import evolve

from claimx_pipeline import hookimpl
from claimx_pipeline.runtime.dead_letters.dead_letter import DeadLetter
from claimx_pipeline.simulator.faults import Fault
from tests.rigs.download import DownloadRig, download_rig
from tests.rigs.until import until


@pytest.fixture
async def rig(tmp_path):
    async with download_rig(tmp_path) as made:
        yield made


async def test_a_task_becomes_a_file_in_the_cache_and_a_message(rig: DownloadRig):
    files = rig.files[:5]
    tasks = [rig.task(media, owner="itel", owner_ref="77") for media in files]
    await rig.publish(*tasks)
    await rig.run_until(lambda: rig.settled(5))
    cached = {each.media_id: each for each in await rig.cached()}
    for task, media in zip(tasks, files, strict=True):
        told, content = cached[task.media_id], rig.content(media)
        assert rig.stored(told) == content
        assert told.checksum == hashlib.sha256(content).hexdigest()
        assert told.bytes_downloaded == len(content)
        assert (told.owner, told.owner_ref) == ("itel", "77")
        for field in ("identity", "event_id", "project_id", "blob_path", "download_url"):
            assert getattr(told, field) == getattr(task, field)
    assert {each.content_type for each in cached.values()} <= {
        "image/jpeg",
        "image/png",
        "application/pdf",
    }
    assert not any((rig.folder / "partial").glob("*"))


@pytest.mark.incident("MED-02")
@pytest.mark.incident("LAT-09")
async def test_an_expired_link_costs_one_media_call_and_no_get(rig: DownloadRig):
    media = rig.files[0]
    links = rig.simulator.simulation.links
    old = links.link(media, datetime.now(UTC) - links.ttl - timedelta(seconds=1))
    await rig.publish(rig.task(media, download_url=old))
    await rig.run_until(lambda: rig.settled(1))
    (cached,) = await rig.cached()
    assert rig.stored(cached) == rig.content(media)
    assert cached.download_url != old
    asked = rig.simulator.requests.find()
    assert [request.status for request in asked] == [200, 302, 200]
    assert asked[0].path.endswith(f"/export/project/{cached.project_id}/media")


@pytest.mark.incident("MED-02")
async def test_a_link_that_ends_between_check_and_get_is_renewed_as_well(rig: DownloadRig):
    rig.simulator.faults.add(Fault(kind="expired_links", path="/media", times=1))
    media = rig.files[0]
    await rig.publish(rig.task(media))
    await rig.run_until(lambda: rig.settled(1))
    (cached,) = await rig.cached()
    assert rig.stored(cached) == rig.content(media)
    statuses = [request.status for request in rig.simulator.requests.find()]
    assert statuses == [403, 200, 302, 200]


@pytest.mark.incident("MED-02")
async def test_a_dead_link_says_when_it_was_signed_and_ended(rig: DownloadRig):
    """Nothing is fetched of a file that the project no longer has."""
    signed = datetime(2026, 1, 5, 10, tzinfo=UTC)
    media = rig.files[0]
    link = rig.simulator.simulation.links.link(media, signed)
    await rig.publish(rig.task(media, media_id="1", download_url=link))
    await rig.run_until(lambda: rig.settled(1))
    (letter,) = [DeadLetter.read(record) for record in await rig.dead()]
    assert letter.category == "permanent"
    assert (
        "signed at 2026-01-05 10:00:00 UTC and holds until 2026-01-06 10:00:00 UTC" in letter.error
    )
    assert "sign=" not in letter.error
    assert rig.simulator.requests.find("/media") == []
    assert await rig.cached() == []


async def test_the_same_task_again_fetches_nothing(rig: DownloadRig):
    media = rig.files[0]
    await rig.publish(rig.task(media), rig.task(media))
    await rig.run_until(lambda: rig.settled(2))
    await rig.publish(rig.task(media))
    await rig.run_until(lambda: rig.settled(3))
    cached = await rig.cached()
    assert len(cached) == 3
    assert (
        len(
            {
                (each.cache_path, each.checksum, each.content_type, each.bytes_downloaded)
                for each in cached
            }
        )
        == 1
    )
    assert len(rig.gets()) == 1


@pytest.mark.incident("LAT-10")
@pytest.mark.incident("MED-04")
@pytest.mark.parametrize("kind", ["half_body", "error_page", "empty_file", "error"])
async def test_what_passes_climbs_the_ladder_and_arrives(rig: DownloadRig, kind):
    media = rig.files[0]
    # As often as one round of tries meets it, and once in the next.
    fault = Fault(kind=kind, path="/media/s3", times=4)
    rig.simulator.faults.add(fault)
    await rig.publish(rig.task(media))
    await rig.run_until(lambda: rig.settled(1 if kind == "half_body" else 2), "retry")
    (cached,) = await rig.cached()
    assert rig.stored(cached) == rig.content(media)
    assert await rig.dead() == []


@pytest.mark.incident("MED-04")
async def test_what_stays_wrong_is_dead_after_the_ladder_with_its_first_bytes(rig: DownloadRig):
    rig.simulator.faults.add(Fault(kind="error_page", path="/media/s3"))
    good, bad = rig.files[:2]
    await rig.publish(rig.task(bad))
    await rig.run_until(lambda: rig.settled(3), "retry")
    (letter,) = [DeadLetter.read(record) for record in await rig.dead()]
    assert letter.attempts == 3
    assert "text/html" in letter.error
    rig.simulator.faults.clear()
    await rig.publish(rig.task(good))
    await rig.run_until(lambda: rig.settled(4))
    assert [each.media_id for each in await rig.cached()] == [str(good.media_id)]


@pytest.mark.incident("LAT-17")
async def test_files_that_are_not_fetched_cost_no_request(rig: DownloadRig):
    media = rig.files[0]
    await rig.publish(rig.task(media, file_name="invoice.pdf.exe"))
    await rig.run_until(lambda: rig.settled(1))
    (letter,) = [DeadLetter.read(record) for record in await rig.dead()]
    assert "files of type 'exe' are not fetched" in letter.error
    assert rig.simulator.requests.total == 0


@pytest.mark.incident("STR-33")
async def test_a_file_that_could_not_be_stored_is_not_fetched(rig: DownloadRig):
    media = rig.files[0]
    await rig.publish(rig.task(media, blob_path="a/" * 600 + "photo.jpg"))
    await rig.run_until(lambda: rig.settled(1))
    (letter,) = [DeadLetter.read(record) for record in await rig.dead()]
    assert "stores take 1024" in letter.error
    assert rig.simulator.requests.total == 0


@pytest.mark.incident("MED-06")
async def test_fifty_at_once_of_which_ten_fail_leave_nothing_behind(rig: DownloadRig):
    files = rig.files[:50]
    tasks = [rig.task(media) for media in files]
    gone = [evolve(task, file_name="x.exe") for task in tasks[:10]]
    await rig.publish(*gone, *tasks[10:])
    await rig.run_until(lambda: rig.settled(len(files)))
    assert len(await rig.cached()) == len(files) - 10
    assert len(await rig.dead()) == 10
    assert not any((rig.folder / "partial").glob("*"))


@pytest.mark.incident("MED-06")
async def test_partial_files_that_nobody_goes_on_with_are_removed(rig: DownloadRig):
    partial = rig.folder / "partial"
    partial.mkdir()
    old, new = partial / f"{'a' * 32}.part", partial / f"{'b' * 32}.part"
    for file in (old, new, old.with_suffix(".json")):
        file.write_bytes(b"x")
    os.utime(old, (time.time() - 90_000,) * 2)
    await rig.publish(rig.task(rig.files[0]))
    await rig.run_until(lambda: rig.settled(1))
    assert list(partial.iterdir()) == [new]


@pytest.mark.incident("MED-05")
async def test_a_disk_that_cannot_be_written_pauses_the_worker_and_kills_no_file(tmp_path):
    media = "  range_threshold_bytes: 1500000\n  range_bytes: 1000000"
    sizes = {"media": media, "media_bytes": 3_000_000}
    async with download_rig(tmp_path, work_dir="disk/partial", **sizes) as rig:
        (rig.folder / "disk").write_bytes(b"not a folder")
        await rig.publish(rig.task(rig.files[0]))
        await rig.run_until(lambda: len(rig.gets()) > 1)
        assert not await rig.settled(1)
        assert await rig.dead() == []
        (rig.folder / "disk").unlink()
        await rig.run_until(lambda: rig.settled(1))
        assert len(await rig.cached()) == 1


async def test_an_api_that_is_away_holds_the_files_whose_links_have_ended(rig: DownloadRig):
    media = rig.files[0]
    links = rig.simulator.simulation.links
    old = links.link(media, datetime.now(UTC) - links.ttl * 2)
    rig.simulator.simulation.api_token = "another"
    await rig.publish(rig.task(media, download_url=old))
    await rig.run_until(lambda: rig.simulator.requests.statuses[HTTPStatus.UNAUTHORIZED] > 1)
    assert not await rig.settled(1)
    assert await rig.dead() == []
    rig.simulator.simulation.api_token = "demo-token"
    await rig.run_until(lambda: rig.settled(1))
    assert len(await rig.cached()) == 1


async def test_files_are_counted(rig: DownloadRig):
    media = rig.files[0]
    links = rig.simulator.simulation.links
    old = links.link(media, datetime.now(UTC) - links.ttl * 2)
    await rig.publish(rig.task(media, download_url=old))
    stop = asyncio.Event()
    loop = rig.loop("download", stop)
    running = asyncio.create_task(loop.run())
    await until(lambda: rig.settled(1))
    stop.set()
    await running
    value = loop.resources.metrics.registry.get_sample_value
    assert value("claimx_files_total", {"worker": "download", "outcome": "fetched"}) == 1
    assert value("claimx_files_bytes_total", {"worker": "download"}) == len(rig.content(media))
    assert value("claimx_file_duration_seconds_count", {"worker": "download"}) == 1
    assert value("claimx_link_renewals_total") == 1


async def test_plugins_are_told_of_every_file_and_their_failure_is_their_own(rig: DownloadRig):
    told = []

    async def listen(context):
        told.append((context.stage, context.file.media_id, context.attempt))
        raise ValueError("no scanner")

    plugin = types.SimpleNamespace(claimx_download_complete=hookimpl(listen))
    rig.rig.pipeline.plugins.manager.register(plugin, name="scanner")
    stop = asyncio.Event()
    loop = rig.loop("download", stop)
    media = rig.files[0]
    await rig.publish(rig.task(media))
    running = asyncio.create_task(loop.run())
    await until(lambda: rig.settled(1))
    stop.set()
    await running
    assert told == [("download_complete", str(media.media_id), 1)]
    assert len(await rig.cached()) == 1
    (letter,) = [DeadLetter.read(record) for record in await rig.dead()]
    assert (letter.kind, letter.plugin) == ("plugin", "scanner")


@pytest.mark.incident("SEC-01")
async def test_a_signature_is_in_no_log_line_and_no_dead_letter(rig: DownloadRig, caplog):
    caplog.set_level("DEBUG")
    rig.simulator.faults.add(Fault(kind="error", status=404, path="/media/s3", times=1))
    tasks = [rig.task(media) for media in rig.files[:3]]
    await rig.publish(*tasks)
    await rig.run_until(lambda: rig.settled(3))
    letters = await rig.dead()
    assert len(letters) == 1
    shown = caplog.text + "".join(str(value) for letter in letters for value in letter.headers)
    for task in tasks:
        assert task.download_url.partition("sign=")[2] not in shown
    assert "X-Amz-Signature" not in shown
