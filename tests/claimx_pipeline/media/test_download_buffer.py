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
    DownloadBuffer,
)
from claimx_pipeline.media.partial_file import PartialFile, remove_stale

PIECE = bytes(range(256)) * 1024  # 256 KiB


async def land(folder, pieces: int) -> DownloadBuffer:
    buffer = DownloadBuffer(folder, "file")
    await buffer.begin()
    for _ in range(pieces):
        await buffer.add(PIECE)
    return buffer


async def test_a_small_file_never_touches_the_disk(tmp_path):
    buffer = await land(tmp_path / "partial", 3)
    whole = await buffer.finish()
    await buffer.close(discard=True)
    assert whole.content == PIECE * 3
    assert whole.checksum == hashlib.sha256(PIECE * 3).hexdigest()
    assert not (tmp_path / "partial").exists()


async def test_a_larger_file_is_on_disk_and_little_of_it_in_memory(tmp_path):
    buffer = await land(tmp_path, 9)
    assert sum(map(len, buffer._waiting)) < IN_MEMORY_BYTES
    whole = await buffer.finish()
    assert whole.content.read_bytes() == PIECE * 9
    assert (whole.size, whole.checksum) == (9 * len(PIECE), hashlib.sha256(PIECE * 9).hexdigest())
    await buffer.close(discard=True)
    assert list(tmp_path.iterdir()) == []


async def test_what_was_written_after_the_record_is_not_trusted(tmp_path):
    buffer = await land(tmp_path, 8)
    await buffer.keep(99, '"v"')
    for _ in range(8):
        await buffer.add(b"?" * len(PIECE))
    await buffer.close(discard=False)
    again = DownloadBuffer(tmp_path, "file")
    await again.begin()
    assert again.size == 8 * len(PIECE)
    assert (again.progress.total, again.progress.validator) == (99, '"v"')
    assert (await again.finish()).checksum == hashlib.sha256(PIECE * 8).hexdigest()
    await again.close(discard=True)


async def test_without_a_record_nothing_is_continued(tmp_path):
    buffer = await land(tmp_path, 8)
    await buffer.close(discard=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("record", [b"", b"{", b'{"size": 10000000, "total": 1, "validator": ""}'])
async def test_a_damaged_record_means_a_new_start(tmp_path, record):
    (tmp_path / "file.json").write_bytes(record)
    (tmp_path / "file.part").write_bytes(b"what is this")
    buffer = DownloadBuffer(tmp_path, "file")
    await buffer.begin()
    assert (buffer.size, buffer.progress) == (0, None)
    await buffer.close(discard=True)


@pytest.mark.incident("MED-06")
async def test_two_that_fetch_one_file_never_write_into_each_other(tmp_path):
    """As after a rebalance: the former owner is still at it."""
    first, second = await land(tmp_path, 4), await land(tmp_path, 8)
    for _ in range(4):
        await first.add(PIECE)
    for buffer in (first, second):
        whole = await buffer.finish()
        assert whole.content.read_bytes() == PIECE * 8
        await buffer.close(discard=True)
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
    buffer = DownloadBuffer(tmp_path, "file")
    await buffer.begin()
    with pytest.raises(DiskError) as failed:
        for _ in range(8):
            await buffer.add(PIECE)
        await buffer.keep(99, "")
    monkeypatch.undo()
    await buffer.close(discard=True)
    assert category_of(failed.value) is Category.TRANSIENT
    assert failed.value.outage is (name in OUTAGES)
    shown = str(failed.value)
    assert (
        f"{type(OSError(getattr(errno, name), '')).__name__}: {os.strerror(getattr(errno, name))}"
        in shown
    )
    assert ("make room" in shown) is (name in OUTAGES)
