"""Rows of claims in tables, with the old files that held them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING

from attrs import evolve, frozen

from claimx_pipeline.delta.deleting import Deleting
from claimx_pipeline.delta.maintenance import Maintenance
from claimx_pipeline.delta.querying.reading import batches, names
from claimx_pipeline.delta.selection import Among
from claimx_pipeline.errors import TableError

if TYPE_CHECKING:
    from claimx_pipeline.delta.spec import TableSpec
    from claimx_pipeline.delta.store import TableStore
    from claimx_pipeline.domain.domain import Domain

BLOB_PATH = "blob_path"
"""The column with the path of a file in a table of files."""


@frozen(kw_only=True)
class ErasedRows:
    """What was deleted of a table, or would be."""

    table: str
    """Name of the table."""
    column: str
    """The column with the claim's key."""
    rows: int = 0
    """Number of rows."""
    old_files: int = 0
    """Files deleted from the store that older versions consisted of, others' rows included."""
    error: str = ""
    """Why its rows could not be deleted; empty if they could."""


def key_columns(domain: Domain, specs: Mapping[str, TableSpec]) -> dict[str, str]:
    """Return the tables that hold rows of claims, each with the column of the claim's key."""
    own = {table.name for table in domain.all_tables()}
    found = {}
    for name, spec in sorted(specs.items()):
        columns = {column.name for column in spec.columns}
        if name in own and spec.bucket_column:
            found[name] = spec.bucket_column
        elif domain.key_name in columns:
            found[name] = domain.key_name
    return found


def erase_rows(
    store: TableStore, table: str, column: str, keys: Collection[str], *, dry_run: bool
) -> ErasedRows | None:
    """Delete the rows of *keys* and all files of older versions; None if there is no table.

    Blocks. Older versions of the table can be neither read nor restored afterwards.
    """
    found = ErasedRows(table=table, column=column)
    try:
        if not store.exists(table):
            return None
        spec, location = store.spec(table), store.location(table)
        work, meant = Deleting(location, spec), Among.of(spec, column, keys)
        if dry_run:
            return evolve(found, rows=work.count(meant).rows)
        found = evolve(found, rows=work.delete(meant).rows)
        old = Maintenance(location, spec=spec).vacuum(0).deleted
    except TableError as error:
        return evolve(found, error=error.reason)
    return evolve(found, old_files=old)


def paths_of_files(
    store: TableStore, columns: Mapping[str, str], keys: Collection[str]
) -> tuple[set[str], set[str]]:
    """Return the paths of the files of *keys*, and those of them that other claims have as well.

    Args:
        store: The tables.
        columns: Tables, each with the column of the claim's key.
        keys: The claims.

    Raises:
        TableError: A table cannot be read.
    """
    own: set[str] = set()
    others: set[str] = set()
    for table, column in columns.items():
        if BLOB_PATH in store.spec(table).schema().names and store.exists(table):
            for key, path in _paths(store, table, column):
                (own if key in keys else others).add(path)
    return own - others, own & others


def _paths(store: TableStore, table: str, column: str) -> Iterator[tuple[str, str]]:
    wanted = names([column, BLOB_PATH])
    sql = f"SELECT {wanted} FROM t WHERE {BLOB_PATH} IS NOT NULL"  # noqa: S608 - own names
    for batch in batches(store.open(table), sql):
        for key, path in zip(*(each.to_pylist() for each in batch.columns), strict=True):
            yield str(key), path


def keys_of_person(store: TableStore, domain: Domain, person: str) -> set[str]:
    """Return the claims of the person who is called *person*, or has that address or number.

    Raises:
        TableError: A table cannot be read.
    """
    wanted = _plain(person)
    specs = key_columns(domain, store.specs)
    found: set[str] = set()
    for where in domain.people:
        if not store.exists(where.table):
            continue
        column = specs[where.table]
        asked = [column, *where.names, *where.addresses, *where.only]
        sql = f"SELECT {names([*dict.fromkeys(asked)])} FROM t"  # noqa: S608 - own names
        for batch in batches(store.open(where.table), sql):
            for row in batch.to_pylist():
                if any(row[name] != value for name, value in where.only.items()):
                    continue
                called = _plain(" ".join(str(row[name] or "") for name in where.names))
                known = {called, *(_plain(str(row[name] or "")) for name in where.addresses)}
                if wanted in known:
                    found.add(str(row[column]))
    return found


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())
