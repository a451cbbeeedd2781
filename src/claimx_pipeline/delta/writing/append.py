"""The writer of append tables: every row once, at the cost of a bare append."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

import pyarrow as pa
from attrs import define, evolve, field, frozen
from deltalake import DeltaTable, write_deltalake

from claimx_pipeline.broker.protocol import Record, TopicPartition
from claimx_pipeline.delta.faults import engine_errors
from claimx_pipeline.delta.handle import KeptHandle
from claimx_pipeline.delta.querying.reading import micros_in
from claimx_pipeline.delta.rows import TableRow
from claimx_pipeline.delta.schemas import FormWatch
from claimx_pipeline.delta.spec import TableSpec
from claimx_pipeline.delta.writing.convert import Converted, Converter
from claimx_pipeline.delta.writing.form import StoredForm
from claimx_pipeline.delta.writing.held_positions import Acquired, Claim, Positions
from claimx_pipeline.delta.writing.keys import Key, KeyedRows, KeyIndex
from claimx_pipeline.delta.writing.positions import (
    acquire_positions,
    read_positions,
    refuse_restored,
)
from claimx_pipeline.delta.writing.sink import Committed, WriteResult
from claimx_pipeline.errors import TableError

_WATCHED = 20
"""Commits after a conflict that first look for what others have committed."""


@frozen
class Given:
    """A batch as it came, typed: what a table with rules of its own judges."""

    found: Converted
    rows: Sequence[TableRow]
    sources: Sequence[Record]


@frozen
class PreparedRows:
    """A batch, converted, each key once."""

    given: Given

    data: pa.Table
    keyed: KeyedRows | None
    """None if the table takes rows of one key more than once."""
    refused: tuple[tuple[int, str], ...]
    doubled: int
    """Rows left out because an earlier one of the batch has the same key."""
    sources: Sequence[Record] = ()
    """The record behind each row; none if the rows come from no topic."""
    limits: Mapping[TopicPartition, int] = field(factory=dict)
    """Offsets that must not be passed: of refused rows that cannot become dead letters."""

    def left_out(self, held: Positions) -> set[int]:
        """Return the indices of the rows that *held* covers, and of those beyond a limit.

        By record and not by batch: after a restart the batches have other borders.

        Raises:
            RuntimeError: A row comes from a partition that was not acquired.
        """
        lowest: dict[tuple[str, int], int] = {}
        for record in self.sources:
            partition = record.topic, record.partition
            if partition not in lowest:  # the records of a partition are in offset order
                lowest[partition] = record.offset
        done = {(at.topic, at.partition): after for at, after in held.offsets.items()}
        if unacquired := lowest.keys() - done.keys():
            raise RuntimeError(f"rows of {sorted(unacquired)}, which was not acquired")
        if not self.limits and all(first >= done[partition] for partition, first in lowest.items()):
            return set()
        ends = {(at.topic, at.partition): limit for at, limit in self.limits.items()}
        return {
            at
            for at, record in enumerate(self.sources)
            if record.offset < done[record.topic, record.partition]
            or record.offset >= ends.get((record.topic, record.partition), record.offset + 1)
        }

    def too_old(self, spec: TableSpec, floor: int | None) -> set[int]:
        """Return the indices of the rows that retention has deleted, or would at once.

        Args:
            spec: Declaration of the table.
            floor: The time before which no row is kept, in microseconds since 1970.
        """
        column = spec.aged_by()
        if floor is None or column is None:
            return set()
        times = micros_in(self.data.column(column))
        return {at for at, time in enumerate(times) if time is not None and time < floor}

    def limited(self, next_offsets: Mapping[TopicPartition, int]) -> dict[TopicPartition, int]:
        """Return *next_offsets*, none beyond its limit."""
        return {
            partition: min(after, self.limits.get(partition, after))
            for partition, after in next_offsets.items()
        }


@define
class AppendWriter:
    """Appends rows whose record and whose key the table does not hold yet."""

    spec: TableSpec
    handle: KeptHandle
    window: timedelta
    """How far round a row's event time an earlier copy is looked for."""
    group: str
    """Consumer group whose positions the table keeps."""
    stops_at_refused: bool = False
    """A refused row stops its partition: no row from there on is taken."""
    _converter: Converter = field(init=False)
    _index: KeyIndex = field(init=False)
    _schema: pa.Schema = field(init=False)
    _rivals: int = field(default=0, init=False)
    """Commits for which another writer is to be expected."""
    _form: FormWatch = field(init=False)
    _tried: int = field(default=-1, init=False)
    """Version that the last commit was tried on."""
    _seen: DeltaTable | None = field(default=None, init=False)
    """The handle whose positions were verified, at the version held."""

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
        self._form = FormWatch(self.spec)
        reach = (self.window + timedelta(days=1)) // timedelta(microseconds=1)
        self._index = KeyIndex(self.spec, self.spec.event_time or "", reach)

    def reload(self) -> bool:
        """See the table as it is now; the next commit searches it again."""
        self._rivals = _WATCHED
        return self.handle.newer_than(self._tried)

    def acquire(self, owned: Sequence[TopicPartition]) -> Acquired:
        """Return how far the table is in *owned*, as it is now."""
        self.handle.drop()
        self._seen = self.handle.table()
        return acquire_positions(self._seen, self.group, owned)

    def prepare(self, rows: Sequence[TableRow], sources: Sequence[Record]) -> PreparedRows:
        """Return *rows* converted, each key once, refused rows set apart.

        Rows that the table has already are among them: one that is refused has to be
        refused each time its record comes, or its dead letter could get lost.
        """
        found = self._converter.convert([row.values for row in rows])
        return self._prepared(Given(found, rows, sources), self._stored(found))

    def _fitting(self, prepared: PreparedRows, form: StoredForm) -> PreparedRows:
        """Return *prepared* as the table takes it: all its columns, and no row it refuses.

        Rows of one key are distinguished again, since the first of them may be refused.
        """
        if form.is_as_declared:
            return prepared
        given = prepared.given
        data, refused = form.fitted(self._stored(given.found))
        return self._prepared(evolve(given, found=given.found.without(refused)), data)

    def _prepared(self, given: Given, data: pa.Table) -> PreparedRows:
        found, rows, sources = given.found, given.rows, given.sources
        refused = tuple(found.refused)
        limits: dict[TopicPartition, int] = {}
        if self.stops_at_refused and sources:
            for at, _ in refused:
                offset = sources[at].offset
                partition = TopicPartition(sources[at].topic, sources[at].partition)
                limits[partition] = min(offset, limits.get(partition, offset))
        if not self.spec.dedupe:
            origins = [sources[at] for at in found.positions if sources]
            return PreparedRows(given, data, None, refused, 0, origins, limits)
        firsts: dict[Key, int] = {}
        for at, key in enumerate(zip(*(found.values[name] for name in self.spec.key), strict=True)):
            firsts.setdefault(key, at)
        kept = list(firsts.values())
        doubled = data.num_rows - len(kept)
        if doubled:
            data = data.take(pa.array(kept, pa.int64()))
        times = micros_in(data.column(self.spec.event_time or ""))
        kept = [found.positions[at] for at in kept]
        keyed = self._keyed(list(firsts), times, [rows[at].time_in_key for at in kept])
        origins = [sources[at] for at in kept if sources]
        return PreparedRows(given, data, keyed, refused, doubled, origins, limits)

    def commit(self, prepared: PreparedRows, claim: Claim) -> Committed:
        """Append what the table lacks, in one commit with the positions it brings the owner to.

        Raises:
            CommitFailedError: Another writer was first. Nothing was written, or this
                commit was, which the next one will see.
            TableError: The table is not any more what is declared.
            TableFencedError: The partitions belong to another worker.
        """
        table = self.handle.table()
        if self._rivals:
            # A look at the log costs less than a file written for a commit that fails.
            self._rivals -= 1
            table.update_incremental()
        self._tried = table.version()
        held = self._verified(table, claim)
        prepared = self._fitting(prepared, self._form.of(table))
        count, left_out = prepared.data.num_rows, prepared.left_out(held)
        left_out |= prepared.too_old(self.spec, self._form.floor)
        if prepared.keyed and len(left_out) < count:
            left_out = left_out | self._index.duplicates(table, prepared.keyed)
        data, keys = prepared.data, prepared.keyed.keys if prepared.keyed else ()
        if left_out:
            kept = [at for at in range(count) if at not in left_out]
            data, keys = data.take(pa.array(kept, pa.int64())), [keys[at] for at in kept if keys]
        # Positions are there to keep rows from being written twice. A batch without a new
        # row has none to protect, another try finds none either, and the group's
        # own offset moves on: it needs no commit.
        if data.num_rows:
            held = self._append(table, data, held.advanced(prepared.limited(claim.next_offsets)))
            self._index.committed(held.version, keys)
        result = WriteResult(data.num_rows, prepared.refused, prepared.doubled + len(left_out))
        return Committed(result, held)

    def _append(self, table: DeltaTable, data: pa.Table, held: Positions) -> Positions:
        before = table.version()
        # What was verified and searched and what is written to must be one version, so a
        # commit in between has to fail.
        with engine_errors(), self.handle.commit(before):
            write_deltalake(table, data, mode="append", commit_properties=held.properties())
        self._form.committed(before, table.version())
        # Had the handle moved on further, another writer's commit would go unverified.
        self._seen = table if table.version() == before + 1 else None
        return evolve(held, version=table.version())

    def _verified(self, table: DeltaTable, claim: Claim) -> Positions:
        """Return the owner's positions; reads them again if the handle has moved or is another.

        Raises:
            TableFencedError: The partitions belong to another worker, or rows were taken
                back.
        """
        held = claim.held
        if table is self._seen and table.version() == held.version:
            return held
        found = claim.verified(
            self.spec.name, read_positions(table, self.group, tuple(held.offsets))
        )
        if held.offsets:
            refuse_restored(self.spec.name, table, held.version)
        self._seen = table
        return found

    def _keyed(self, keys: Sequence[Key], times: Sequence[int], exact: Sequence[bool]) -> KeyedRows:
        width = self.window // timedelta(microseconds=1)
        widths = [0 if known else width for known in exact]
        return KeyedRows(
            keys,
            [at - width for at, width in zip(times, widths, strict=True)],
            [at + width for at, width in zip(times, widths, strict=True)],
        )

    def _stored(self, found: Converted) -> pa.Table:
        """Return the rows as they are stored in the table, with the bucket if there is one."""
        columns = found.table.columns
        if self.spec.bucket_column:
            ids = found.values[self.spec.bucket_column]
            buckets = [None if value is None else self.spec.bucket_of(value) for value in ids]
            columns = [*columns, pa.array(buckets, pa.int32())]
        return pa.Table.from_arrays(columns, schema=self._schema)
