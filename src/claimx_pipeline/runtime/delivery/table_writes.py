"""Writing the rows of a batch, table by table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from attrs import define

from claimx_pipeline.broker.protocol import Assignment, TopicPartition
from claimx_pipeline.delta.rows import TableRow
from claimx_pipeline.delta.write_errors import TableWriteError
from claimx_pipeline.errors import Category, RecordError, TableError
from claimx_pipeline.runtime.delivery.batch import BatchRecord
from claimx_pipeline.runtime.outcome import Dead, Held
from claimx_pipeline.telemetry.metrics import WorkerMetrics

if TYPE_CHECKING:
    from claimx_pipeline.delta.writing.sink import TableSink

RowsOfRecords = Sequence[tuple[BatchRecord, TableRow]]


@define
class TableWrites:
    """The tables of one member, in the order in which they are written."""

    worker: str
    sinks: Mapping[str, TableSink]
    metrics: WorkerMetrics

    def __iter__(self) -> Iterator[str]:
        return iter(self.sinks)

    def undeclared(self, rows: RowsOfRecords) -> Sequence[tuple[BatchRecord, RecordError]]:
        """Return the records with rows of tables that the worker does not declare, and why."""
        if {row.table for _, row in rows} <= self.sinks.keys():
            return ()
        return [
            (
                record,
                RecordError(
                    f"worker {self.worker!r} made a row of table {row.table!r}, which it does not "
                    f"declare; it declares {', '.join(self.sinks) or 'none'}"
                ),
            )
            for record, row in rows
            if row.table not in self.sinks
        ]

    async def write(
        self, table: str, rows: RowsOfRecords, positions: Mapping[Assignment, int]
    ) -> Sequence[tuple[BatchRecord, Dead | Held]]:
        """Write the rows of one table; return the records that are not committable after that.

        A row that its table refuses makes its record dead; a table that cannot be written
        holds every record that has rows for it.

        Args:
            table: Its name.
            rows: Rows of this table, each with its record.
            positions: The next offset of each partition, stored with the rows.

        Raises:
            RecordError: The table cannot be written for a reason that does not pass.
            TableFencedError: Another worker writes rows of these partitions now.
        """
        sources = [record.record for record, _ in rows]
        after = {TopicPartition(at.topic, at.partition): end for at, end in positions.items()}
        try:
            result = await self.sinks[table].write([row for _, row in rows], sources, after)
        except TableError as error:
            # It was moved, say; what is worked out is kept until it is back.
            unavailable = TableWriteError(error.reason, Category.TRANSIENT, table=table)
            return [(record, Held(unavailable)) for record, _ in rows]
        except RecordError as error:
            if error.category is not Category.TRANSIENT:
                raise
            return [(record, Held(error)) for record, _ in rows]
        self.metrics.written(
            table, written=result.written, skipped=result.skipped, refused=len(result.refused)
        )
        return [
            (rows[index][0], Dead(RecordError(f"table {table!r} refuses it: {reason}")))
            for index, reason in result.refused
        ]
