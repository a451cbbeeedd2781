"""Writing the rows of a batch, table by table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from attrs import define

from claimx_pipeline.broker.protocol import TopicPartition
from claimx_pipeline.delta.rows import TableRow
from claimx_pipeline.delta.writing.sink import TableSink
from claimx_pipeline.errors import Category, RecordError
from claimx_pipeline.runtime.delivery.batch import Entry, Settled, Settlement
from claimx_pipeline.runtime.outcome import Dead, Held
from claimx_pipeline.telemetry.metrics import WorkerMetrics

RowsByTable = Mapping[str, list[tuple[Entry, TableRow]]]


@define
class Tables:
    """The tables of one member, in the order in which they are written."""

    worker: str
    sinks: Mapping[str, TableSink]
    metrics: WorkerMetrics

    async def write(self, settlement: Settlement, settled: Settled) -> Settled:
        """Write each table's rows in the declared order; return what is settled after that.

        A row that its table refuses kills its record; a table that cannot be written
        holds the records that have rows for it.

        Raises:
            RecordError: A row is of a table that the worker does not declare, or a table
                cannot be written for a reason that does not pass.
            TableFencedError: Another worker writes rows of these partitions now.
        """
        if not settled.rows:
            return settled
        by_table = self._by_table(settled)
        for table, sink in self.sinks.items():
            pairs = by_table.get(table)
            if pairs and await self._write(table, sink, settled, pairs):
                # What is not settled must not stand in a later table either.
                settled = settlement.settled()
                by_table = self._by_table(settled)
        return settled

    async def _write(
        self, table: str, sink: TableSink, settled: Settled, pairs: list[tuple[Entry, TableRow]]
    ) -> bool:
        """Write the rows of one table; return whether a record died or has to wait."""
        sources = [entry.record for entry, _ in pairs]
        after = {
            TopicPartition(at.topic, at.partition): end for at, end in settled.positions.items()
        }
        try:
            result = await sink.write([row for _, row in pairs], sources, after)
        except RecordError as error:
            if error.category is not Category.TRANSIENT:
                raise
            for entry, _ in pairs:
                entry.held = Held(error)
            return True
        self.metrics.written(
            table, written=result.written, skipped=result.skipped, refused=len(result.refused)
        )
        for index, reason in result.refused:
            entry = pairs[index][0]
            # One that comes back for another try is refused then for good.
            if entry.returning is None:
                entry.outcome = Dead(RecordError(f"table {table!r} refuses it: {reason}"))
        return bool(result.refused)

    def _by_table(self, settled: Settled) -> RowsByTable:
        found: defaultdict[str, list[tuple[Entry, TableRow]]] = defaultdict(list)
        for pair in settled.rows:
            found[pair[1].table].append(pair)
        if strangers := found.keys() - self.sinks.keys():
            raise RecordError(
                f"worker {self.worker!r} made rows of tables it does not declare: "
                f"{', '.join(sorted(strangers))}"
            )
        return found
