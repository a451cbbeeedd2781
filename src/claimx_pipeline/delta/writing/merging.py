"""Rows of a keyed table replaced by the engine's MERGE.

For tables whose protocol or properties ask for more than rows in files, and for files too
large to be rewritten for a few rows. Costs what the buckets hold, not what is changed.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import pyarrow as pa
import pyarrow.compute as pc
from attrs import define
from deltalake import CommitProperties, DeltaTable, write_deltalake

from claimx_pipeline.delta.faults import engine_errors
from claimx_pipeline.delta.querying.reading import batches, literal, names
from claimx_pipeline.delta.spec import TableSpec
from claimx_pipeline.delta.writing.fold import State
from claimx_pipeline.delta.writing.held_positions import Positions
from claimx_pipeline.delta.writing.keys import find_keys
from claimx_pipeline.delta.writing.known import Key
from claimx_pipeline.delta.writing.marks import GROUP, VERIFIED

_LISTED_KEYS = 200
"""Keys named in the SQL that reads them; planning a longer list takes longer than it saves."""
_RETRIES = 15
"""Commits of other buckets that the engine may move a merge over."""


@define
class Merging:
    """What one batch reads of a table, and merges into it."""

    spec: TableSpec
    table: DeltaTable

    def read(self, keys: Collection[Key], columns: Sequence[str]) -> dict[Key, State]:
        """Return what is stored under *keys*: *columns* of the rows."""
        identity, where = self.spec.identity(), "true"
        if self.spec.bucket_column:
            at = identity.index(self.spec.bucket_column)
            buckets = sorted({self.spec.bucket_of(key[at]) for key in keys})
            where = f"_bucket IN ({', '.join(map(str, buckets))})"
        if len(keys) > _LISTED_KEYS:
            # Many keys are mostly new ones; reading keys alone costs a tenth of reading rows.
            keys = find_keys(self.table, identity, where, keys)
        first = {key[0] for key in keys}
        if len(first) <= _LISTED_KEYS and all(isinstance(value, (str, int)) for value in first):
            listed = ", ".join(literal(value) for value in first)
            where += f" AND {names(identity[:1])} IN ({listed})"
        return self._read_where(columns, where, keys) if keys else {}

    def _read_where(
        self, columns: Sequence[str], where: str, keys: Collection[Key]
    ) -> dict[Key, State]:
        sql = f"SELECT {names(columns)} FROM t WHERE {where}"  # noqa: S608 - own names
        identity = self.spec.identity()
        at = columns.index(identity[0])
        wanted: pa.Array | None = None
        found: dict[Key, State] = {}
        for part in batches(self.table, sql):
            column = part.column(at)
            if wanted is None:
                wanted = pa.array({key[0] for key in keys}, column.type)
            for row in part.filter(pc.is_in(column, value_set=wanted)).to_pylist():
                key = tuple(row[name] for name in identity)
                if key in keys:
                    found[key] = row
        return found

    def write(self, source: pa.Table, held: Positions, *, alone: bool) -> int:
        """Commit *source*, rows of keys all read before; return the table's version then.

        Args:
            source: The rows.
            held: The owner's positions.
            alone: All keys are new and no other writer is expected: an append is a tenth of a
                merge.

        Raises:
            CommitFailedError: Another writer was first.
        """
        with engine_errors():
            if alone:
                properties = commit_properties(held, retries=0)
                write_deltalake(self.table, source, mode="append", commit_properties=properties)
            else:
                self._merge(source, held)
        return self.table.version()

    def _merge(self, source: pa.Table, held: Positions) -> None:
        conditions = [f't."{name}" = s."{name}"' for name in self.spec.identity()]
        retries = 0
        if self.spec.bucket_column:
            # Literals, so that two writers of different buckets do not conflict;
            # then a rebase over the other's commit is safe as well.
            buckets = sorted(set(source["_bucket"].to_pylist()))
            conditions.insert(0, f"t._bucket IN ({', '.join(map(str, buckets))})")
            retries = _RETRIES
        (
            self.table.merge(
                source,
                " AND ".join(conditions),
                source_alias="s",
                target_alias="t",
                # Streaming would hide the source's statistics, and every file be read.
                streamed_exec=False,
                commit_properties=commit_properties(held, retries=retries),
            )
            .when_matched_update_all()
            .when_not_matched_insert_all()
            .execute()
        )


def commit_properties(held: Positions, *, retries: int) -> CommitProperties:
    """Return what makes a commit say whose rows it brings, and what its writer had seen."""
    metadata = {GROUP: held.group, VERIFIED: str(held.version)} if held.group else None
    return CommitProperties(max_commit_retries=retries, custom_metadata=metadata)
