"""Where a file's bytes come down: in memory while it is small, then in a file on disk.

A file that is fetched by ranges survives the process: what was kept of it is recorded
beside it, and whoever fetches it next goes on there.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import hashlib
import os
import threading
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from attrs import define, field, frozen

from claimx_pipeline.errors import Category, RecordError
from claimx_pipeline.media.content import HEAD_BYTES

IN_MEMORY_BYTES = 1024 * 1024
"""As much of a file is in memory at most; a smaller one never touches the disk."""

_PIECE_BYTES = 1024 * 1024

_OF_THE_MACHINE = frozenset(
    {
        errno.ENOSPC,
        errno.EDQUOT,
        errno.EROFS,
        errno.EACCES,
        errno.EPERM,
        errno.EMFILE,
        errno.ENFILE,
    }
)
"""Errors that any file would meet: no room, no permission, no more open files."""


class DiskError(RecordError):
    """The local disk did not do what was asked of it."""


def disk_error(error: OSError, path: Path) -> DiskError:
    """Return *error* as a record's failure; of the machine's own disk it is an outage."""
    outage = error.errno in _OF_THE_MACHINE
    told = f"{type(error).__name__}: {error.strerror or error}"
    advice = "; make room, or set media.work_dir to a folder that can be written" if outage else ""
    return DiskError(f"cannot write {path}: {told}{advice}", Category.TRANSIENT, outage=outage)


@frozen
class Progress:
    """What is known of a file that is fetched by ranges."""

    size: int
    """Bytes that are safely on disk."""
    total: int
    """Bytes of the whole file."""
    validator: str
    """``ETag`` or ``Last-Modified`` of the file; empty if the host gives neither."""


@frozen
class Landed:
    """A whole file."""

    content: bytes | Path
    """The file itself if it is small, else where it lies."""
    size: int
    checksum: str
    """SHA-256, hexadecimal."""


_read_progress = msgspec.json.Decoder(Progress).decode


@define(eq=False)
class PartialFile:
    """The beginning of a file, on disk. Every method blocks, so it runs in a thread."""

    path: Path
    progress: Progress | None = None
    """Of an earlier try, if that left any."""
    size: int = 0
    """Bytes written."""
    _descriptor: int = field(default=-1)
    _digest: Any = field(factory=hashlib.sha256, repr=False)
    _using: threading.Lock = field(factory=threading.Lock, init=False, repr=False)
    """Who cancels a write does not end it: the descriptor must not be another file's by then."""

    @classmethod
    def left(cls, folder: Path, name: str) -> PartialFile | None:
        """Return what an earlier try left of file *name*; None if nothing of use."""
        if not (folder / f"{name}.json").exists():
            return None
        return cls.create(folder, name)

    @classmethod
    def create(cls, folder: Path, name: str) -> PartialFile:
        """Return file *name*, as far as it came; another's if that is being written just now.

        Raises:
            OSError: The folder cannot be written.
        """
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{name}.part"
        while True:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if _is_still(path, descriptor):
                    break
            except BlockingIOError:
                # The same file in other hands: this one starts anew and is not kept.
                path = folder / f"{name}-{uuid.uuid4().hex}.part"
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)
        made = cls(path, descriptor=descriptor)
        made._take_up()
        return made

    def write(self, pieces: Sequence[bytes]) -> None:
        """Write at the end.

        Raises:
            OSError: It cannot be written.
        """
        with self._using:
            for piece in pieces:
                view = memoryview(piece)
                while view:
                    view = view[os.write(self._descriptor, view) :]
                self._digest.update(piece)
                self.size += len(piece)

    def keep(self, total: int, validator: str) -> None:
        """Make sure that what is written is there after a crash, and record how much that is.

        Raises:
            OSError: It cannot be written.
        """
        os.fdatasync(self._descriptor)
        half = self.path.with_suffix(".json.new")
        half.write_bytes(msgspec.json.encode(Progress(self.size, total, validator)))
        half.replace(self._record)

    def restart(self) -> None:
        """Begin anew.

        Raises:
            OSError: It cannot be written.
        """
        self._record.unlink(missing_ok=True)
        self._cut(0)
        self.progress = None

    def head(self) -> bytes:
        """Return the first bytes."""
        return os.pread(self._descriptor, HEAD_BYTES, 0)

    def checksum(self) -> str:
        """Return the SHA-256 of what is written."""
        return str(self._digest.hexdigest())

    def close(self, *, discard: bool) -> None:
        """Let it go; with *discard*, or if nothing was kept, it is removed."""
        with self._using:
            if discard or not self._record.exists():
                self._record.unlink(missing_ok=True)
                self.path.unlink(missing_ok=True)
            os.close(self._descriptor)
            self._descriptor = -1

    @property
    def _record(self) -> Path:
        return self.path.with_suffix(".json")

    def _take_up(self) -> None:
        """Go on with what was kept, if it is whole."""
        try:
            progress = _read_progress(self._record.read_bytes())
        except (FileNotFoundError, msgspec.DecodeError):
            progress = None
        if progress is None or not 0 < progress.size <= os.fstat(self._descriptor).st_size:
            self._cut(0)
            return
        # What was written after the record was may not have reached the disk.
        self._cut(progress.size)
        self.progress = progress

    def _cut(self, size: int) -> None:
        os.ftruncate(self._descriptor, size)
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        self._digest = hashlib.sha256()
        while piece := os.read(self._descriptor, _PIECE_BYTES):
            self._digest.update(piece)
        self.size = size


def remove_stale(folder: Path, before: float) -> int:
    """Remove what nobody has gone on with for long; what is being written stays. Blocks.

    Args:
        folder: Of partial files.
        before: Those last written before this, in seconds since 1970.

    Returns:
        How many were removed.

    Raises:
        OSError: The folder cannot be read or written.
    """
    removed = 0
    for path in folder.glob("*.part") if folder.is_dir() else ():
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(descriptor).st_mtime < before:
                path.with_suffix(".json").unlink(missing_ok=True)
                path.unlink(missing_ok=True)
                removed += 1
        except BlockingIOError:
            continue
        finally:
            os.close(descriptor)
    return removed


def _is_still(path: Path, descriptor: int) -> bool:
    """Tell whether *path* is the open file: its last owner may just have removed it."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


@define(eq=False)
class Landing:
    """Takes the bytes of one file, in order."""

    folder: Path
    """Of partial files."""
    name: str
    """Of this file's; equal for every try of one task."""
    size: int = field(default=0, init=False)
    """Bytes taken."""
    progress: Progress | None = field(default=None, init=False)
    """Of an earlier try, if that left any."""
    head: bytes = field(default=b"", init=False)
    """The first bytes, ``HEAD_BYTES`` of them once there are that many."""
    _waiting: list[bytes] = field(factory=list, init=False)
    _waiting_bytes: int = field(default=0, init=False)
    _file: PartialFile | None = field(default=None, init=False)

    async def begin(self) -> None:
        """Go on with what an earlier try left.

        Raises:
            DiskError: The disk cannot be read.
        """
        self._file = await self._on_disk(PartialFile.left, self.folder, self.name)
        if self._file is not None:
            self.size, self.progress = self._file.size, self._file.progress
            self.head = await self._on_disk(self._file.head)

    async def add(self, piece: bytes) -> None:
        """Take the next bytes.

        Raises:
            DiskError: They cannot be written.
        """
        if len(self.head) < HEAD_BYTES:
            self.head += piece[: HEAD_BYTES - len(self.head)]
        self._waiting.append(piece)
        self._waiting_bytes += len(piece)
        self.size += len(piece)
        if self._waiting_bytes >= IN_MEMORY_BYTES:
            await self._write()

    async def keep(self, total: int, validator: str) -> None:
        """Keep what there is for a later try.

        Raises:
            DiskError: It cannot be written.
        """
        file = await self._write()
        await self._on_disk(file.keep, total, validator)

    async def restart(self) -> None:
        """Forget all bytes.

        Raises:
            DiskError: The disk cannot be written.
        """
        self._waiting.clear()
        self.size = self._waiting_bytes = 0
        self.head, self.progress = b"", None
        if self._file is not None:
            await self._on_disk(self._file.restart)

    async def finish(self) -> Landed:
        """Return the whole file; it lies where it is until ``close``.

        Raises:
            DiskError: It cannot be written.
        """
        if self._file is None:
            content = b"".join(self._waiting)
            self._waiting.clear()
            digest = await asyncio.to_thread(hashlib.sha256, content)
            return Landed(content, self.size, digest.hexdigest())
        file = await self._write()
        return Landed(file.path, self.size, file.checksum())

    async def close(self, *, discard: bool) -> None:
        """Let the file go; without *discard* what was kept stays for a later try."""
        file, self._file = self._file, None
        self._waiting.clear()
        if file is not None:
            await self._on_disk(lambda: file.close(discard=discard))

    async def _write(self) -> PartialFile:
        waiting, self._waiting = self._waiting, []
        self._waiting_bytes = 0
        if self._file is None:
            self._file = await self._on_disk(PartialFile.create, self.folder, self.name)
            # What an earlier try kept was looked for before; by now it is another's, or stale.
            await self._on_disk(self._file.restart)
        await self._on_disk(self._file.write, waiting)
        return self._file

    async def _on_disk(self, work: Any, *given: Any) -> Any:
        with self._failing():
            return await asyncio.to_thread(work, *given)

    @contextmanager
    def _failing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise disk_error(error, self.folder) from error
