"""Marks the cache that the downloader writes to, so that another one is not taken for it.

With a cache on a disk that the two workers do not share, every file would seem to be
missing and become a dead letter. The missing mark shows the mistake before that.
"""

from __future__ import annotations

from claimx_pipeline.media.store import FileStore

MARK = "downloads-land-here.txt"
"""Name of the mark, at the root of the cache."""

_TEXT = b"The worker 'download' puts files here, the worker 'upload' takes them from here.\n"


async def mark(cache: FileStore) -> None:
    """Write the mark of the downloader into *cache*.

    Raises:
        StorageError: The store failed.
    """
    await cache.put_bytes(MARK, _TEXT)


async def is_marked(cache: FileStore) -> bool:
    """Tell whether a downloader has ever written to *cache*.

    Raises:
        StorageError: The store failed.
    """
    return await cache.stat(MARK) is not None
