"""The contents of a file piece by piece, on their way to a store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator
from pathlib import Path
from typing import Any

import obstore
from attrs import define
from obstore.exceptions import BaseError
from obstore.store import ObjectStore

from claimx_pipeline.media.store_errors import is_missing

PIECE_BYTES = 5 * 1024 * 1024
"""Bytes sent or read at once; also the smallest part that S3 takes."""

PARTS_AT_ONCE = 2
"""Parts of one file under way at once: with the piece size, what a file costs in memory."""

FOLDER_TRIES = 10
"""A folder may be removed by another worker between its making and the file's."""


@define
class Pieces:
    """What is being written, and the exception that it ended with, if it did."""

    _given: AsyncIterable[bytes]
    begun: bool = False
    """Something was read of it."""
    error: Exception | None = None

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield the contents."""
        self.begun = True
        try:
            async for piece in self._given:
                yield piece
        except Exception as error:
            self.error = error
            raise


async def put_in_parts(
    store: ObjectStore, folder: Path | None, path: str, source: Pieces, attributes: Any
) -> None:
    """Write a file from *source* into *store*, whose root is *folder* if it is one on disk.

    Raises:
        BaseError: The store failed.
        FileNotFoundError: It is not there.
        Exception: What *source* raised.
    """
    for tries_left in reversed(range(FOLDER_TRIES)):
        try:
            await obstore.put_async(
                store,
                path,
                source.pieces(),
                attributes=attributes,
                chunk_size=PIECE_BYTES,
                max_concurrency=PARTS_AT_ONCE,
            )
        except (FileNotFoundError, BaseError) as error:
            if source.begun or not tries_left or not _lost_its_folder(error, folder):
                raise
        else:
            return


def _lost_its_folder(error: BaseError | FileNotFoundError, root: Path | None) -> bool:
    """Tell whether the file's own folder was removed, as it was empty, while the root is there."""
    return root is not None and is_missing(error) and root.is_dir()


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
