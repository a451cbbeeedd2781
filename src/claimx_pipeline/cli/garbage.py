"""How ``claimx-run`` has garbage collected while workers run; nothing else changes that.

What is loaded once lives as long as the process, and a batch makes many objects that end without
the collector: looking through all of them again and again takes a quarter of a worker's time.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from claimx_pipeline.operations import Running

THRESHOLDS = (50_000, 20, 50)
"""Objects made before the young ones are looked through, then the older ones, then all."""

YOUNG_SECONDS = 10.0
"""How often the young ones are looked through at least: few objects can hold much memory, such as
an error and the megabytes of the answer that it is about, and a quiet worker makes few."""
ALL_EVERY = 30
"""After so many looks at the young ones all are looked through, which takes longer."""


@asynccontextmanager
async def rarely(run: Running) -> AsyncIterator[None]:
    """Collect rarely within the block, and leave out what the workers had loaded once they ran.

    What is not found by the number of objects is found by the time.
    """
    before = gc.get_threshold()
    gc.set_threshold(*THRESHOLDS)
    collecting = asyncio.create_task(_collect(run), name="garbage")
    try:
        yield
    finally:
        collecting.cancel()
        await asyncio.gather(collecting, return_exceptions=True)
        gc.set_threshold(*before)
        gc.unfreeze()


async def _collect(run: Running) -> None:
    await run.until_loaded()
    gc.collect()
    gc.freeze()
    for number in itertools.count(1):
        await asyncio.sleep(YOUNG_SECONDS)
        gc.collect(2 if number % ALL_EVERY == 0 else 1)
