"""How ``claimx-run`` has garbage collected while workers run; nothing else changes that.

What is loaded once lives as long as the process, and a batch makes many objects that end without
the collector: looking through all of them again and again takes a quarter of a worker's time.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from claimx_pipeline.operations import Running

THRESHOLDS = (50_000, 20, 50)
"""Objects made before the young ones are looked through, then the older ones, then all."""


@asynccontextmanager
async def rarely(run: Running) -> AsyncIterator[None]:
    """Collect rarely within the block, and leave out what the workers had loaded once they ran."""
    before = gc.get_threshold()
    gc.set_threshold(*THRESHOLDS)
    settling = asyncio.create_task(_leave_out_loaded(run), name="garbage")
    try:
        yield
    finally:
        settling.cancel()
        await asyncio.gather(settling, return_exceptions=True)
        gc.set_threshold(*before)
        gc.unfreeze()


async def _leave_out_loaded(run: Running) -> None:
    await run.until_loaded()
    gc.collect()
    gc.freeze()
