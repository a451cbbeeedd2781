"""Calls plugins about what a worker has just done: dead letters, rows in tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from attrs import define

from claimx_pipeline.broker.protocol import Assignment, OutRecord, Record
from claimx_pipeline.delta.rows import TableRow
from claimx_pipeline.hooks.event_hooks import EventHooks
from claimx_pipeline.hooks.moments import DeadLetterContext, Moment, RowsCommitted
from claimx_pipeline.runtime import headers
from claimx_pipeline.runtime.dead_letters.dead_letter import DeadLetter
from claimx_pipeline.runtime.delivery.batch import DeadLetterWanted
from claimx_pipeline.runtime.failure_policy import FailurePolicy

DEAD_LETTER = "claimx_dead_letter"
ROWS_COMMITTED = "claimx_rows_committed"


@define
class Moments:
    """The plugins that listen, for one member. Without one nothing is done."""

    hooks: EventHooks
    policy: FailurePolicy
    publish: Callable[[Sequence[OutRecord]], Awaitable[None]]
    """Publishes what they answer; acknowledged when it returns."""

    async def dead_letters(self, written: Sequence[DeadLetterWanted]) -> None:
        """Call the plugins about dead letters that are on their topic."""
        if not self.hooks.listens(DEAD_LETTER):
            return
        for each in written:
            record = each.record.record
            out = self.policy.dead_letter(record, each.error, each.plugin)
            if out is not None and (context := _dead(record, out)) is not None:
                await self._call(DEAD_LETTER, context)

    async def rows(
        self, rows: Sequence[tuple[Any, TableRow]], positions: Mapping[Assignment, int]
    ) -> None:
        """Call the plugins about rows that are in the tables; their offsets follow."""
        if not rows or not self.hooks.listens(ROWS_COMMITTED):
            return
        context = RowsCommitted(
            worker=self.policy.worker,
            tables=dict(Counter(row.table for _, row in rows)),
            positions={f"{at.topic}/{at.partition}": offset for at, offset in positions.items()},
        )
        await self._call(ROWS_COMMITTED, context)

    async def _call(self, hook: str, context: Moment) -> None:
        # What fails is logged and counted: there is no dead letter about a dead letter.
        dispatched = await self.hooks.ask(hook, context)
        if dispatched.publish:
            await self.publish(dispatched.publish)


def _dead(record: Record, out: OutRecord) -> DeadLetterContext | None:
    known = DeadLetter.of_headers(out.headers)
    if known is None:
        return None
    return DeadLetterContext(
        worker=known.worker,
        hops=headers.hops_of(record),
        topic=out.topic,
        origin=str(known.origin),
        group=known.group,
        kind=known.kind,
        plugin=known.plugin,
        category=known.category,
        error_type=known.error_type,
        error=known.error,
        attempts=known.attempts,
        first_failed=known.first_failed,
        record_key=record.key,
        record_value=record.value,
        replayed_from=headers.header(record.headers, headers.REPLAY) or "",
    )
