"""Tables of the system before this one: import them, compare with them, show ours as theirs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import frozen

from claimx_pipeline.delta.importing.comparing import Comparing, Comparison, Difference, Side
from claimx_pipeline.delta.importing.importing import TableImport, opened, reader_of
from claimx_pipeline.delta.importing.old_table import OldTable
from claimx_pipeline.delta.importing.progress import Counts, ImportFolder, ImportState
from claimx_pipeline.delta.importing.views import DIALECTS, Dialect, view_statements
from claimx_pipeline.delta.location import TableLocation, location_of
from claimx_pipeline.delta.spec import TableSpec
from claimx_pipeline.errors import UsageError

if TYPE_CHECKING:
    from claimx_pipeline.pipeline import Pipeline

__all__ = [
    "Comparison",
    "Difference",
    "ImportedTable",
    "compare_tables",
    "import_table",
    "old_table_views",
]

VIEWS_SCHEMA = "predecessor"


@frozen(kw_only=True)
class ImportedTable:
    """What became of the rows of a former table."""

    table: str
    """Our table."""
    source: str
    """Path or URL of the former one."""
    version: int
    """Version of it that was read."""
    dry_run: bool
    """Whether nothing was written."""
    counts: Counts
    """Rows read, written and refused."""
    report: Path
    """File with a line of JSON for every row, value and column that did not fit."""
    left_out: Sequence[str]
    """Columns that our table has no column for."""
    zoneless: Mapping[str, int]
    """Columns with times that name no zone, and how many; they were read as UTC."""


async def import_table(
    pipeline: Pipeline,
    source: str,
    table: str,
    *,
    dry_run: bool = False,
    work: Path | None = None,
    on_slice: Callable[[ImportState], None] | None = None,
) -> ImportedTable:
    """Copy a table of the former system into ours, which is created if it is missing.

    Rows of one key become one by the rules that hold for every writer: null replaces nothing,
    an older answer replaces no later one. So workers may go on meanwhile, and a second import
    of the same rows changes nothing. An import that was killed goes on where it was.

    Args:
        pipeline: The pipeline.
        source: Path or URL of the former table.
        table: Our table.
        dry_run: Read and judge every row, and write none.
        work: Folder for the report, for how far the import is, and meanwhile for the rows;
            ``claimx-import/TABLE`` if not given.
        on_slice: Called with the state after each part of the rows.

    Raises:
        UsageError: Nothing is known of a former table of that name.
        TableError: There is no table at *source*, or it has no key; or ours cannot be opened.
        TableWriteError: Ours cannot be written; import again, what is written stays.
    """
    old = _old_table(pipeline, table)
    store = pipeline.table_store
    location = _location(pipeline, source, table)
    if not dry_run:
        await asyncio.to_thread(store.create, old.name)
    progress = ImportFolder(work or Path("claimx-import") / table)
    importing = TableImport(location, old, store, progress, dry_run)
    if on_slice is not None:
        importing.on_slice = on_slice
    done = await importing.run()
    return ImportedTable(
        table=table,
        source=location.uri,
        version=done.version,
        dry_run=dry_run,
        counts=done.state.counts,
        report=progress.report,
        left_out=done.left_out,
        zoneless=done.state.zoneless,
    )


def old_table_views(
    pipeline: Pipeline, *tables: str, dialect: Dialect, schema: str = VIEWS_SCHEMA
) -> list[str]:
    """Return SQL statements for views over our tables, with the former names and types.

    Args:
        pipeline: The pipeline.
        tables: Tables; all that the former system had if none is named.
        dialect: ``duckdb``, ``spark`` or ``tsql``.
        schema: Where the views are; they have the names of our tables.

    Raises:
        UsageError: Nothing is known of a former table of that name, or there is no such dialect.
        TableError: The location of a table in the settings is not valid.
    """
    if dialect not in DIALECTS:
        raise UsageError(f"there is no dialect {dialect!r}; there are {', '.join(DIALECTS)}")
    store = pipeline.table_store
    wanted = [_old_table(pipeline, name) for name in tables or sorted(_old_tables(pipeline))]
    shown = [(old, store.spec(old.name), store.location(old.name).uri) for old in wanted]
    return view_statements(shown, dialect, schema)


async def compare_tables(
    pipeline: Pipeline,
    old: str,
    new: str,
    *,
    keys: Sequence[str] = (),
    columns: Sequence[str] = (),
    samples: int = 10,
    work: Path | None = None,
) -> Comparison:
    """Compare two tables key by key.

    If *new* is one of our tables of which the former system had one, *old* is read as an import
    would read it: by our names and types, doubles as one row. Other tables are compared by the
    names that both have.

    Args:
        pipeline: The pipeline.
        old: Path or URL of a table, or the name of one of ours.
        new: Path or URL of a table, or the name of one of ours.
        keys: Columns that tell rows apart; the key of our table if none is given.
        columns: Columns to be compared; all that both have, but those that are only about the
            processing, if none is given.
        samples: Differences to return, of each kind and column.
        work: Where a folder is made that holds both tables meanwhile.

    Raises:
        UsageError: A key or column is not in both tables, or keys must be named.
        TableError: There is no such table, or it cannot be read.
    """
    store = pipeline.table_store
    spec = store.specs.get(new)
    former = _old_tables(pipeline).get(new) if old not in store.specs else None
    before = await asyncio.to_thread(_side, pipeline, old, former, spec)
    after = await asyncio.to_thread(_side, pipeline, new, None, None)
    key = keys or (spec.identity() if spec else ())
    if not key:
        raise UsageError(f"{new} is not one of our tables; name its keys with --keys")
    known = [name for name in before.columns if name in after.columns and name not in key]
    about = _about_processing(spec)
    chosen = columns or [name for name in known if name not in about]
    # Rows are only folded by our rules if rows are distinguished by our key.
    rules = spec if spec and tuple(key) == spec.identity() else None
    comparing = Comparing(before, after, key, chosen, rules, samples)
    return await asyncio.to_thread(comparing.run, work)


def _about_processing(spec: TableSpec | None) -> set[str]:
    columns = spec.stored_columns() if spec else ()
    return {column.name for column in columns if column.bookkeeping}


def _side(pipeline: Pipeline, given: str, former: OldTable | None, spec: TableSpec | None) -> Side:
    store = pipeline.table_store
    if given in store.specs:
        return Side(given, store.open(given))
    table = opened(_location(pipeline, given, given))
    reader = reader_of(table, former, spec) if former and spec else None
    return Side(given, table, reader)


def _location(pipeline: Pipeline, given: str, table: str) -> TableLocation:
    return location_of(table, given, pipeline.table_store.settings, named=f"{given!r}")


def _old_tables(pipeline: Pipeline) -> dict[str, OldTable]:
    return pipeline.registrations.by_name("claimx_register_old_tables", "former table")


def _old_table(pipeline: Pipeline, name: str) -> OldTable:
    known = _old_tables(pipeline)
    if name not in known:
        raise UsageError(
            f"nothing is known of a former table {name!r}; known are {', '.join(sorted(known))}"
        )
    return known[name]
