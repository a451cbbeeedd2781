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
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import obstore
from attrs import field, frozen
from obstore.exceptions import (
    BaseError,
    InvalidPathError,
    PermissionDeniedError,
    UnauthenticatedError,
)
from obstore.store import LocalStore, ObjectStore

from claimx_pipeline.clock import Clock
from claimx_pipeline.errors import Category, RecordError
from claimx_pipeline.media import local_files
from claimx_pipeline.media.paths import LONGEST_PATH, why_not
from claimx_pipeline.media.pieces import PIECE_BYTES, Pieces, local_pieces, put_in_parts
from claimx_pipeline.media.store_cause import cause_of
from claimx_pipeline.media.store_errors import (
    Blame,
    OtherFile,
    blame,
    may_pass,
)
from claimx_pipeline.media.stored_file import StoredFile
from claimx_pipeline.media.together import Together

CHECK = "claimx-store-check.txt"
"""Written and removed to see whether a store refuses one file or every file."""

_CHECK = b"Written to see whether this store takes files; may be removed.\n"
_FAR = datetime(9000, 1, 1, tzinfo=UTC)

_LONGEST_LOCAL = 4000
"""Bytes of a whole path on disk: PATH_MAX, less what obstore adds."""

SETTLE_SECONDS = 0.2
"""Longer than obstore's threads were seen to need, by an order of magnitude."""


class StorageError(RecordError):
    """A store did not do what was asked of it."""


class NoSuchFileError(StorageError):
    """The store has no file of that name."""


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
    _folder: Path | None = field(init=False, repr=False, eq=False)
    _together: Together = field(factory=Together, init=False, repr=False, eq=False)

    @property
    def folder(self) -> Path | None:
        """The root, if it is a folder on disk."""
        return self._folder

    @_folder.default
    def _made_folder(self) -> Path | None:
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
        source = Pieces(pieces)
        try:
            async with self._failing("write", path, source):
                attributes = self._attributes(content_type)
                await put_in_parts(self.store, self.folder, path, source, attributes)
        except NoSuchFileError as error:
            raise source.error or self._no_store(path) from error
        except StorageError as error:
            raise source.error or error from error

    async def put_bytes(self, path: str, content: bytes, content_type: str = "") -> None:
        """Write a small file in one request; replaces one that is there.

        Args:
            path: Where to.
            content: All of it.
            content_type: Stored with the file where the store can.

        Raises:
            StorageError: The store failed, or the path cannot be.
        """
        folder = self.folder
        try:
            async with self._failing("write", path):
                if folder is not None:
                    writing = partial(local_files.write, folder, path, content)
                    await self._together.run(writing)
                    return
                attributes = self._attributes(content_type)
                await obstore.put_async(self.store, path, content, attributes=attributes)
        except NoSuchFileError as error:
            raise self._no_store(path) from error

    def _attributes(self, content_type: str) -> Any:
        # A folder keeps no attributes, and obstore refuses to try.
        typed = content_type and not isinstance(self.store, LocalStore)
        return {"Content-Type": content_type} if typed else None

    def _no_store(self, path: str) -> StorageError:
        # Nothing is looked for when a file is written but the bucket itself.
        why = f"cannot write {path!r}, the store does not exist: {self.root}"
        return StorageError(why, Category.TRANSIENT, outage=True)

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

    async def content(self, path: str, most: int) -> bytes | None:
        """Return the contents of a small file, in one request; None if it is larger.

        Args:
            path: The file.
            most: Bytes that may be in memory.

        Raises:
            NoSuchFileError: There is none.
            StorageError: The store failed.
        """
        folder = self.folder
        async with self._failing("read", path):
            if folder is not None:
                return await self._together.run(partial(local_files.read, folder, path, most))
            found = await obstore.get_async(self.store, path)
            return None if found.meta["size"] > most else bytes(await found.bytes_async())

    async def stat(self, path: str) -> StoredFile | None:
        """Return what is known of a file; None if there is none.

        Raises:
            StorageError: The store failed.
        """
        folder = self.folder
        try:
            async with self._failing("look at", path):
                if folder is not None:
                    return await self._together.run(partial(local_files.stat, folder, path))
                found = await obstore.head_async(self.store, path)
        except NoSuchFileError:
            return None
        return StoredFile(path, found["size"], found["last_modified"])

    async def delete(self, path: str) -> None:
        """Remove a file; a missing one is not an error.

        Raises:
            StorageError: The store failed.
        """
        folder = self.folder
        try:
            async with self._failing("remove", path):
                if folder is not None:
                    await self._together.run(partial(local_files.delete, folder, path))
                    return
                await obstore.delete_async(self.store, path)
        except NoSuchFileError:
            return

    async def in_folder(self, folder: str) -> list[StoredFile]:
        """Return the files in a folder that has few, in no particular order.

        Raises:
            StorageError: The store failed.
        """
        root = self.folder
        if root is None:
            return [each async for each in self.older_than(_FAR, folder)]
        async with self._failing("list", folder):
            return await self._together.run(partial(local_files.in_folder, root, folder))

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
        self, what: str, path: str, source: Pieces | None = None
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
        except (BaseError, OSError) as error:
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

    async def _is_of_the_record(self, error: BaseError | OSError, what: str, path: str) -> bool:
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
        await self.put_bytes(CHECK, _CHECK)
        with suppress(StorageError):
            await self.delete(CHECK)

    async def _look_at_another(self) -> None:
        await self.stat(CHECK)
