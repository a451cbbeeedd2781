"""Where files lie: a folder or an object store, behind one small class.

obstore speaks to local folders, S3, Azure (Blob, Data Lake, OneLake) and Google alike.
Every failure comes out as a ``RecordError``: what concerns the store as a whole
(unavailable, full, no access) is an outage, so that files wait for it and none fails for good.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator
from contextlib import asynccontextmanager, suppress
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
from claimx_pipeline.media.paths import LONGEST_PATH, why_not
from claimx_pipeline.media.store_cause import cause_of
from claimx_pipeline.media.store_errors import (
    Blame,
    OtherFile,
    blame,
    is_missing,
    may_pass,
)

PIECE_BYTES = 5 * 1024 * 1024
"""Bytes sent or read at once; also the smallest part that S3 takes."""

PARTS_AT_ONCE = 2
"""Parts of one file under way at once: with the piece size, what a file costs in memory."""

CHECK = "claimx-store-check.txt"
"""Written and removed to see whether a store refuses one file or every file."""

_LONGEST_LOCAL = 4000
"""Bytes of a whole path on disk: PATH_MAX, less what obstore adds."""

_FOLDER_TRIES = 10
"""A folder may be removed by another worker between its making and the file's."""

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
    """The store below it."""
    list_wait_seconds: float = 30.0
    """How long a listing may bring nothing."""
    list_seconds: float = 600.0
    """How long a listing may take in all."""
    _other: OtherFile = field(factory=OtherFile, init=False, repr=False, eq=False)

    @property
    def folder(self) -> Path | None:
        """The root, if it is a folder on disk."""
        return Path(self.root) if isinstance(self.store, LocalStore) else None

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
            async with self._failing("write", path, source):
                await self._put(path, source, attributes)
        except NoSuchFileError as error:
            # Nothing is looked for when a file is written but the bucket itself.
            why = f"cannot write {path!r}, the store does not exist: {self.root}"
            raise source.error or StorageError(why, Category.TRANSIENT, outage=True) from error
        except StorageError as error:
            raise source.error or error from error

    async def _put(self, path: str, source: _Source, attributes: Any = None) -> None:
        for tries_left in reversed(range(_FOLDER_TRIES)):
            try:
                await obstore.put_async(
                    self.store,
                    path,
                    source.pieces(),
                    attributes=attributes,
                    chunk_size=PIECE_BYTES,
                    max_concurrency=PARTS_AT_ONCE,
                )
            except (FileNotFoundError, BaseError) as error:
                # Of a folder that is there: the file's own was removed as it was empty.
                folder = self.folder
                if folder is None or source.begun or not tries_left:
                    raise
                if not (is_missing(error) and folder.is_dir()):
                    raise
            else:
                return

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
        async with self._failing("read", path):
            found = await obstore.get_async(self.store, path)
            async for piece in found.stream(min_chunk_size=PIECE_BYTES):
                yield bytes(piece)

    async def stat(self, path: str) -> StoredFile | None:
        """Return what is known of a file; None if there is none.

        Raises:
            StorageError: The store failed.
        """
        try:
            async with self._failing("look at", path):
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
            async with self._failing("remove", path):
                await obstore.delete_async(self.store, path)
        except NoSuchFileError:
            return

    async def older_than(
        self, moment: datetime, below: str = ""
    ) -> AsyncGenerator[StoredFile, None]:
        """Yield the files last written before *moment*, in no particular order.

        Args:
            moment: Compared with the store's own times.
            below: Only files in this folder.

        Raises:
            StorageError: The store failed.
        """
        first: str | None = None
        ends = time.monotonic() + self.list_seconds
        async with self._failing("list", below):
            listing = aiter(obstore.list(self.store, prefix=below or None))
            while several := await self._listed(listing, below, ends):
                for each in several:
                    if each["path"] == first:
                        raise self._unlisted(below, f"it names {first!r} twice")
                    first = first or each["path"]
                    if each["last_modified"] < moment:
                        yield StoredFile(each["path"], each["size"], each["last_modified"])

    async def _listed(self, listing: Any, below: str, ends: float) -> Any:
        """Return the next files of a listing; None at its end."""
        left = min(self.list_wait_seconds, ends - time.monotonic())
        try:
            return await asyncio.wait_for(anext(listing, None), max(left, 0))
        except TimeoutError as error:
            waited = "nothing for long" if left == self.list_wait_seconds else "no end"
            raise self._unlisted(below, f"it brings {waited}") from error

    def _unlisted(self, below: str, why: str) -> StorageError:
        return StorageError(
            f"the listing of {below!r} in {self.root} cannot be used: {why}; see the store's own "
            "log",
            Category.TRANSIENT,
            outage=True,
        )

    async def close(self, clock: Clock) -> None:
        """Let obstore's threads end what they still do for calls that have returned.

        They release Python objects a moment after a call's answer is there; a process
        that ends in that moment aborts instead (exit code 134).
        """
        await clock.sleep(SETTLE_SECONDS)

    @asynccontextmanager
    async def _failing(
        self, what: str, path: str, source: _Source | None = None
    ) -> AsyncIterator[None]:
        """Turn what obstore raises into a ``StorageError``, by type and code."""
        if path and (refusal := why_not(path) or self._too_long(path)):
            raise StorageError(refusal)
        shown = f"{path!r} in {self.root}"
        try:
            yield
        except FileNotFoundError as error:
            raise NoSuchFileError(f"there is no file {shown}") from error
        except (InvalidPathError, ValueError) as error:
            raise StorageError(
                f"{path!r} is not a valid path in {self.root}: {cause_of(error)}"
            ) from error
        except BaseError as error:
            ours = source is None or source.error is None
            if ours and path and await self._is_of_the_record(error, what, path):
                raise StorageError(
                    f"cannot {what} {shown}, the store refuses this file and takes others: "
                    f"{cause_of(error)}",
                    Category.TRANSIENT if may_pass(error) else Category.PERMANENT,
                ) from error
            why = f"cannot {what} {shown}"
            if isinstance(error, UnauthenticatedError | PermissionDeniedError):
                why = f"{why}, access is refused; see storage.options: {cause_of(error)}"
                raise StorageError(why, Category.AUTH) from error
            why = f"{why}: {cause_of(error)}"
            raise StorageError(why, Category.TRANSIENT, outage=True) from error

    def _too_long(self, path: str) -> str:
        """Return why *path* is too long below this root; empty if it is not."""
        prefix = self.folder or getattr(self.store, "prefix", None)
        size = len(f"{prefix or ''}/{path}".encode())
        most = LONGEST_PATH if self.folder is None else _LONGEST_LOCAL
        if prefix is None or size <= most:
            return ""
        return (
            f"{path[:300]!r} is not a valid path of a file in {self.root}; with the root it has "
            f"{size} bytes, and the store takes {most}"
        )

    async def _is_of_the_record(self, error: BaseError, what: str, path: str) -> bool:
        found = blame(error)
        folder = self.folder
        if folder is not None:
            if not folder.is_dir():
                return False
            # A folder of that name is there; obstore says that it stopped, and not why.
            if what == "write" and (folder / path).is_dir():
                return True
        if found is Blame.UNKNOWN and path != CHECK:
            ask = self._write_another if what == "write" else self._look_at_another
            return await self._other.works(ask)
        return found is Blame.RECORD

    async def _write_another(self) -> None:
        await self.put(CHECK, _check())
        with suppress(StorageError):
            await self.delete(CHECK)

    async def _look_at_another(self) -> None:
        await self.stat(CHECK)


async def _check() -> AsyncIterator[bytes]:
    yield b"Written to see whether this store takes files; may be removed.\n"


@define
class _Source:
    """What is being written, and the exception that it ended with, if it did."""

    _given: AsyncIterable[bytes]
    begun: bool = False
    """Something was read of it."""
    error: Exception | None = None

    async def pieces(self) -> AsyncIterator[bytes]:
        self.begun = True
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
