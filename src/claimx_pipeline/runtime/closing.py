"""What a member of a worker has opened, and how all of it is closed again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from attrs import define, field

from claimx_pipeline.errors import ClaimxError

log = logging.getLogger(__name__)

CLOSE_SECONDS = 5.0
"""How long closing any one may take."""

HURRY_SECONDS = 1.0
"""How long closing all may take when nothing can be finished any more."""

Close = Callable[[], Awaitable[None]]


@define
class ClosingStack:
    """Closes what was opened, the last first."""

    worker: str
    hurry: bool = False
    """Nothing can be finished: what is unavailable must not delay the end."""
    _opened: list[tuple[str, Close]] = field(factory=list, init=False)

    def add(self, what: str, close: Close) -> None:
        """Note that *what* is being opened; from here on it is closed."""
        self._opened.append((what, close))

    async def close(self) -> None:
        """Close all; what cannot be closed is logged and left."""
        closing, self._opened = list(reversed(self._opened)), []
        if self.hurry:
            await asyncio.gather(
                *(self.close_one(what, close, HURRY_SECONDS) for what, close in closing)
            )
            return
        for what, close in closing:
            await self.close_one(what, close)

    async def close_one(self, what: str, close: Close, seconds: float = CLOSE_SECONDS) -> None:
        """Close one; the next must be closed whatever happens to this one."""
        try:
            async with asyncio.timeout(seconds):
                await close()
        except TimeoutError:
            log.warning("worker %s: the %s is not closed after %g s", self.worker, what, seconds)
        except ClaimxError as error:
            log.warning("worker %s: closing the %s failed: %s", self.worker, what, error)
        except Exception:
            log.exception("closing the %s of worker %s failed", what, self.worker)
