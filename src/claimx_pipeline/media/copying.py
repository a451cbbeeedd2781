"""Copies a file from the cache to where it belongs, and sees that it arrives whole."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator

from claimx_pipeline.errors import Category
from claimx_pipeline.media.cache_mark import is_marked
from claimx_pipeline.media.checksum import checksum_of
from claimx_pipeline.media.messages import CachedFile
from claimx_pipeline.media.store import FileStore, NoSuchFileError, StorageError

SMALL_BYTES = 1024 * 1024
"""A file of so many bytes is copied whole: one request to each store instead of several."""


async def copy_file(file: CachedFile, cache: FileStore, files: FileStore) -> None:
    """Copy *file*; doing so again changes nothing.

    Size and checksum are compared while the bytes pass through, before the store makes
    them a file: a damaged one never replaces a good one.

    Raises:
        StorageError: A store failed, or the cached file is damaged, or it is missing and
            is not at its destination either; an outage if the cache is another's.
    """
    try:
        await _copy(file, cache, files)
    except NoSuchFileError as error:
        if await holds(files, file):
            return  # it was copied before and its result published; only the commit was lost
        if not await is_marked(cache):
            raise StorageError(
                f"no downloader has ever written to the cache {cache.root}; the workers that "
                "download and upload must have the same storage.cache.root, on a disk or "
                "store that both reach",
                Category.TRANSIENT,
                outage=True,
            ) from error
        raise StorageError(
            f"{file.cache_path!r} is missing from the cache {cache.root}; replay the file's event"
        ) from error
    stored = await files.stat(file.blob_path)
    if stored is None or stored.size != file.bytes_downloaded:
        size = "none" if stored is None else stored.size
        raise StorageError(
            f"{file.blob_path!r} in {files.root} should have {file.bytes_downloaded} bytes "
            f"after it was written and has {size}",
            Category.TRANSIENT,
        )


async def _copy(file: CachedFile, cache: FileStore, files: FileStore) -> None:
    """Copy *file* whole if it is small, else piece by piece."""
    content = None
    if file.bytes_downloaded <= SMALL_BYTES:
        content = await cache.content(file.cache_path, SMALL_BYTES)
    if content is None:
        await files.put(file.blob_path, verified(file, cache), file.content_type)
        return
    _check(file, cache, len(content), await checksum_of(content))
    await files.put_bytes(file.blob_path, content, file.content_type)


async def verified(file: CachedFile, cache: FileStore) -> AsyncIterator[bytes]:
    """Yield the cached file's contents, and fail at its end if they are not what they were.

    Raises:
        NoSuchFileError: It is missing.
        StorageError: It is damaged, or the cache failed.
    """
    digest, size = hashlib.sha256(), 0
    async for piece in cache.pieces(file.cache_path):
        # Hashing releases the interpreter's lock; a large piece would hold up the loop.
        await asyncio.to_thread(digest.update, piece)
        size += len(piece)
        yield piece
    _check(file, cache, size, digest.hexdigest())


def _check(file: CachedFile, cache: FileStore, size: int, checksum: str) -> None:
    if size != file.bytes_downloaded or checksum != file.checksum:
        raise StorageError(
            f"{file.cache_path!r} in the cache {cache.root} is damaged: {size} bytes with "
            f"checksum {checksum[:16]}…, {file.bytes_downloaded} with "
            f"{file.checksum[:16]}… were fetched; replay the file's event"
        )


async def holds(files: FileStore, file: CachedFile) -> bool:
    """Tell whether the store holds *file* already, by its contents.

    Raises:
        StorageError: The store failed.
    """
    stored = await files.stat(file.blob_path)
    if stored is None or stored.size != file.bytes_downloaded:
        return False
    digest = hashlib.sha256()
    async for piece in files.pieces(file.blob_path):
        await asyncio.to_thread(digest.update, piece)
    return digest.hexdigest() == file.checksum
