"""``maintenance``: looks after every table by a schedule, one instance at a time.

The schedule is read like a source: at each beginning it has one record for each table. Of all
instances the one that owns the group's only partition reads it, which is the lease; how far it
is, is kept as the position of a source. After a crash another instance goes on with the table
whose turn it was. Should two be at work for a moment, since one has lost the partition and not
noticed it yet, their commits keep out of each other's way as those of writers do.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from attrs import define, field, frozen

from claimx_pipeline.broker.protocol import Admin, Record
from claimx_pipeline.clock import EPOCH, Clock
from claimx_pipeline.errors import ClaimxError
from claimx_pipeline.runtime.outcome import DONE, Done, Outcome
from claimx_pipeline.runtime.resources import Resources
from claimx_pipeline.runtime.worker import Received, WorkerSpec
from claimx_pipeline.settings.tree.maintenance import MaintenanceSettings
from claimx_pipeline.sources.intake import SourceIntake
from claimx_pipeline.sources.protocol import Page, SourceRecord, SourceSpec
from claimx_pipeline.topics import BRAND, MAINTENANCE_POSITION, SOURCES_DLQ, Topology

if TYPE_CHECKING:
    from claimx_pipeline.delta.maintenance import Maintained
    from claimx_pipeline.delta.thread import TableThread

log = logging.getLogger(__name__)

NAME = "maintenance"
TABLE_SECONDS = 3 * 3600.0
"""What one table may take."""
POLL_SECONDS = 30.0
"""Between two looks at the clock."""
_SLOT = "slot"


@define
class Schedule:
    """Has a record for each table at each beginning; the first beginning after the start counts."""

    settings: MaintenanceSettings
    clock: Clock
    tables: Sequence[str]

    async def read(self, position: Any) -> Page:
        """Return what is due, and the beginning that it belongs to."""
        slot = self._slot()
        known = position.get(_SLOT) if isinstance(position, dict) else None
        if known is None:
            return [], {_SLOT: slot}
        if slot <= known:
            return [], position
        due = [SourceRecord(value=name.encode(), at=f"{slot}/{name}") for name in self.tables]
        return due, {_SLOT: slot}

    async def close(self) -> None:
        """Nothing to close."""

    def _slot(self) -> int:
        """Return which beginning, counted from 1970, was the last."""
        passed = self.clock.now() - EPOCH - timedelta(hours=self.settings.at_hour)
        return int(passed // timedelta(hours=self.settings.every_hours))


@frozen
class ScheduleIntake(SourceIntake):
    """The way to the schedule."""

    async def left(self, admin: Admin, topology: Topology, since: int) -> int:  # noqa: ARG002 - as of every source
        """Return 0: nothing waits for a maintenance, and one that is cut off is done again."""
        return 0


@define
class MaintenanceProcessor:
    """Looks after one table for each record."""

    resources: Resources
    _threads: dict[str, TableThread] = field(factory=dict, init=False)

    async def open(self) -> None:
        """Nothing to open."""

    def decode(self, record: Record) -> str:
        """Return the table's name."""
        return (record.value or b"").decode()

    async def process(self, batch: Sequence[Received[str]]) -> Sequence[Outcome]:
        """Look after each table; one that fails is looked after again the next time."""
        return [await self._maintained(received.message) for received in batch]

    async def _maintained(self, name: str) -> Outcome:
        store = self.resources.table_store
        if name not in store.specs:
            return Done(skipped="the table is not declared any more")
        from claimx_pipeline.delta.thread import TableThread  # noqa: PLC0415 - the tables' engine

        thread = self._threads.setdefault(name, TableThread(name, TABLE_SECONDS))
        try:
            done = await thread.run(lambda: self._work(name))
        except ClaimxError as error:
            log.warning("table %r was not maintained, the next time will do: %s", name, error)
            self.resources.metrics.maintained(name, "failed")
            return Done(skipped=str(error))
        finally:
            self._threads.pop(name).abandon()
        if done is None:
            return Done(skipped="the table has not been created")
        self.resources.metrics.maintained(name, "done")
        log.info("%s", said_of(done))
        return DONE

    def _work(self, name: str) -> Maintained | None:
        """Look after a table if it exists. Blocks."""
        from claimx_pipeline.delta.faults import as_table_error  # noqa: PLC0415 - as above
        from claimx_pipeline.delta.maintenance import Maintenance  # noqa: PLC0415 - as above
        from claimx_pipeline.delta.retention import oldest_kept  # noqa: PLC0415 - as above

        store, settings = self.resources.table_store, self.resources.settings.maintenance
        if not store.exists(name):
            return None
        oldest = oldest_kept(settings.retention_days, name, self.resources.clock.now())
        work = Maintenance(store.location(name), spec=store.spec(name), oldest=oldest)
        with as_table_error(name, f"it cannot be maintained at {work.location.uri}"):
            return work.maintain(log_retention=settings.log_retention)

    async def close(self) -> None:
        """Leave what is under way to its thread: it ends with the process."""
        for thread in self._threads.values():
            thread.abandon()


def said_of(done: Maintained) -> str:
    """Return in a line what was done to a table."""
    facts = {
        "rows expired": done.expired,
        "partitions compacted": done.compacted,
        "partitions busy": done.busy,
        "files deleted": done.deleted,
        "log files deleted": done.log_deleted,
    }
    more = [f"{count} {what}" for what, count in facts.items() if count]
    files = f"{done.before.files} files before, {done.after.files} after"
    return f"table {done.table!r} maintained: {', '.join([files, *more])}"


def worker() -> WorkerSpec:
    """Return the worker."""
    source = SourceSpec(
        name=NAME,
        summary="The schedule of the worker maintenance.",
        build=lambda resources: Schedule(
            resources.settings.maintenance, resources.clock, sorted(resources.tables)
        ),
        poll_seconds=POLL_SECONDS,
    )
    return WorkerSpec(
        name=NAME,
        summary="Looks after the tables by a schedule: small files, log, unused files, old rows.",
        group=f"{BRAND}-{NAME}",
        reads=(MAINTENANCE_POSITION,),
        writes=(MAINTENANCE_POSITION,),
        dead_letters=SOURCES_DLQ,
        needs=("broker", "tables", "maintenance"),
        intake=ScheduleIntake(source, MAINTENANCE_POSITION),
        build=MaintenanceProcessor,
        batch_size=1,
        in_flight=1,
        batch_seconds=TABLE_SECONDS + 600,
    )
