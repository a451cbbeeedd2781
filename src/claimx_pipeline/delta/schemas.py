"""Declared against stored: what a table must look like before anything is written."""

from __future__ import annotations

import pyarrow as pa
from deltalake import DeltaTable, Field, Schema

from claimx_pipeline.delta.spec import TableSpec
from claimx_pipeline.errors import TableError

CHECKPOINT_INTERVAL = 20
"""Commits between checkpoints: opening a table reads every commit since the last one."""


def configuration(spec: TableSpec) -> dict[str, str]:
    """Return the properties a new table gets."""
    apart = set(spec.partitions())
    wanted = [*spec.key, spec.event_time, spec.answer_time, spec.bucket_column]
    wanted += [column.name for column in spec.columns if pa.types.is_timestamp(column.type)]
    skipping = dict.fromkeys(name for name in wanted if name and name not in apart)
    found = {"delta.checkpointInterval": str(CHECKPOINT_INTERVAL)}
    if skipping:
        # Statistics of long texts cost at every commit and are never used.
        found["delta.dataSkippingStatsColumns"] = ",".join(skipping)
    return found


FORGETTING = "delta.setTransactionRetentionDuration"
"""Property under which a table forgets positions that have not moved for some time."""


def refuse_forgetting(spec: TableSpec, table: DeltaTable) -> None:
    """See that an append table keeps its positions for ever.

    Raises:
        TableError: It would forget those of an idle partition, and take its rows again.
    """
    if spec.mode == "append" and FORGETTING in table.metadata().configuration:
        raise TableError(
            spec.name, f"{FORGETTING} is set, so rows could come twice; unset that property"
        )


def add_missing_columns(spec: TableSpec, table: DeltaTable) -> tuple[str, ...]:
    """Make *table* what *spec* declares, if nullable columns are all that is missing.

    Returns:
        The columns added.

    Raises:
        TableError: The table differs in another way; both sides are shown.
    """
    stored = {column.name: column for column in pa.schema(table.schema().to_arrow())}
    declared = {column.name: column for column in spec.schema()}
    differences = [
        f"column {name!r} is declared {_shown(declared.get(name))}"
        f" and stored {_shown(stored.get(name))}"
        for name in dict.fromkeys([*declared, *stored])
        if not _agree(declared.get(name), stored.get(name))
    ]
    partitions = tuple(table.metadata().partition_columns)
    if partitions != spec.partitions():
        differences.append(
            f"the partitions are declared {spec.partitions()} and stored {partitions}"
        )
    if differences:
        raise TableError(
            spec.name,
            f"what is declared is not what is stored: {'; '.join(differences)}; "
            "change the table to match, or point the setting at another one",
        )
    missing = [column for name, column in declared.items() if name not in stored]
    if missing:
        fields = Schema.from_arrow(pa.schema(missing)).fields
        table.alter.add_columns([Field(f.name, f.type, nullable=True) for f in fields])
    return tuple(column.name for column in missing)


def _agree(declared: pa.Field | None, stored: pa.Field | None) -> bool:
    if stored is None:
        return declared is not None and bool(declared.nullable)
    return (
        declared is not None
        and bool(declared.type == stored.type)
        and bool(declared.nullable == stored.nullable)
    )


def _shown(column: pa.Field | None) -> str:
    if column is None:
        return "not at all"
    return f"{column.type}{'' if column.nullable else ' not null'}"
