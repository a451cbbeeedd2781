"""Where a file's bytes come down: in memory while it is small, then in a file on disk.

A file that is fetched by ranges survives the process: what was kept of it is recorded
beside it, and the next try continues there.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from attrs import define, field, frozen

from claimx_pipeline.errors import Category, RecordError
from claimx_pipeline.media.checksum import checksum_of
from claimx_pipeline.media.content import HEAD_BYTES
from claimx_pipeline.media.partial_file import PartialFile, PartialProgress
from claimx_pipeline.system_errors import reason_of

IN_MEMORY_BYTES = 1024 * 1024
"""As much of a file is in memory at most; a smaller one never touches the disk."""

_OF_THE_MACHINE = frozenset(
    {
        errno.ENOSPC,
        errno.EDQUOT,
        errno.EROFS,
        errno.EACCES,
        errno.EPERM,
        errno.ENOTDIR,
        errno.EMFILE,
        errno.ENFILE,
    }
)
"""Errors that any file would meet: no room, no folder, no permission, no more open files."""


class DiskError(RecordError):
    """The local disk did not do what was asked of it."""


def disk_error(error: OSError, path: Path) -> DiskError:
    """Return *error* as a record's failure; of the machine's own disk it is an outage."""
    outage = error.errno in _OF_THE_MACHINE
    what = f"{type(error).__name__}: {reason_of(error)}"
    advice = "; make room, or set media.work_dir to a folder that can be written" if outage else ""
    return DiskError(f"cannot write {path}: {what}{advice}", Category.TRANSIENT, outage=outage)


@frozen
class WholeFile:
    """A whole file."""

    content: bytes | Path
    """The file itself if it is small, else where it lies."""
    size: int
    checksum: str
    """SHA-256, hexadecimal."""


@define(eq=False)
class DownloadBuffer:
    """Takes the bytes of one file, in order."""

    folder: Path
    """Of partial files."""
    name: str
    """Of this file's; equal for every try of one task."""
    size: int = field(default=0, init=False)
    """Bytes taken."""
    progress: PartialProgress | None = field(default=None, init=False)
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
        with self._failing():
            # Hardly ever there. A thread would cost twenty times what looking does.
            if not PartialFile.is_left(self.folder, self.name):
                return
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

    async def keep(self, total: int, validator: str, restarts: int = 0) -> None:
        """Keep what there is for a later try.

        Args:
            total: Bytes of the whole file.
            validator: What tells this version of the file from others.
            restarts: How often it was begun again.

        Raises:
            DiskError: It cannot be written.
        """
        file = await self._write()
        await self._on_disk(file.keep, total, validator, restarts)

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

    async def finish(self) -> WholeFile:
        """Return the whole file; it lies where it is until ``close``.

        Raises:
            DiskError: It cannot be written.
        """
        if self._file is None:
            content = b"".join(self._waiting)
            self._waiting.clear()
            return WholeFile(content, self.size, await checksum_of(content))
        file = await self._write()
        return WholeFile(file.path, self.size, file.checksum())

    async def close(self, *, discard: bool) -> None:
        """Close the file; without *discard* what was kept stays for a later try."""
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
