"""The local disk under a file on its way."""

import errno
import hashlib
import os
import time

import pytest

from claimx_pipeline.errors import Category, category_of
from claimx_pipeline.media.download_buffer import (
    IN_MEMORY_BYTES,
    DiskError,
    Landing,
)
from claimx_pipeline.media.partial_file import PartialFile, remove_stale

PIECE = bytes(range(256)) * 1024  # 256 KiB


async def land(folder, pieces: int) -> Landing:
    landing = Landing(folder, "file")
    await landing.begin()
    for _ in range(pieces):
        await landing.add(PIECE)
    return landing


async def test_a_small_file_never_touches_the_disk(tmp_path):
    landing = await land(tmp_path / "partial", 3)
    landed = await landing.finish()
    await landing.close(discard=True)
    assert landed.content == PIECE * 3
    assert landed.checksum == hashlib.sha256(PIECE * 3).hexdigest()
    assert not (tmp_path / "partial").exists()


async def test_a_larger_file_is_on_disk_and_little_of_it_in_memory(tmp_path):
    landing = await land(tmp_path, 9)
    assert sum(map(len, landing._waiting)) < IN_MEMORY_BYTES
    landed = await landing.finish()
    assert landed.content.read_bytes() == PIECE * 9
    assert (landed.size, landed.checksum) == (9 * len(PIECE), hashlib.sha256(PIECE * 9).hexdigest())
    await landing.close(discard=True)
    assert list(tmp_path.iterdir()) == []


async def test_what_was_written_after_the_record_is_not_trusted(tmp_path):
    landing = await land(tmp_path, 8)
    await landing.keep(99, '"v"')
    for _ in range(8):
        await landing.add(b"?" * len(PIECE))
    await landing.close(discard=False)
    again = Landing(tmp_path, "file")
    await again.begin()
    assert again.size == 8 * len(PIECE)
    assert (again.progress.total, again.progress.validator) == (99, '"v"')
    assert (await again.finish()).checksum == hashlib.sha256(PIECE * 8).hexdigest()
    await again.close(discard=True)


async def test_without_a_record_nothing_is_continued(tmp_path):
    landing = await land(tmp_path, 8)
    await landing.close(discard=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("record", [b"", b"{", b'{"size": 10000000, "total": 1, "validator": ""}'])
async def test_a_damaged_record_means_a_new_start(tmp_path, record):
    (tmp_path / "file.json").write_bytes(record)
    (tmp_path / "file.part").write_bytes(b"what is this")
    landing = Landing(tmp_path, "file")
    await landing.begin()
    assert (landing.size, landing.progress) == (0, None)
    await landing.close(discard=True)


@pytest.mark.incident("MED-06")
async def test_two_that_fetch_one_file_never_write_into_each_other(tmp_path):
    """As after a rebalance: the former owner is still at it."""
    first, second = await land(tmp_path, 4), await land(tmp_path, 8)
    for _ in range(4):
        await first.add(PIECE)
    for landing in (first, second):
        landed = await landing.finish()
        assert landed.content.read_bytes() == PIECE * 8
        await landing.close(discard=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.incident("MED-06")
def test_a_partial_file_in_use_is_never_stale(tmp_path):
    in_use, old = PartialFile.create(tmp_path, "used"), PartialFile.create(tmp_path, "old")
    for each in (in_use, old):
        each.write([b"x"])
        each.keep(10, "")
    old.close(discard=False)
    assert remove_stale(tmp_path, time.time() + 60) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["used.json", "used.part"]
    in_use.close(discard=True)


OUTAGES = {"ENOSPC", "EDQUOT", "EROFS", "EACCES", "EPERM", "EMFILE", "ENFILE", "ENOTDIR"}
PASSING = {"ENOENT", "EIO", "ETIMEDOUT", "ECONNRESET"}


@pytest.mark.incident("MED-05")
@pytest.mark.parametrize("call", ["open", "write", "fdatasync"])
@pytest.mark.parametrize("name", sorted(OUTAGES | PASSING))
async def test_an_error_of_the_disk_is_named_and_never_kills_a_file(
    tmp_path, monkeypatch, name, call
):
    real = getattr(os, call)

    def broken(*given, **named):
        if call == "open" and not str(given[0]).startswith(str(tmp_path)):
            return real(*given, **named)
        raise OSError(getattr(errno, name), os.strerror(getattr(errno, name)))

    monkeypatch.setattr(os, call, broken)
    landing = Landing(tmp_path, "file")
    await landing.begin()
    with pytest.raises(DiskError) as failed:
        for _ in range(8):
            await landing.add(PIECE)
        await landing.keep(99, "")
    monkeypatch.undo()
    await landing.close(discard=True)
    assert category_of(failed.value) is Category.TRANSIENT
    assert failed.value.outage is (name in OUTAGES)
    shown = str(failed.value)
    assert (
        f"{type(OSError(getattr(errno, name), '')).__name__}: {os.strerror(getattr(errno, name))}"
        in shown
    )
    assert ("make room" in shown) is (name in OUTAGES)
