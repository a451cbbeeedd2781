"""Keeps two batches of one worker from sending one form at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from weakref import WeakValueDictionary

from attrs import define, field


@define(eq=False)
class FormLocks:
    """A lock per form, as long as it is used."""

    _locks: WeakValueDictionary[str, asyncio.Lock] = field(factory=WeakValueDictionary, init=False)

    @asynccontextmanager
    async def of(self, forms: Iterable[str]) -> AsyncIterator[None]:
        """Hold the locks of *forms*; always taken in one order, so nothing waits in a circle."""
        async with AsyncExitStack() as held:
            for form in sorted(forms):
                lock = self._locks.get(form)
                if lock is None:
                    lock = self._locks[form] = asyncio.Lock()
                await held.enter_async_context(lock)
            yield
