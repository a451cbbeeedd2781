"""Empty folders and half files leave the cache; nothing that a writer needs does."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

from claimx_pipeline.media.empty_folders import sweep
from claimx_pipeline.media.open_store import open_store

LATER = time.time() + 3600


def folders(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_dir())


def test_folders_without_a_file_are_removed_all_at_once(tmp_path):
    (tmp_path / "claimx/1/identity").mkdir(parents=True)
    (tmp_path / "claimx/2/identity").mkdir(parents=True)
    (tmp_path / "claimx/2/identity/file.jpg").touch()
    assert sweep(tmp_path, LATER, LATER) == 2
    assert folders(tmp_path) == ["claimx", "claimx/2", "claimx/2/identity"]
    (tmp_path / "claimx/2/identity/file.jpg").unlink()
    assert sweep(tmp_path, LATER, LATER) == 3
    assert tmp_path.is_dir(), "the root stays"
    assert sweep(tmp_path / "nothing", LATER, LATER) == 0


def test_a_young_folder_may_be_a_writers(tmp_path):
    (tmp_path / "claimx/1").mkdir(parents=True)
    assert sweep(tmp_path, time.time() - 60, LATER) == 0
    assert folders(tmp_path) == ["claimx", "claimx/1"]


def test_half_a_file_of_a_killed_writer_is_removed_when_it_is_old(tmp_path):
    (tmp_path / "a").mkdir()
    old, young = tmp_path / "a/file.jpg#1", tmp_path / "a/file.jpg#2"
    for each in (old, young, tmp_path / "a/file#1.jpg"):
        each.touch()
    os.utime(old, (0, 0))
    sweep(tmp_path, LATER, time.time() - 60)
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["file#1.jpg", "file.jpg#2"]


def test_a_link_to_a_folder_is_not_followed(tmp_path):
    (tmp_path / "elsewhere/empty").mkdir(parents=True)
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache/link").symlink_to(tmp_path / "elsewhere")
    assert sweep(tmp_path / "cache", LATER, LATER) == 0
    assert (tmp_path / "elsewhere/empty").is_dir()


async def test_no_writer_loses_its_file_to_the_sweep(tmp_path):
    """Writers make and leave folders while every empty one is removed as fast as it can be."""
    store, ended = open_store(str(tmp_path), {}), False

    async def content() -> AsyncIterator[bytes]:
        yield b"x"

    async def write(writer: int) -> None:
        for number in range(60):
            path = f"claimx/{number}/{writer}/file"
            await store.put(path, content())
            assert await store.stat(path) is not None
            await store.delete(path)

    def remove() -> int:
        rounds = 0
        while not ended:
            sweep(tmp_path, LATER, 0)
            rounds += 1
        return rounds

    removing = asyncio.create_task(asyncio.to_thread(remove))
    try:
        await asyncio.gather(*(write(writer) for writer in range(6)))
    finally:
        ended = True
        rounds = await removing
    assert rounds > 10
    sweep(tmp_path, LATER, LATER)
    assert folders(tmp_path) == []
