"""How far a table is in each partition of a topic, kept in the table's own log.

Rows and position go into one commit, so they cannot disagree: after any crash the table
itself shows which records its rows cover. A position is a Delta transaction whose version
is the next offset. Delta checks none of it by itself (delta-rs 1.6 accepts any version,
see delta-rs#2580); what makes it exact is how a writer uses it:

- The snapshot whose positions were verified is the one that the commit is made against,
  and the commit fails if any other came first.
- Every commit states every position that its owner holds, moved or not. Stating only what
  moves would let a commit pass over one in which another owner moved the rest.
- After a reload all of them are looked at again. One that neither is what the owner last
  saw nor what it attempted has been moved by another writer.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

from attrs import evolve
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from claimx_pipeline.broker.protocol import TopicPartition
from claimx_pipeline.delta.faults import TableFencedError, one_line
from claimx_pipeline.delta.location import TableLocation
from claimx_pipeline.delta.writing.held_positions import (
    FIRST_GENERATION,
    Acquired,
    Positions,
    partition_id,
    topic_id,
)
from claimx_pipeline.delta.writing.marks import GROUP, VERIFIED, restored_mark, seen_mark
from claimx_pipeline.errors import TableError

_LOOKED_BACK = 32
"""Commits of the history read at first; mostly the newest is enough."""


def read_positions(
    table: DeltaTable, group: str, partitions: Collection[TopicPartition]
) -> Positions:
    """Return the positions that *table*, as the handle sees it, has of *group*."""
    generations = {
        topic: table.transaction_version(topic_id(group, topic)) or FIRST_GENERATION
        for topic in dict.fromkeys(at.topic for at in partitions)
    }
    offsets = {
        at: table.transaction_version(partition_id(group, at, generations[at.topic])) or 0
        for at in partitions
    }
    return Positions(group, offsets, generations, table.version())


def restore_since(
    table: DeltaTable, *, version: int = -1, group: str = ""
) -> dict[str, Any] | None:
    """Return the history's entry of the latest RESTORE that is newer than both limits.

    Args:
        table: The table.
        version: Only what came after this version counts.
        group: Only what the last commit of this group had not seen counts.
    """
    seen = version
    limit = _LOOKED_BACK if version < 0 else table.version() - version
    while limit > 0:
        entries = table.history(limit)
        for entry in entries:
            if group and entry.get(GROUP) == group:
                seen = max(seen, int(entry.get(VERIFIED, entry["version"])))
                group = ""
            if entry["version"] <= seen:
                return None
            if entry["operation"] == "RESTORE":
                return entry
        if version >= 0 or len(entries) < limit:
            break
        limit *= 8
    # Others may be deleted from the log; what they said of restores is kept.
    restored = restored_mark(table)
    if group:
        seen = max(seen, seen_mark(table, group))
    if restored is None or restored <= seen:
        return None
    return {"version": restored, "operation": "RESTORE", "operationParameters": {}}


def refuse_restored(name: str, table: DeltaTable, version: int) -> None:
    """See that nothing was taken back from table *name* after *version*.

    Raises:
        TableFencedError: An older version was restored.
    """
    restore = restore_since(table, version=version)
    if restore is not None:
        what = f"version {restore['version']} has restored an older one meanwhile"
        raise TableFencedError(name, what)


def acquire_positions(
    table: DeltaTable, group: str, partitions: Collection[TopicPartition]
) -> Acquired:
    """Return the positions of *group* in *table*, and whether rows were taken back since."""
    positions = read_positions(table, group, partitions)
    if not any(positions.offsets.values()):
        return Acquired(positions)
    restore = restore_since(table, group=group)
    return Acquired(positions, None if restore is None else int(restore["version"]))


def acquire_keyed(table: DeltaTable, group: str) -> Acquired:
    """Return the version of a keyed table, and whether rows were taken back since."""
    restore = restore_since(table, group=group)
    positions = Positions(group, version=table.version())
    return Acquired(positions, None if restore is None else int(restore["version"]), keyed=True)


def positions_of_rows(
    location: TableLocation, group: str, partitions: Collection[TopicPartition]
) -> Positions:
    """Return the positions that fit the rows: after a restore those of the version restored.

    Generations are the present ones.

    Raises:
        TableError: There is no table, or what was restored is not in its log any more.
    """
    table = location.open()
    present = read_positions(table, group, partitions)
    restore = restore_since(table, group=group)
    if restore is None:
        return present
    old = location.open()
    try:
        old.load_as_version(_restored_point(restore["operationParameters"]))
    except (DeltaError, ValueError, KeyError) as error:
        raise TableError(
            location.table,
            f"cannot tell what version {restore['version']} has restored ({one_line(error)}); "
            "name the offset to go on from with 'claimx-run offsets rewind WORKER --to OFFSET'",
        ) from error
    before = read_positions(old, group, partitions)
    same = before.generations == present.generations
    return evolve(present, offsets=before.offsets if same else dict.fromkeys(partitions, 0))


def write_positions(table: DeltaTable, positions: Positions) -> None:
    """Commit *positions* and nothing else.

    Raises:
        CommitFailedError: Another writer was first. Nothing was written.
    """
    # ``write_deltalake`` of no rows would commit a file without rows beside them.
    table.create_write_transaction(
        [], "append", table.schema(), commit_properties=positions.properties()
    )


def _restored_point(asked: Mapping[str, Any]) -> int | datetime:
    if asked.get("version") is not None:
        return int(asked["version"])
    return datetime.fromtimestamp(int(asked["datetime"]) / 1000, UTC)
