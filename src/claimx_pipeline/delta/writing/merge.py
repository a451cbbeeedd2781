"""The writer of keyed tables: one row per key, one merge per batch at most.

The stored rows of the batch's keys are read, the batch's rows are applied to them in
order, and what has changed is merged: by rewriting the files that hold it, or by the engine's
MERGE where the table asks for more. Reading and merging use one handle: a commit in
between that touches the same buckets makes the merge fail, and all is done again on what is
then there.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence

import pyarrow as pa
from attrs import define, evolve, field
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError

from claimx_pipeline.broker.protocol import Record, TopicPartition
from claimx_pipeline.clock import Clock
from claimx_pipeline.delta.handle import KeptHandle
from claimx_pipeline.delta.rows import TableRow
from claimx_pipeline.delta.schemas import FormWatch
from claimx_pipeline.delta.spec import TableSpec
from claimx_pipeline.delta.writing.changes import Change, KeyedBatch, KeyedRow, not_older
from claimx_pipeline.delta.writing.convert import Converter
from claimx_pipeline.delta.writing.fold import CREATED_AT, UPDATED_AT, Rules, State, digest
from claimx_pipeline.delta.writing.form import StoredForm
from claimx_pipeline.delta.writing.held_positions import Acquired, Claim, Positions
from claimx_pipeline.delta.writing.known import Key, Known, KnownRows
from claimx_pipeline.delta.writing.layout import why_merged
from claimx_pipeline.delta.writing.merging import Merging, commit_properties
from claimx_pipeline.delta.writing.positions import (
    acquire_keyed,
    refuse_restored,
)
from claimx_pipeline.delta.writing.rewriting import Rewriting
from claimx_pipeline.delta.writing.sink import Committed, WriteResult

log = logging.getLogger(__name__)


@define
class MergeWriter:
    """Keeps one row per key."""

    spec: TableSpec
    handle: KeptHandle
    clock: Clock
    group: str = ""
    """Consumer group that reads the rows; commits name it."""
    known: KnownRows = field(factory=KnownRows)
    _rules: Rules = field(init=False)
    _converter: Converter = field(init=False)
    _schema: pa.Schema = field(init=False)
    _declared: tuple[str, ...] = field(init=False)
    _identity: tuple[str, ...] = field(init=False)
    _version: int = field(default=-1, init=False)
    _form: FormWatch = field(init=False)
    _tried: int = field(default=-1, init=False)
    """Version that the last commit was tried on."""
    _contended: bool = field(default=False, init=False)
    """Another writer was just faster: MERGE, which fails for fewer of its commits."""
    _merged: str = field(default="", init=False)
    """Why the last batch was merged by the engine; empty if it was not."""

    def __attrs_post_init__(self) -> None:
        spec = self.spec
        self._rules = Rules(spec)
        # Rows are partial: any other column may be in the table already.
        self._identity = spec.identity()
        self._converter = Converter(spec, self._identity)
        self._schema = spec.schema()
        self._form = FormWatch(spec)
        self._declared = tuple(column.name for column in spec.columns)

    def reload(self) -> bool:
        """See the table as it is now, and trust nothing remembered."""
        self.known.clear()
        self._contended = True
        return self.handle.newer_than(self._tried)

    def acquire(self, owned: Sequence[TopicPartition]) -> Acquired:  # noqa: ARG002 - any may have changed hands
        """Trust nothing remembered; a merge is safe to repeat, so there are no positions."""
        self.handle.drop()
        self.known.clear()
        return acquire_keyed(self.handle.table(), self.group)

    def prepare(self, rows: Sequence[TableRow], sources: Sequence[Record]) -> KeyedBatch:  # noqa: ARG002 - keys tell rows apart
        """Return *rows* converted and by key; a row without its whole key is refused."""
        found = self._converter.convert([row.values for row in rows])
        groups: dict[Key, list[KeyedRow]] = {}
        for position, *values in zip(found.positions, *found.values.values(), strict=True):
            row = dict(zip(self._declared, values, strict=True))
            content = digest(self._rules.content(row))
            groups.setdefault(self._key_of(row), []).append(KeyedRow(position, row, content))
        return KeyedBatch(groups, tuple(found.refused))

    def commit(self, batch: KeyedBatch, claim: Claim) -> Committed:
        """Merge what changes something.

        Raises:
            CommitFailedError: Another writer was first. Nothing was written.
            TableError: The table is not any more what is declared.
            TableFencedError: Rows were taken back meanwhile.
        """
        self._tried = self.handle.table().version()
        self._follow()
        unknown = {
            key: rows for key, rows in batch.groups.items() if not self._all_known(key, rows)
        }
        total = sum(len(rows) for rows in batch.groups.values()) + len(batch.refused)
        held = claim.held
        if unknown:
            held = self._verified(held)
            form = self._form.of(self.handle.table())
            unknown = not_older(unknown, self.spec.aged_by(), self._form.floor)
        if not unknown:
            return Committed(WriteResult(0, batch.refused, total - len(batch.refused)), held)
        way = self._way(form)
        stored = way.read(set(unknown), (*self._declared, *(column.name for column in form.extra)))
        changes = [self._change(key, rows, stored.get(key)) for key, rows in unknown.items()]
        changes, source, broken = self._fitting(changes, stored, form)
        refused = [*batch.refused, *broken]
        refused += [item for change in changes for item in change.refused]
        changed = [change for change in changes if change.is_new and not change.refused]
        if changed:
            held = self._write(way, changed, source, held)
        for change in changes:
            if not change.refused:
                self._remember(change)
        written = sum(len(change.rows) for change in changed)
        result = WriteResult(written, tuple(sorted(refused)), total - written - len(refused))
        return Committed(result, held)

    def _way(self, form: StoredForm) -> Rewriting | Merging:
        """Return how the rows are read and replaced, by a look at what the table asks for."""
        table = self.handle.table()
        if why := why_merged(self.spec, table, form):
            return self._merging(why)
        return Rewriting.of(self.spec, table, self.handle.location)

    def _merging(self, why: str) -> Merging:
        if why != self._merged:
            log.info("table %r is written by MERGE: %s", self.spec.name, why)
        self._merged = why
        return Merging(self.spec, self.handle.table())

    def _verified(self, held: Positions) -> Positions:
        """Return *held* at the version of the handle.

        Raises:
            TableFencedError: Rows were taken back meanwhile. They come again only if
                the group is set back, so the start check has to ask.
        """
        table = self.handle.table()
        if held.version < 0 or table.version() == held.version:
            return held
        refuse_restored(self.spec.name, table, held.version)
        return evolve(held, version=table.version())

    def _key_of(self, row: State) -> Key:
        return tuple(row[name] for name in self._identity)

    def _follow(self) -> None:
        """Trust nothing remembered if another writer may have written the same keys.

        A bucket has one writer at a time, which forgets when it gets the bucket. A table
        without buckets may have several at any time.
        """
        if self.spec.bucket_column:
            return
        table = self.handle.table()
        table.update_incremental()
        if table.version() != self._version:
            self.known.clear()
            self._version = table.version()

    def _all_known(self, key: Key, rows: Sequence[KeyedRow]) -> bool:
        """Return whether no row of *key* changes anything; notes the time of its answer."""
        known = self.known.get(key)
        if known is None:
            return False
        if not all(row.content in known.rows for row in rows):
            return False
        if self.spec.answer_time is not None:
            times = [known.answered, *(row.values[self.spec.answer_time] for row in rows)]
            latest = max((time for time in times if time is not None), default=None)
            self.known.set(key, evolve(known, answered=latest))
        return True

    def _change(self, key: Key, rows: list[KeyedRow], stored: State | None) -> Change:
        state: State = dict(stored or {})
        known = self.known.get(key)
        if known is not None and known.answered is not None and self.spec.answer_time is not None:
            self._rules.apply(state, {self.spec.answer_time: known.answered})
        for row in rows:
            self._rules.apply(state, row.values)
        is_new = stored is None or self._rules.content(state) != self._rules.content(stored)
        refused: tuple[tuple[int, str], ...] = ()
        if is_new:
            self._stamp(state)
            refused = tuple((row.position, why) for why in self._missing(state) for row in rows)
        return Change(key, tuple(rows), state, stored is not None, is_new, refused)

    def _fitting(
        self, changes: list[Change], stored: Mapping[Key, State], form: StoredForm
    ) -> tuple[list[Change], pa.Table, list[tuple[int, str]]]:
        """Return *changes* as the table takes them, their rows, and the rows that it refuses.

        Of several rows of one key those are refused with which the key's state is one that
        the table does not take.
        """
        rows, refused = self._fitted(changes, form)
        if not refused:
            return changes, rows, []
        kept: list[Change] = []
        broken: list[tuple[int, str]] = []
        for change in changes:
            if change.key not in refused:
                kept.append(change)
                continue
            good: list[KeyedRow] = []
            before = stored.get(change.key)
            for row in change.rows:
                tried = self._change(change.key, [*good, row], before)
                _, why = self._fitted([tried], form)
                if why:
                    broken += [(row.position, reason) for reason in why.values()]
                else:
                    good.append(row)
            if good:
                kept.append(self._change(change.key, good, before))
        return kept, self._fitted(kept, form)[0], broken

    def _fitted(
        self, changes: Sequence[Change], form: StoredForm
    ) -> tuple[pa.Table, dict[Key, str]]:
        """Return the rows that *changes* make, and the keys whose rows the table refuses."""
        changed = [change for change in changes if change.is_new and not change.refused]
        states = [change.state for change in changed]
        rows = pa.Table.from_pylist(states, schema=self._schema)
        if form.is_as_declared or not changed:
            return rows, {}
        for column in form.extra:
            # What others keep in their columns of a stored row stays, and is judged with it.
            values = [state.get(column.name) for state in states]
            rows = rows.append_column(column, pa.array(values, column.type))
        rows, refused = form.fitted(rows)
        return rows, {changed[at].key: why for at, why in refused.items()}

    def _stamp(self, state: State) -> None:
        now = self.clock.now()
        if CREATED_AT in self._declared and state.get(CREATED_AT) is None:
            state[CREATED_AT] = now
        if UPDATED_AT in self._declared:
            state[UPDATED_AT] = now
        state["_row_hash"] = self._rules.row_hash(state)
        if self.spec.bucket_column:
            state["_bucket"] = self.spec.bucket_of(state[self.spec.bucket_column])

    def _missing(self, state: State) -> Iterator[str]:
        for column in self.spec.columns:
            if not column.nullable and state.get(column.name) is None:
                yield f"table {self.spec.name!r}: column {column.name!r} is missing"
                return

    def _remember(self, change: Change) -> None:
        answered = None
        if self.spec.answer_time is not None:
            answered = change.state.get(self.spec.answer_time)
        known = self.known.get(change.key)
        fresh = Known(answered, () if change.is_new or known is None else known.rows)
        for row in change.rows:
            if self._rules.adds_nothing(change.state, row.values):
                fresh = fresh.with_row(row.content)
        self.known.set(change.key, fresh)

    def _write(
        self, way: Rewriting | Merging, changes: Sequence[Change], source: pa.Table, held: Positions
    ) -> Positions:
        table = self.handle.table()
        before = table.version()
        keys = [change.key for change in changes]
        if isinstance(way, Rewriting) and (why := way.why_not(keys)):
            way = self._merging(why)
        if isinstance(way, Rewriting):
            version = self._rewrite(way, keys, source, held)
            before, self._merged = version - 1, ""
            self.handle.committed()
        else:
            new = not any(change.was_stored for change in changes)
            with self.handle.commit(before):
                version = way.write(source, held, alone=new and not self._contended)
        self._contended = False
        self._version = version
        self._form.committed(before, version)
        # What others have committed in between is looked at before the next commit.
        return evolve(held, version=version) if version == before + 1 else held

    def _rewrite(
        self, way: Rewriting, keys: Sequence[Key], source: pa.Table, held: Positions
    ) -> int:
        """Commit *source* by rewriting files; return the version that it has become."""
        table = self.handle.table()
        form, floor = self._form.of(table), self._form.floor

        def look(table: DeltaTable) -> None:
            """See that nothing matters of what others have committed to other buckets."""
            self._verified(held)
            changed = self._form.of(table) != form or self._form.floor != floor
            if changed or why_merged(self.spec, table, form):
                raise CommitFailedError("the table was changed meanwhile")

        commit = way.write(keys, source)
        return commit.commit(
            table, lambda version: commit_properties(evolve(held, version=version), retries=0), look
        )
