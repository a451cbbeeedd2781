"""Tells the cache that the downloader writes to from an empty place that looks like it.

With a cache on a disk that the two workers do not share, every file would seem to be gone
and die. The mark says so before the first one does.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from claimx_pipeline.media.store import FileStore

MARK = "downloads-land-here.txt"
"""Name of the mark, at the root of the cache."""


async def mark(cache: FileStore) -> None:
    """Leave the mark of the downloader in *cache*.

    Raises:
        StorageError: The store failed.
    """
    await cache.put(MARK, _text())


async def is_marked(cache: FileStore) -> bool:
    """Tell whether a downloader has ever written to *cache*.

    Raises:
        StorageError: The store failed.
    """
    return await cache.stat(MARK) is not None


async def _text() -> AsyncIterator[bytes]:
    yield b"The worker 'download' puts files here, the worker 'upload' takes them from here.\n"
