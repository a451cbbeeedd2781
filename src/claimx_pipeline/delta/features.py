"""Which tables can be written at all: the features of the protocol that delta-rs writes.

A table gets a feature from the program that switches it on. From then on every commit of a
writer that does not know it is refused, as if others had been first.
"""

from __future__ import annotations

from deltalake import DeltaTable

from claimx_pipeline.errors import TableError

FEATURES_FROM = 7
"""Writer version that names features; each lower one means a fixed list of known ones."""

WRITABLE = frozenset(
    {
        "appendOnly",
        "changeDataFeed",
        "checkConstraints",
        "columnMapping",
        "deletionVectors",
        "generatedColumns",
        "invariants",
        "timestampNtz",
        "v2Checkpoint",
        "variantType",
        "variantType-preview",
    }
)
"""What delta-rs 1.6 commits to; found by trying each feature of the protocol."""


def refuse_unwritable(name: str, table: DeltaTable) -> None:
    """See that table *name* can be written.

    Raises:
        TableError: It needs features that are not known here; they are named.
    """
    protocol = table.protocol()
    if protocol.min_writer_version < FEATURES_FROM:
        return
    unknown = sorted(set(protocol.writer_features or ()) - WRITABLE)
    if unknown:
        raise TableError(
            name,
            f"needs features that cannot be written here ({', '.join(unknown)}); switch them "
            "off where they were switched on, or name another location in tables.paths",
        )
