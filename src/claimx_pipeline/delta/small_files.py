"""Which small files of a table can be joined, by a look at its log alone."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
from attrs import frozen
from deltalake import DeltaTable

from claimx_pipeline.delta.writing.layout import FEATURE_WRITER, PLAIN_FEATURES
from claimx_pipeline.delta.writing.paths import stored

TARGET_BYTES = 100 * 2**20
"""Size of a file that is left as it is."""

_JOINED_FEATURES = PLAIN_FEATURES | {
    "columnMapping",
    "deletionVectors",
    "timestampNtz",
    "v2Checkpoint",
}
"""Writer features under which files can be joined: if no column is mapped, and those without
deletion vectors."""
_VECTORS = "deletionVectors"
_MAPPING = "delta.columnMapping.mode"

Partition = tuple[tuple[str, str | None], ...]
"""Columns and values that all rows of a file share, as the log holds them."""


@frozen
class SmallFile:
    """A file that would be better as part of a larger one."""

    path: str
    """In the store."""
    bytes: int
    modified: int
    """Milliseconds since 1970."""


@frozen
class SmallFiles:
    """Files of one partition that would be better as fewer."""

    partition: Partition
    files: tuple[SmallFile, ...]

    @property
    def count(self) -> int:
        """How many files they are."""
        return len(self.files)

    @property
    def bytes(self) -> int:
        """How large they are together."""
        return sum(file.bytes for file in self.files)

    @property
    def joined(self) -> int:
        """How many files they become, about."""
        return max(1, math.ceil(self.bytes / TARGET_BYTES))

    def groups(self) -> list[list[SmallFile]]:
        """Return the files that become one each, the oldest first; none that stay alone."""
        found: list[list[SmallFile]] = [[]]
        size = 0
        for file in sorted(self.files, key=lambda file: (file.modified, file.path)):
            if size + file.bytes > TARGET_BYTES:
                found.append([])
                size = 0
            found[-1].append(file)
            size += file.bytes
        return [group for group in found if len(group) > 1]


def small_files(table: DeltaTable) -> list[SmallFiles]:
    """Return the small files of each partition at the version of the handle.

    Files that a commit cannot remove by their path, or of which some rows are deleted, are left
    out: they stay as they are.
    """
    names = table.metadata().partition_columns
    found = pa.table(table.get_add_actions(flatten=True))
    vectored = marked(table)
    columns = [found[name].to_pylist() for name in ("path", "size_bytes", "modification_time")]
    values = [found[f"partition.{name}"].to_pylist() for name in names]
    by_partition: defaultdict[Partition, list[SmallFile]] = defaultdict(list)
    for logged, size, modified, *shared in zip(*columns, *values, strict=True):
        path = stored(logged)
        if path is None or size >= TARGET_BYTES or _name(path) in vectored:
            continue
        partition = partition_of(names, shared)
        by_partition[partition].append(SmallFile(path, size, modified))
    return [
        SmallFiles(partition, tuple(files))
        for partition, files in sorted(by_partition.items(), key=lambda each: _order(each[0]))
    ]


def files_of(found: Iterable[SmallFiles]) -> frozenset[tuple[Partition, str]]:
    """Return all files in *found*."""
    return frozenset((each.partition, file.path) for each in found for file in each.files)


def why_not_joined(table: DeltaTable) -> str:
    """Return why no files of *table* can be joined; empty if they can."""
    protocol = table.protocol()
    if protocol.min_writer_version == FEATURE_WRITER:
        more = sorted(set(protocol.writer_features or ()) - _JOINED_FEATURES)
        if more:
            return f"it uses {', '.join(more)}"
    if table.metadata().configuration.get(_MAPPING, "none") != "none":
        return f"{_MAPPING} is set"
    return _of_partitions(table, table.metadata().partition_columns)


def _of_partitions(table: DeltaTable, names: Sequence[str]) -> str:
    schema = pa.schema(table.schema().to_arrow())
    kinds: Mapping[str, pa.DataType] = {name: schema.field(name).type for name in names}
    strange = [f"{name} ({kind})" for name, kind in kinds.items() if not _is_named(kind)]
    return f"it is partitioned by {', '.join(strange)}" if strange else ""


def _is_named(kind: pa.DataType) -> bool:
    """Return whether values of *kind* have one text that names them in the log."""
    types = pa.types
    named = types.is_string(kind) or types.is_integer(kind) or types.is_boolean(kind)
    return bool(named or types.is_date(kind) or types.is_timestamp(kind))


def partition_of(names: Sequence[str], values: Sequence[object]) -> Partition:
    """Return the partition in which the columns called *names* have *values*."""
    return tuple(zip(names, map(_as_logged, values), strict=True))


def _as_logged(value: object) -> str | None:
    """Return the value of a partition as the log holds it."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        instant = value.astimezone(UTC) if value.tzinfo else value
        return instant.replace(tzinfo=None).isoformat(" ", "microseconds")
    return value.isoformat() if isinstance(value, date) else str(value)


def marked(table: DeltaTable) -> set[str]:
    """Return the names of files of which rows are deleted by a vector."""
    if _VECTORS not in (table.protocol().writer_features or ()):
        return set()
    paths = pa.table(table.deletion_vectors())["filepath"].to_pylist()
    return {_name(path) for path in paths}


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def _order(partition: Partition) -> list[tuple[bool, Any]]:
    return [(value is not None, value) for _, value in partition]
