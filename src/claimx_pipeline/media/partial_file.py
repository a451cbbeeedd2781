"""The beginning of a file on disk, which survives the process that wrote it."""

from __future__ import annotations

import fcntl
import hashlib
import os
import threading
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from attrs import define, field, frozen

from claimx_pipeline.media.content import HEAD_BYTES

_PIECE_BYTES = 1024 * 1024


@frozen
class PartialProgress:
    """What is known of a file that is fetched by ranges."""

    size: int
    """Bytes that are safely on disk."""
    total: int
    """Bytes of the whole file."""
    validator: str
    """``ETag``, else ``Last-Modified`` of the file."""
    restarts: int = 0
    """How often the file was begun again because the host had another version of it."""


_read_progress = msgspec.json.Decoder(PartialProgress).decode


@define(eq=False)
class PartialFile:
    """The beginning of a file, on disk. Every method blocks, so it runs in a thread."""

    path: Path
    progress: PartialProgress | None = None
    """Of an earlier try, if that left any."""
    size: int = 0
    """Bytes written."""
    _descriptor: int = field(default=-1)
    _digest: Any = field(factory=hashlib.sha256, repr=False)
    _using: threading.Lock = field(factory=threading.Lock, init=False, repr=False)
    """Cancelling a write does not end it: the descriptor must not be another file's by then."""

    @staticmethod
    def is_left(folder: Path, name: str) -> bool:
        """Tell whether an earlier try left anything of file *name*.

        Raises:
            OSError: The folder cannot be read.
        """
        return (folder / f"{name}.json").exists()

    @classmethod
    def left(cls, folder: Path, name: str) -> PartialFile | None:
        """Return what an earlier try left of file *name*; None if nothing of use."""
        if not cls.is_left(folder, name):
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
                # Another try writes the same file: this one starts at 0 and is not kept.
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

    def keep(self, total: int, validator: str, restarts: int = 0) -> None:
        """Make sure that what is written is there after a crash, and record how much that is.

        Raises:
            OSError: It cannot be written.
        """
        os.fdatasync(self._descriptor)
        half = self.path.with_suffix(".json.new")
        progress = PartialProgress(self.size, total, validator, restarts)
        half.write_bytes(msgspec.json.encode(progress))
        half.replace(self._record)

    def restart(self) -> None:
        """Begin again at byte 0.

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
        """Close it; with *discard*, or if nothing was kept, it is removed."""
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
    """Remove files that were not continued for long; those being written stay. Blocks.

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
