"""What no upload will ask for leaves the cache; what one may ask for stays."""

import os
from datetime import timedelta
from pathlib import Path

import pytest

from claimx_pipeline import SystemClock
from claimx_pipeline.broker.protocol import NewTopic
from claimx_pipeline.media.cleaner import CacheCleaner
from claimx_pipeline.telemetry.health import Health
from claimx_pipeline.workers.upload import cache_cleaner
from tests.fakes.hasty_clock import HastyClock
from tests.rigs.file_records import cached_record
from tests.rigs.files import FileRig
from tests.rigs.topics import create_topics

HOUR, KEEP = 3600.0, 72


@pytest.fixture
async def rig(tmp_path) -> FileRig:
    clock = HastyClock(SystemClock().now())
    return await FileRig.make(tmp_path, clock=clock)


def cleaner(rig: FileRig) -> CacheCleaner:
    resources = rig.pipeline.resources(
        rig.pipeline.broker(), Health(rig.pipeline.clock), rig.metrics
    )
    return cache_cleaner(rig.cache, resources.of(rig.pipeline.workers["upload"]))


def aged(rig: FileRig, path: str, hours: float) -> None:
    file = Path(rig.cache.root) / path
    then = (rig.pipeline.clock.now() - timedelta(hours=hours)).timestamp()
    os.utime(file, (then, then))


@pytest.mark.incident("MED-06")
async def test_an_unclaimed_file_is_removed_when_it_is_old(rig):
    old, young = await rig.cached("1", b"old"), await rig.cached("2", b"young")
    aged(rig, old.cache_path, KEEP + 1)
    aged(rig, young.cache_path, KEEP - 2)
    cleaning = cleaner(rig)
    assert await cleaning.look() == 0, "the first look only remembers"
    rig.pipeline.clock.move(HOUR)
    assert await cleaning.look() == 1
    assert list(await rig.left_in_cache()) == [young.cache_path]
    folders = [path for path in Path(rig.cache.root).rglob("*") if path.is_dir()]
    assert not [folder for folder in folders if not any(folder.iterdir())]


RETIRED = "claimx.downloads.retry.77m"


@pytest.mark.incident("MED-06")
@pytest.mark.incident("STR-60")
@pytest.mark.parametrize(
    "topic", ["claimx.downloads.cached", "claimx.downloads.retry.100ms", RETIRED]
)
async def test_a_backlog_keeps_its_files_however_old(rig, topic):
    """Also one that waits for a delay that the settings no longer have."""
    from attrs import evolve

    await create_topics(rig.pipeline, NewTopic(RETIRED, 1))
    file = await rig.cached("1", b"waiting")
    aged(rig, file.cache_path, 10 * KEEP)
    await rig.publish(evolve(cached_record(file), topic=topic))
    cleaning = cleaner(rig)
    for _ in range(5):
        assert await cleaning.look() == 0
        rig.pipeline.clock.move(24 * HOUR)
    assert list(await rig.left_in_cache()) == [file.cache_path]


async def test_after_the_backlog_it_is_cleaned_again(rig):
    waiting, orphan = await rig.cached("1", b"waiting"), await rig.cached("2", b"orphan")
    aged(rig, waiting.cache_path, 2 * KEEP)
    aged(rig, orphan.cache_path, 2 * KEEP)
    await rig.publish(cached_record(waiting))
    cleaning = cleaner(rig)
    await cleaning.look()
    admin = rig.pipeline.broker().admin()
    name = rig.pipeline.topology.physical("claimx.downloads.cached")
    group = rig.pipeline.topology.group("claimx-upload-worker")
    await admin.commit_offsets(group, name, await admin.end_offsets(name))
    await admin.close()
    rig.pipeline.clock.move(HOUR)
    assert await cleaning.look() == 2
    assert await rig.left_in_cache() == {}


async def test_empty_folders_do_not_pile_up_in_the_cache(rig):
    """A writer that was killed left one; a folder that may be a writer's stays for now."""
    root = Path(rig.cache.root)
    for name, hours in (("claimx/1/left", 2), ("claimx/2/new", 0)):
        folder = root / name
        folder.mkdir(parents=True)
        for each in (folder, folder.parent):
            aged(rig, str(each.relative_to(root)), hours)
    await cleaner(rig).look()
    assert sorted(path.name for path in (root / "claimx").iterdir()) == ["2"]


async def test_a_look_removes_a_limited_number(rig, monkeypatch):
    monkeypatch.setattr("claimx_pipeline.media.cleaner.MOST_AT_ONCE", 2)
    for number in range(5):
        aged(rig, (await rig.cached(str(number), b"old")).cache_path, 2 * KEEP)
    cleaning = cleaner(rig)
    await cleaning.look()
    for removed in (2, 2, 1, 0):
        rig.pipeline.clock.move(HOUR)
        assert await cleaning.look() == removed
