"""Which tables of others this version can write: by what their protocol asks for."""

from __future__ import annotations

from deltalake import DeltaTable

from claimx_pipeline.errors import TableError

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
"""Writer features that deltalake can deal with, by the names of the protocol.

deltalake does not say which; a test compares this with what it does. A feature that is not
here is refused, since a writer must not touch what it does not know.
"""
_BY_FEATURES = 7
"""The protocol's writer version that lists its features."""
_WITH_IDENTITY = 6
"""The writer version that asks for identity columns, whether the table has any or not."""


def unwritable(table: DeltaTable) -> tuple[str, ...]:
    """Return what writing to *table* asks for and deltalake lacks."""
    protocol = table.protocol()
    version = protocol.min_writer_version
    if version > _BY_FEATURES:
        return (f"writer version {version}",)
    if version == _WITH_IDENTITY:
        return ("identityColumns",)
    return tuple(sorted(set(protocol.writer_features or ()) - WRITABLE))


def refuse_unwritable(name: str, table: DeltaTable) -> None:
    """See that table *name* can be written to.

    Raises:
        TableError: Others have switched on what cannot be.
    """
    if missing := unwritable(table):
        raise TableError(
            name,
            f"it cannot be written to at {table.table_uri}, since others have switched on "
            f"{', '.join(missing)}, which this version does not know how to write; drop that "
            "from the table (ALTER TABLE … DROP FEATURE), or point the setting at another one",
        )
