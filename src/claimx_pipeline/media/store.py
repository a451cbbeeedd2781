"""Where files lie: a folder or an object store, behind one small class.

obstore speaks to local folders, S3, Azure (Blob, Data Lake, OneLake) and Google alike.
Every failure comes out as a ``RecordError``: what concerns the store as a whole
(unavailable, full, no access) is an outage, so that files wait for it and none fails for good.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterable, AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import obstore
from attrs import define, field, frozen
from obstore.exceptions import (
    BaseError,
    InvalidPathError,
    PermissionDeniedError,
    UnauthenticatedError,
)
from obstore.store import LocalStore, ObjectStore

from claimx_pipeline.clock import Clock
from claimx_pipeline.errors import Category, RecordError
from claimx_pipeline.media.paths import may_be

PIECE_BYTES = 5 * 1024 * 1024
"""Bytes sent or read at once; also the smallest part that S3 takes."""

PARTS_AT_ONCE = 2
"""Parts of one file under way at once: with the piece size, what a file costs in memory."""

_TOOK = re.compile(r" in \d+(\.\d+)?(ns|µs|ms|s)\b")

SETTLE_SECONDS = 0.2
"""Longer than obstore's threads were seen to need, by an order of magnitude."""


class StorageError(RecordError):
    """A store did not do what was asked of it."""


class NoSuchFileError(StorageError):
    """The store has no file of that name."""


@frozen
class StoredFile:
    """One file in a store."""

    path: str
    """Relative to the store's root."""
    size: int
    """Bytes."""
    modified: datetime
    """When it was written, UTC."""


@frozen
class FileStore:
    """A root under which files lie. Safe to use from several tasks at once.

    A path is relative and has no ``..``. Writing is all or nothing: a reader sees
    the file before or the whole file after, whatever happens to the writer.
    """

    root: str
    """For messages: the folder or URL, without credentials."""
    store: ObjectStore = field(repr=False)

    async def put(self, path: str, pieces: AsyncIterable[bytes], content_type: str = "") -> None:
        """Write a file from *pieces*, in parts if it is large; replaces one that is there.

        An exception that *pieces* raises passes through, and nothing is written.

        Args:
            path: Where to.
            pieces: The contents; at most a few parts are in memory at once.
            content_type: Stored with the file where the store can.

        Raises:
            StorageError: The store failed, or the path cannot be.
        """
        # A folder keeps no attributes, and obstore refuses to try.
        typed = content_type and not isinstance(self.store, LocalStore)
        attributes: Any = {"Content-Type": content_type} if typed else None
        source = _Source(pieces)
        try:
            with self._failing("write", path):
                await obstore.put_async(
                    self.store,
                    path,
                    source.pieces(),
                    attributes=attributes,
                    chunk_size=PIECE_BYTES,
                    max_concurrency=PARTS_AT_ONCE,
                )
        except NoSuchFileError as error:
            # Nothing is looked for when a file is written but the bucket itself.
            why = f"cannot write {path!r}, the store does not exist: {self.root}"
            raise source.error or StorageError(why, Category.TRANSIENT, outage=True) from error
        except StorageError as error:
            raise source.error or error from error

    async def put_file(self, path: str, local: Path, content_type: str = "") -> None:
        """Write a file with the contents of *local*; see ``put``.

        Raises:
            OSError: *local* cannot be read.
            StorageError: The store failed, or the path cannot be.
        """
        await self.put(path, local_pieces(local), content_type)

    async def pieces(self, path: str) -> AsyncIterator[bytes]:
        """Yield the contents of a file, at most ``PIECE_BYTES`` and a little at once.

        Raises:
            NoSuchFileError: There is none.
            StorageError: The store failed.
        """
        with self._failing("read", path):
            found = await obstore.get_async(self.store, path)
            async for piece in found.stream(min_chunk_size=PIECE_BYTES):
                yield bytes(piece)

    async def stat(self, path: str) -> StoredFile | None:
        """Return what is known of a file; None if there is none.

        Raises:
            StorageError: The store failed.
        """
        try:
            with self._failing("look at", path):
                found = await obstore.head_async(self.store, path)
        except NoSuchFileError:
            return None
        return StoredFile(path, found["size"], found["last_modified"])

    async def delete(self, path: str) -> None:
        """Remove a file; a missing one is not an error.

        Raises:
            StorageError: The store failed.
        """
        try:
            with self._failing("remove", path):
                await obstore.delete_async(self.store, path)
        except NoSuchFileError:
            return

    async def older_than(self, moment: datetime, below: str = "") -> AsyncIterator[StoredFile]:
        """Yield the files last written before *moment*, in no particular order.

        Args:
            moment: Compared with the store's own times.
            below: Only files in this folder.

        Raises:
            StorageError: The store failed.
        """
        with self._failing("list", below):
            async for several in obstore.list(self.store, prefix=below or None):
                for each in several:
                    if each["last_modified"] < moment:
                        yield StoredFile(each["path"], each["size"], each["last_modified"])

    async def close(self, clock: Clock) -> None:
        """Let obstore's threads end what they still do for calls that have returned.

        They release Python objects a moment after a call's answer is there; a process
        that ends in that moment aborts instead (exit code 134).
        """
        await clock.sleep(SETTLE_SECONDS)

    @contextmanager
    def _failing(self, what: str, path: str) -> Iterator[None]:
        """Turn what obstore raises into a ``StorageError``, by type and never by text."""
        shown = f"{path!r} in {self.root}"
        if path and not may_be(path):
            raise StorageError(
                f"{path[:300]!r} is not a valid path of a file; it is relative, its names are not "
                "empty, '.' or '..', have at most 240 bytes and do not end in '#' and a number"
            )
        try:
            yield
        except FileNotFoundError as error:
            raise NoSuchFileError(f"there is no file {shown}") from error
        except (UnauthenticatedError, PermissionDeniedError) as error:
            why = f"cannot {what} {shown}, access is refused; see storage.options: {_first(error)}"
            raise StorageError(why, Category.AUTH) from error
        except (InvalidPathError, ValueError) as error:
            raise StorageError(
                f"{path!r} is not a valid path in {self.root}: {_first(error)}"
            ) from error
        except BaseError as error:
            why = f"cannot {what} {shown}: {_first(error)}"
            raise StorageError(why, Category.TRANSIENT, outage=True) from error


@define
class _Source:
    """What is being written, and the exception that it ended with, if it did."""

    _given: AsyncIterable[bytes]
    error: Exception | None = None

    async def pieces(self) -> AsyncIterator[bytes]:
        try:
            async for piece in self._given:
                yield piece
        except Exception as error:
            self.error = error
            raise


async def local_pieces(local: Path) -> AsyncIterator[bytes]:
    """Yield the contents of a file on disk; reads in a thread.

    Raises:
        OSError: It cannot be read.
    """
    file = await asyncio.to_thread(local.open, "rb")
    try:
        while piece := await asyncio.to_thread(file.read, PIECE_BYTES):
            yield piece
    finally:
        file.close()


def _first(error: Exception) -> str:
    """Return the first line of an error: the rest shows how obstore is made inside.

    How long a request took is left out, so that the same failure has the same text.
    """
    return _TOOK.sub("", str(error).split("\n", 1)[0].strip())
