"""The writer of append tables: every row once, at the cost of a bare append."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pyarrow as pa
from attrs import define, field, frozen
from deltalake import CommitProperties, Transaction, write_deltalake

from claimx_pipeline.delta.convert import Converted, Converter
from claimx_pipeline.delta.handle import KeptHandle
from claimx_pipeline.delta.keys import Key, KeyedRows, KeyIndex
from claimx_pipeline.delta.reading import micros_of
from claimx_pipeline.delta.sink import WriteResult
from claimx_pipeline.delta.spec import TableSpec, bucket_of
from claimx_pipeline.errors import TableError
from claimx_pipeline.runtime.outcome import TableRow

_WATCHED = 20
"""Commits after a conflict that first look for what others have committed."""


@frozen
class PreparedRows:
    """A batch, converted, each key once."""

    data: pa.Table
    keyed: KeyedRows | None
    """None if the table takes rows of one key more than once."""
    refused: tuple[tuple[int, str], ...]
    doubled: int
    """Rows left out because an earlier one of the batch has the same key."""


@define
class AppendWriter:
    """Appends rows whose key the table does not hold yet."""

    spec: TableSpec
    handle: KeptHandle
    window: timedelta
    """How far round a row's event time an earlier copy is looked for."""
    _converter: Converter = field(init=False)
    _index: KeyIndex = field(init=False)
    _schema: pa.Schema = field(init=False)
    _rivals: int = field(default=0, init=False)
    """Commits for which another writer is to be expected."""

    def __attrs_post_init__(self) -> None:
        if self.spec.dedupe and self.spec.event_time is None:
            raise TableError(
                self.spec.name, "an append table needs event_time to find doubles, or dedupe: false"
            )
        required = {column.name for column in self.spec.columns if not column.nullable}
        if self.spec.dedupe:
            required |= {*self.spec.key, self.spec.event_time or ""}
        self._converter = Converter(self.spec, required)
        self._schema = self.spec.schema()
        reach = (self.window + timedelta(days=1)) // timedelta(microseconds=1)
        self._index = KeyIndex(self.spec, self.spec.event_time or "", reach)

    def open(self) -> None:
        """Open the table."""
        self.handle.table()

    def reload(self) -> None:
        """See the table as it is now; the next commit searches it again."""
        self.handle.drop()
        self._rivals = _WATCHED

    def prepare(self, rows: Sequence[TableRow]) -> PreparedRows:
        """Return *rows* converted, each key once, refused rows put aside."""
        found = self._converter.convert([row.values for row in rows])
        data = self._stored(found)
        if not self.spec.dedupe:
            return PreparedRows(data, None, tuple(found.refused), 0)
        firsts: dict[Key, int] = {}
        for at, key in enumerate(zip(*(found.values[name] for name in self.spec.key), strict=True)):
            firsts.setdefault(key, at)
        kept = list(firsts.values())
        doubled = data.num_rows - len(kept)
        if doubled:
            data = data.take(pa.array(kept, pa.int64()))
        exact = [rows[found.positions[at]].time_in_key for at in kept]
        times = [micros_of(found.values[self.spec.event_time or ""][at]) for at in kept]
        return PreparedRows(
            data, self._keyed(list(firsts), times, exact), tuple(found.refused), doubled
        )

    def commit(
        self, prepared: PreparedRows, transactions: Sequence[Transaction] = ()
    ) -> WriteResult:
        """Append what the table lacks, in one commit together with *transactions*.

        Raises:
            CommitFailedError: Another writer was first. Nothing was written.
        """
        table = self.handle.table()
        if self._rivals:
            # A look at the log costs less than a file written for a commit that fails.
            self._rivals -= 1
            table.update_incremental()
        data, keyed, skipped = prepared.data, prepared.keyed, prepared.doubled
        keys: Sequence[Key] = keyed.keys if keyed else ()
        if keyed and keys:
            there = self._index.duplicates(table, keyed)
            if there:
                left = [position for position in range(len(keys)) if position not in there]
                data, keys = data.take(pa.array(left, pa.int64())), [keys[at] for at in left]
                skipped += len(there)
        if data.num_rows or transactions:
            # What was searched and what is written to must be the same version, so a
            # commit in between has to fail. Without a search there is nothing to lose.
            alone = keyed is not None or bool(transactions)
            properties = CommitProperties(
                max_commit_retries=0 if alone else None, app_transactions=list(transactions) or None
            )
            write_deltalake(table, data, mode="append", commit_properties=properties)
            self._index.committed(table.version(), keys)
            self.handle.committed()
        return WriteResult(data.num_rows, prepared.refused, skipped)

    def _keyed(self, keys: Sequence[Key], times: Sequence[int], exact: Sequence[bool]) -> KeyedRows:
        width = self.window // timedelta(microseconds=1)
        widths = [0 if known else width for known in exact]
        return KeyedRows(
            keys,
            [at - width for at, width in zip(times, widths, strict=True)],
            [at + width for at, width in zip(times, widths, strict=True)],
        )

    def _stored(self, found: Converted) -> pa.Table:
        """Return the rows as they lie in the table, with the bucket if there is one."""
        columns = found.table.columns
        if self.spec.bucket_column:
            ids = found.values[self.spec.bucket_column]
            buckets = [None if value is None else bucket_of(str(value)) for value in ids]
            columns = [*columns, pa.array(buckets, pa.int32())]
        return pa.Table.from_arrays(columns, schema=self._schema)
