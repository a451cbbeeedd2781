"""Sources that block: read in a thread of their own, so that nothing hangs with them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from attrs import define, field

from claimx_pipeline.delta.thread import TableThread
from claimx_pipeline.sources.protocol import Page

NO_LIMIT_SECONDS = 86400.0
"""The worker itself limits how long a page may take."""

PAGE = 200
"""Records of one page: a position is kept at its end, so as many come again after a kill."""


class BlockingReader(Protocol):
    """Reads in one thread, and keeps open what it reads on from."""

    def read(self, position: Any) -> Page:
        """Return the next page; may block."""
        ...

    def progress(self) -> str:
        """Return how far it is."""
        ...

    def close(self) -> None:
        """Close what is open."""
        ...


@define(eq=False)
class BlockingSource:
    """A source whose reader blocks."""

    name: str
    make: Callable[[], BlockingReader]
    _reader: BlockingReader | None = field(default=None, init=False)
    _thread: TableThread | None = field(default=None, init=False)

    async def read(self, position: Any) -> Page:
        """Return the next page; what hangs is left behind with its thread."""
        if self._reader is None or self._thread is None:
            self._reader, self._thread = self.make(), TableThread(self.name, NO_LIMIT_SECONDS)
        try:
            return await self._thread.run(partial(self._reader.read, position))
        except BaseException:
            # What is open may be anywhere, and may still be used by a thread that hangs.
            self._forget()
            raise

    def progress(self) -> str:
        """Return how far it is."""
        return self._reader.progress() if self._reader is not None else ""

    async def close(self) -> None:
        """Close what is open, in its thread, and wait for nothing."""
        self._forget()
        await asyncio.sleep(0)

    def _forget(self) -> None:
        reader, thread = self._reader, self._thread
        self._reader = self._thread = None
        if reader is not None and thread is not None:
            thread.later(reader.close)
            thread.abandon()
