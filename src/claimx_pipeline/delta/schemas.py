"""Declared against stored: what a table must look like before anything is written."""

from __future__ import annotations

import pyarrow as pa
from attrs import define, field, frozen
from deltalake import DeltaTable, Field, Schema

from claimx_pipeline.delta.comments import fields_of
from claimx_pipeline.delta.features import refuse_unwritable
from claimx_pipeline.delta.log_files import COMMITS, KEPT_COMMITS
from claimx_pipeline.delta.spec import TableSpec
from claimx_pipeline.delta.writing.form import StoredForm, generated_columns
from claimx_pipeline.delta.writing.marks import floor_of
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


def refuse_undeclarable(spec: TableSpec) -> None:
    """See that a table could be made as *spec* declares it.

    Raises:
        TableError: It has no key, only partition columns, or a type that Delta Lake does not know.
    """
    if spec.mode not in ("append", "merge"):
        raise TableError(spec.name, f"its mode is {spec.mode!r}; write 'append' or 'merge'")
    if not spec.key and (spec.mode == "merge" or spec.dedupe):
        raise TableError(spec.name, "it has no key, which identifies a row; name its columns")
    apart = set(spec.partitions())
    if apart.issuperset(column.name for column in spec.stored_columns()):
        raise TableError(spec.name, "all of its columns are partition columns; add another one")
    for column in spec.stored_columns():
        try:
            Schema.from_arrow(pa.schema([pa.field(column.name, column.type)]))
        except Exception as error:  # the engine raises nothing more exact
            raise TableError(
                spec.name,
                f"its column {column.name!r} has the type {column.type}, which Delta Lake does not "
                "know; choose one of claimx_pipeline.tables",
            ) from error


def own_properties(spec: TableSpec) -> dict[str, str]:
    """Return the properties a new table gets that only this pipeline knows."""
    found = {KEPT_COMMITS: str(COMMITS)}
    if spec.bucket_column:
        found[BUCKETS_OF] = str(spec.buckets)
    return found


@frozen(kw_only=True)
class SchemaChange:
    """In what a stored table is not what is declared."""

    added: tuple[str, ...] = ()
    """Columns that it lacks, with their types; they can be added."""
    foreign: tuple[str, ...] = ()
    """Columns that others have added; they stay, and are null in rows that are written here."""
    refused: str = ""
    """Why it cannot be made what is declared; empty if it can."""


def change_of(spec: TableSpec, table: DeltaTable) -> SchemaChange:
    """Return what would be changed of *table* before rows of *spec* are written to it."""
    try:
        refuse_forgetting(spec, table)
        refuse_unwritable(spec.name, table)
        refuse_differences(spec, table)
    except TableError as error:
        return SchemaChange(refused=error.reason)
    stored = {column.name for column in table.schema().fields}
    declared = spec.schema()
    return SchemaChange(
        added=tuple(f"{each.name} {each.type}" for each in declared if each.name not in stored),
        foreign=tuple(sorted(stored - {*declared.names})),
    )


def refuse_differences(spec: TableSpec, table: DeltaTable) -> None:
    """See that nullable columns are all that *table* lacks.

    Raises:
        TableError: It differs in another way; both sides are shown.
    """
    if differences := _differences(spec, table):
        raise TableError(
            spec.name,
            f"what is declared is not what is stored: {'; '.join(differences)}; "
            "change the table to match, or point the setting at another one",
        )


BUCKETS_OF = "claimx.buckets"
"""Property of a table: over how many buckets its rows are spread. Without it, 16."""
_FIRST_BUCKETS = 16
"""The number that tables have which do not say it: there was no other one."""

FORGETTING = "delta.setTransactionRetentionDuration"
"""Property under which a table forgets positions that have not moved for some time."""

APPEND_ONLY = "delta.appendOnly"
"""Property under which no row of a table can be replaced."""


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

    Nullable columns that others have added stay, and are filled with null.

    Returns:
        The columns added.

    Raises:
        TableError: The table cannot be written to, or differs in another way; both sides
            are shown.
    """
    refuse_other_schema(spec, table)
    stored = {column.name for column in table.schema().fields}
    missing = [column for column in spec.schema() if column.name not in stored]
    if missing:
        names = {column.name for column in missing}
        fields = [each for each in fields_of(spec) if each.name in names]
        table.alter.add_columns(
            [Field(f.name, f.type, nullable=True, metadata=f.metadata) for f in fields]
        )
    return tuple(column.name for column in missing)


def refuse_other_schema(spec: TableSpec, table: DeltaTable) -> None:
    """See that *table* is what *spec* declares, but for nullable columns that are missing.

    Raises:
        TableError: The table cannot be written to, or differs in another way; both sides
            are shown.
    """
    refuse_forgetting(spec, table)
    refuse_unwritable(spec.name, table)
    refuse_differences(spec, table)


def stored_form(spec: TableSpec, table: DeltaTable) -> StoredForm:
    """Return what *table* has beside what *spec* declares.

    Raises:
        TableError: It is not, or not any more, a table that can be written as declared.
    """
    refuse_forgetting(spec, table)
    refuse_unwritable(spec.name, table)
    stored = {column.name for column in table.schema().fields}
    missing = [column.name for column in spec.schema() if column.name not in stored]
    if differences := [*_differences(spec, table), *missing]:
        raise TableError(spec.name, f"it was changed: {'; '.join(differences)}")
    return StoredForm.of(spec, table)


@define
class FormWatch:
    """The stored form of one table, looked at again only when others have committed to it."""

    spec: TableSpec
    floor: int | None = field(default=None, init=False)
    """As of the version looked at last: the time before which no row is written any more."""
    _form: StoredForm | None = field(default=None, init=False)
    _version: int = field(default=-1, init=False)

    def of(self, table: DeltaTable) -> StoredForm:
        """Return the form of *table*, at the version of the handle.

        Raises:
            TableError: It cannot be written to any more, or not as declared.
        """
        if self._form is None or table.version() != self._version:
            self._form = stored_form(self.spec, table)
            self.floor = floor_of(table)
            self._version = table.version()
        return self._form

    def committed(self, before: int, after: int) -> None:
        """Note a commit of our own, which changes nothing of the form."""
        if self._version == before and after == before + 1:
            self._version = after


def _differences(spec: TableSpec, table: DeltaTable) -> list[str]:
    """Return in what the stored table cannot be what *spec* declares."""
    stored = {column.name: column for column in pa.schema(table.schema().to_arrow())}
    declared = {column.name: column for column in spec.schema()}
    generated = generated_columns(table)
    found = [
        f"column {name!r} is declared {_shown(declared.get(name))}"
        f" and stored {_shown(stored.get(name))}"
        for name in dict.fromkeys([*declared, *stored])
        if name not in generated or name in declared
        if not _agree(declared.get(name), stored.get(name))
    ]
    metadata = table.metadata()
    partitions = tuple(metadata.partition_columns)
    if partitions != spec.partitions():
        found.append(f"the partitions are declared {spec.partitions()} and stored {partitions}")
    buckets = metadata.configuration.get(BUCKETS_OF, str(_FIRST_BUCKETS))
    if spec.bucket_column and buckets != str(spec.buckets):
        found.append(
            f"its rows are in {buckets} buckets and the setting 'tables.buckets' says "
            f"{spec.buckets}, so a key would be found in another one; set it to {buckets}"
        )
    if spec.mode == "merge" and metadata.configuration.get(APPEND_ONLY) == "true":
        found.append(f"rows of it are replaced, and {APPEND_ONLY} is set")
    return found


def _agree(declared: pa.Field | None, stored: pa.Field | None) -> bool:
    if stored is None:
        return declared is not None and bool(declared.nullable)
    if declared is None:  # of others: kept, and null in the rows that are written here
        return bool(stored.nullable)
    return bool(declared.type == stored.type) and bool(declared.nullable == stored.nullable)


def _shown(column: pa.Field | None) -> str:
    if column is None:
        return "not at all"
    return f"{column.type}{'' if column.nullable else ' not null'}"
