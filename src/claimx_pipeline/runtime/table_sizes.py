"""Looks, beside the workers, at the sizes of the tables that they write."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from attrs import define

from claimx_pipeline.clock import Clock
from claimx_pipeline.delta.thread import TableThread
from claimx_pipeline.delta.write_errors import TableWriteError
from claimx_pipeline.errors import ClaimxError
from claimx_pipeline.telemetry.table_metrics import TableMetrics

if TYPE_CHECKING:
    from claimx_pipeline.delta.store import TableStore

log = logging.getLogger(__name__)

LIMIT_SECONDS = 60.0
"""How long a look at one table may take."""


@define
class TableSizes:
    """Fills the sizes in ``TableMetrics`` at intervals, until it is cancelled."""

    tables: Sequence[str]
    store: TableStore
    metrics: TableMetrics
    clock: Clock
    seconds: float
    """Between two looks."""

    async def run(self) -> None:
        """Look for ever; a table that cannot be read keeps the sizes that it had."""
        while True:
            for table in self.tables:
                await self.look(table)
            await self.clock.sleep(self.seconds)

    async def look(self, table: str) -> None:
        """Look at one table."""
        thread = TableThread(table, LIMIT_SECONDS)
        try:
            found = await thread.run(partial(self.store.facts, table))
        except (ClaimxError, TableWriteError, TimeoutError) as error:
            log.debug("the size of table %s is not known now: %s", table, error)
            return
        finally:
            thread.abandon()
        self.metrics.looked_at(table, found)
