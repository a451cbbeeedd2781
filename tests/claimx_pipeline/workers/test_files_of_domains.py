"""The files of two domains, by the same workers: each with its own group, hosts, paths, cache."""

import os
from datetime import timedelta
from pathlib import Path

import pytest
from attrs import evolve

from claimx_pipeline import SettingsError, SystemClock
from claimx_pipeline.media.names import cache_folder
from claimx_pipeline.runtime.dead_letters.dead_letter import DeadLetter
from claimx_pipeline.settings.tree.settings import Settings
from claimx_pipeline.telemetry.health import Health
from claimx_pipeline.workers.upload import cache_cleaner
from tests.fakes.hasty_clock import HastyClock
from tests.rigs import second_files
from tests.rigs.media import jpeg
from tests.rigs.second_domain import AcmeSettings
from tests.rigs.second_files import CODEC, TwoDomains, two_domains

ACME = ("acme-download", "acme-upload", "acme-results")
ENDED = "X-Amz-Date=20260101T080000Z&X-Amz-Expires=60"


@pytest.fixture
async def rig(tmp_path):
    async with two_domains(tmp_path) as made:
        yield made


def stored(folder: Path) -> dict[str, bytes]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


async def test_both_domains_files_arrive_each_where_its_domain_says(rig: TwoDomains):
    claimx, folder = rig.claimx, rig.claimx.folder
    media = claimx.files[:2]
    await claimx.publish(*(claimx.task(each) for each in media))
    await rig.publish(*rig.job("c1", rig.link("a.jpg"), rig.link("b.jpg")))
    done = ("claimx_attachments", 2), ("acme_files", 2)
    await rig.work(
        lambda: all(len(rig.rows(table)) == count for table, count in done),
        "upload",
        "results",
        *ACME,
    )
    photo = jpeg(2000)
    assert stored(folder / "acme-files") == {
        "jobs/c1/event-c1_0_a.jpg": photo,
        "jobs/c1/event-c1_1_b.jpg": photo,
    }
    assert sorted(stored(folder / "files").values()) == sorted(map(claimx.content, media))
    assert [(row["job_id"], row["status"]) for row in rig.rows("acme_files")] == [
        ("c1", "completed"),
        ("c1", "completed"),
    ]
    assert {row["status"] for row in rig.rows("claimx_attachments")} == {"completed"}
    keys = {media_file.project_id for media_file in map(claimx.task, media)}
    assert set(second_files.SEEN) == {("acme", "c1"), *(("claimx", key) for key in keys)}
    assert await rig.committed("acme-download-worker", "acme.downloads.pending") == 2
    assert await rig.committed("claimx-download-worker", "claimx.downloads.pending") == 2


async def test_each_domain_has_its_own_part_of_the_cache(rig: TwoDomains):
    [task] = rig.job("c1", rig.link("a.jpg"))
    photo = rig.claimx.task(rig.claimx.files[0])
    await rig.claimx.publish(photo)
    await rig.publish(task)

    async def fetched() -> bool:
        names = ("acme.downloads.cached", "claimx.downloads.cached")
        return all([await rig.records(name) for name in names])

    await rig.work(fetched, "acme-download")
    [record] = await rig.records("acme.downloads.cached")
    cached = CODEC.decode_cached(record.value)
    assert cached.cache_path.startswith(f"{cache_folder(CODEC.owned(task))}/")
    cache = rig.claimx.folder / "cache"
    assert (cache / "_domains" / "acme" / cached.cache_path).read_bytes() == jpeg(2000)
    [theirs] = await rig.claimx.cached()
    assert (cache / theirs.cache_path).is_file()


async def test_a_link_that_has_ended_is_a_dead_letter_that_says_so(rig: TwoDomains):
    tasks = rig.job("c1", f"{rig.link('a.jpg')}?{ENDED}")
    await rig.publish(*tasks)
    await rig.work(lambda: rig.rows("acme_files"), *ACME)
    [record] = await rig.records("acme.downloads.dlq")
    error = DeadLetter.read(record).error
    assert "the link has ended; nothing hands out new links to the files of its domain" in error
    assert "holds until 2026-01-01 08:01:00 UTC" in error
    [row] = rig.rows("acme_files")
    assert (row["status"], row["error"]) == ("failed_permanent", error)
    assert not rig.server.asked, "neither the host nor an API was asked"
    assert not rig.claimx.simulator.requests.find()


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_link_that_none_renews_is_a_dead_letter(rig: TwoDomains, status):
    def refuse(_):
        return second_files.Reply(status=status)

    rig.server.answer = refuse
    await rig.publish(*rig.job("c1", rig.link("a.jpg")))
    await rig.work(lambda: rig.records("acme.downloads.dlq"), "acme-download")
    [record] = await rig.records("acme.downloads.dlq")
    assert "nothing hands out new links" in DeadLetter.read(record).error


async def test_a_domain_fetches_from_its_own_hosts_alone(rig: TwoDomains):
    of_claimx, of_acme = "https://claimxperience.com/a.jpg", "https://files.acme.example/a.jpg"
    photo = rig.claimx.task(rig.claimx.files[0], download_url=of_acme)
    await rig.claimx.publish(photo)
    await rig.publish(*rig.job("c1", of_claimx))

    async def refused() -> bool:
        names = ("acme.downloads.dlq", "claimx.downloads.dlq")
        return all([await rig.records(name) for name in names])

    await rig.work(refused, "acme-download")
    for name, host in (("acme", "claimxperience.com"), ("claimx", "files.acme.example")):
        [record] = await rig.records(f"{name}.downloads.dlq")
        dead_letter = DeadLetter.read(record)
        assert f"host {host}:443 is not among the allowed hosts" in dead_letter.error


async def test_a_blocked_host_of_one_domain_leaves_the_others_files_alone(rig: TwoDomains):
    """Even of the same host: a domain's breakers are its own."""
    rig.down = True
    await rig.publish(*rig.job("c1", rig.link("a.jpg"), rig.link("b.jpg")))
    await rig.work(lambda: len(rig.server.asked) > 1, "acme-download")
    assert not await rig.committed("acme-download-worker", "acme.downloads.pending")
    media = rig.claimx.files[:2]
    tasks = [rig.claimx.task(each) for each in media]
    here = rig.claimx.task(media[0], media_id="77", download_url=rig.link("claimx/photo.jpg"))
    await rig.claimx.publish(*tasks, here)
    await rig.work(lambda: rig.claimx.settled(3), "acme-download")
    assert {each.media_id for each in await rig.claimx.cached()} == {
        *(task.media_id for task in tasks),
        "77",
    }
    assert not await rig.records("acme.downloads.cached"), "its host is still blocked"
    rig.down = False
    await rig.work(lambda: rig.rows("acme_files")[1:], *ACME)
    assert {row["status"] for row in rig.rows("acme_files")} == {"completed"}
    assert not await rig.records("acme.downloads.dlq")


async def test_the_cleaner_of_one_domain_leaves_the_files_of_the_other(tmp_path):
    async with two_domains(tmp_path) as rig:
        cache = tmp_path / "cache"
        clock = HastyClock(SystemClock().now())
        rig.pipeline.clock = clock
        resources = rig.pipeline.resources(
            rig.pipeline.broker(), Health(clock), rig.claimx.rig.metrics
        )
        names = {
            "claimx/1/x/ab.jpg": "upload",
            "_domains/acme/acme/1/x/ab.jpg": "acme-upload",
        }
        for path in names:
            put_old(cache / path, clock)
        left = set(names)
        for path, name in reversed(names.items()):
            worker = rig.pipeline.workers[name]
            flow = worker.build.args[0]
            cleaner = cache_cleaner(flow.cache(rig.pipeline.settings), resources.of(worker))
            await cleaner.look()
            clock.move(3600)
            assert await cleaner.look() == 1
            left -= {path}
            assert set(stored(cache)) == left


async def test_an_empty_folder_of_another_domain_is_its_own_cleaners(tmp_path):
    async with two_domains(tmp_path) as rig:
        clock = HastyClock(SystemClock().now())
        rig.pipeline.clock = clock
        resources = rig.pipeline.resources(
            rig.pipeline.broker(), Health(clock), rig.claimx.rig.metrics
        )
        folder = tmp_path / "cache" / "_domains" / "acme" / "left"
        folder.mkdir(parents=True)
        age(folder, clock)
        for name, there in (("upload", True), ("acme-upload", False)):
            worker = rig.pipeline.workers[name]
            flow = worker.build.args[0]
            cleaner = cache_cleaner(flow.cache(rig.pipeline.settings), resources.of(worker))
            await cleaner.look()
            assert folder.exists() is there


def put_old(path: Path, clock) -> None:
    path.parent.mkdir(parents=True)
    path.write_bytes(b"old")
    age(path, clock)


def age(path: Path, clock) -> None:
    then = (clock.now() - timedelta(hours=100)).timestamp()
    os.utime(path, (then, then))


async def test_the_workers_of_files_of_every_domain_are_started_by_their_kind(rig: TwoDomains):
    for kind in ("download", "upload", "results"):
        names = {worker.name for worker in rig.pipeline.select([kind])}
        assert names == {kind, f"acme-{kind}"}
    names = {worker.name for worker in rig.pipeline.select(["acme"])}
    assert names > {*ACME, "retry"}
    assert not names & {"download", "upload", "results"}
    workers = rig.pipeline.workers
    claimx = [workers[name] for name in ("download", "upload", "results")]
    assert [(worker.group, worker.family) for worker in claimx] == [
        ("claimx-download-worker", "claimx.downloads"),
        ("claimx-upload-worker", "claimx.downloads"),
        ("claimx-result-processor", None),
    ]


async def test_a_wrong_host_stops_the_start_and_is_named(rig: TwoDomains):
    given = rig.pipeline.settings
    wrong = AcmeSettings(hosts=("https://files.acme.example",))
    rig.pipeline.loaded = with_section(rig.pipeline.loaded, given, wrong)
    with pytest.raises(SettingsError, match="hosts of the files of acme.*not a valid host"):
        rig.pipeline.require([rig.pipeline.workers["acme-download"]])


def with_section(loaded, settings: Settings, section):
    return evolve(loaded, settings=evolve(settings, sections={"acme": section}))
