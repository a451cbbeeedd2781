"""How many requests may be under way at a time, and whose is next."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager

from attrs import define, field
from attrs.validators import ge


@define(eq=False)
class FairSlots:
    """Slots that are handed to subjects in turn; belongs to one event loop.

    A subject with a thousand requests, a project say, delays the one request of another by
    a single turn. Requests of one subject keep their order.
    """

    free: int = field(validator=ge(0))
    """Slots that are not in use."""
    _waiting: dict[Hashable, deque[asyncio.Future[None]]] = field(factory=dict, init=False)
    """Subject to its requests that wait; the subject that is next comes first."""

    @asynccontextmanager
    async def slot(self, subject: Hashable) -> AsyncIterator[None]:
        """Hold a slot within the block, once it is the turn of *subject*."""
        await self._acquire(subject)
        try:
            yield
        finally:
            self._release()

    async def _acquire(self, subject: Hashable) -> None:
        if self.free:
            self.free -= 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(subject, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._release()  # it was its turn already: the next one has it
            raise

    def _release(self) -> None:
        """Hand the slot on to the subject that is next, or back."""
        while self._waiting:
            subject = next(iter(self._waiting))
            queue = self._waiting.pop(subject)
            turn = queue.popleft()
            while queue and turn.done():
                turn = queue.popleft()  # the one before was cancelled
            if queue:
                self._waiting[subject] = queue  # behind all others
            if not turn.done():
                turn.set_result(None)
                return
        self.free += 1
