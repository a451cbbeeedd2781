"""Tables: create, list, describe, maintain and query them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from attrs import evolve

from claimx_pipeline.delta.comments import description_of
from claimx_pipeline.delta.faults import TableUnusableError
from claimx_pipeline.delta.maintenance import NOTHING, SAFE_HOURS, Maintained, Maintenance
from claimx_pipeline.delta.retention import oldest_kept
from claimx_pipeline.errors import TableError, UsageError
from claimx_pipeline.operations.column_roles import roles_of
from claimx_pipeline.operations.names import domains_of_tables
from claimx_pipeline.operations.table_views import (
    CreatedTable,
    DescribedColumn,
    DescribedTable,
    ListedTable,
)

if TYPE_CHECKING:
    from claimx_pipeline.delta.store import TableStore
    from claimx_pipeline.pipeline import Pipeline


async def list_tables(pipeline: Pipeline) -> list[ListedTable]:
    """Return every declared table, by name; one that cannot be opened tells why.

    Raises:
        TableError: The location of a table in the settings is not valid.
    """
    store = pipeline.table_store
    domains = domains_of_tables(pipeline)
    listed = [await asyncio.to_thread(_listed, store, name) for name in sorted(store.specs)]
    return [evolve(each, domain=domains.get(each.table, "")) for each in listed]


async def describe_table(pipeline: Pipeline, name: str) -> DescribedTable:
    """Return a table with its columns as declared, its key, and how much is in it.

    Raises:
        TableError: It is not declared, or its location in the settings is not valid.
    """
    store = pipeline.table_store
    spec = store.spec(name)
    listed = await asyncio.to_thread(_listed, store, name)
    readable = listed.created and not listed.error
    return DescribedTable(
        listed=listed,
        written=await asyncio.to_thread(store.way_of_writing, name) if readable else "",
        summary=spec.summary,
        key=spec.key,
        partitions=spec.partitions(),
        columns=[
            DescribedColumn(
                column=column.name,
                type=str(column.type),
                nullable=column.nullable,
                roles=roles_of(store, name, column.name),
                meaning=column.doc,
                source=column.source,
                plugin=column.plugin,
            )
            for column in spec.stored_columns()
        ],
        plugin=spec.plugin,
        description=description_of(spec),
        unexplained=readable and bool(await asyncio.to_thread(store.unexplained, name)),
    )


async def create_tables(
    pipeline: Pipeline, *names: str, dry_run: bool = False
) -> list[CreatedTable]:
    """Create the tables that are missing; those that exist are left as they are.

    Args:
        pipeline: The pipeline.
        names: Tables; all if none is named.
        dry_run: Create nothing.

    Returns:
        Those that were created, or would be.

    Raises:
        TableError: A table is not declared, and none is created; or a location cannot be
            written.
    """
    store = pipeline.table_store
    # All names are checked before anything is created.
    wanted = [store.spec(name).name for name in names or sorted(store.specs)]

    def create() -> list[str]:
        missing = [name for name in wanted if not store.exists(name)]
        return missing if dry_run else [name for name in missing if store.create(name)]

    created = await asyncio.to_thread(create)
    return [CreatedTable(name, store.location(name).uri) for name in created]


async def maintain_tables(
    pipeline: Pipeline,
    *names: str,
    log_retention: bool = False,
    dry_run: bool = False,
    on_table: Callable[[str, int, int], None] | None = None,
) -> list[Maintained]:
    """Join many small files, write a checkpoint, delete files that are no longer needed.

    First rows are deleted that ``maintenance.retention_days`` does not keep any longer.

    Workers may go on meanwhile. Once a day is often enough. What a version of the last
    168 hours needs stays.

    Args:
        pipeline: The pipeline.
        names: Tables; all that exist if none is named.
        log_retention: From now on keep the last 400 commits only in the log of a table that
            keeps all, as tables do that an older version has created. No older version can
            be read or restored then, and a reader that follows the log as a stream must not be
            further behind.
        dry_run: Change nothing.
        on_table: Called as work on a table begins, with its name, its number and how many there
            are.

    Returns:
        What was done to each table, or would be.

    Raises:
        TableError: A table is not declared, or does not exist; or the only one that was
            named cannot be worked with.
    """
    days = pipeline.settings.maintenance.retention_days
    now = pipeline.clock.now()

    def maintain(each: Maintenance) -> Maintained:
        each.oldest = oldest_kept(days, each.location.table, now)
        return each.maintain(log_retention=log_retention)

    return await _each(pipeline, names, maintain, dry_run=dry_run, on_table=on_table)


async def compact_tables(
    pipeline: Pipeline,
    *names: str,
    dry_run: bool = False,
    on_table: Callable[[str, int, int], None] | None = None,
) -> list[Maintained]:
    """Join the small files of each partition. Workers may go on meanwhile.

    Args:
        pipeline: The pipeline.
        names: Tables; all that exist if none is named.
        dry_run: Change nothing.
        on_table: Called as work on a table begins, with its name, its number and how many there
            are.

    Returns:
        What was done to each table, or would be.

    Raises:
        TableError: A table is not declared, or does not exist; or the only one that was
            named cannot be worked with.
    """
    return await _each(
        pipeline, names, lambda each: each.compact(), dry_run=dry_run, on_table=on_table
    )


async def vacuum_tables(
    pipeline: Pipeline,
    *names: str,
    hours: int | None = None,
    orphans: bool = False,
    force: bool = False,
    dry_run: bool = False,
    on_table: Callable[[str, int, int], None] | None = None,
) -> list[Maintained]:
    """Delete files that no version of the last *hours* needs.

    Older versions can be neither read nor restored afterwards.

    Args:
        pipeline: The pipeline.
        names: Tables; all that exist if none is named.
        hours: How old a version may be that stays readable; 168 if not given.
        orphans: Also delete files left by commits that failed.
        force: Allow fewer than 168 hours; only while no worker and no reader runs.
        dry_run: Change nothing.
        on_table: Called as work on a table begins, with its name, its number and how many there
            are.

    Returns:
        What was done to each table, or would be.

    Raises:
        UsageError: Fewer than 168 hours without *force*, or a negative number.
        TableError: A table is not declared, or does not exist; or the only one that was
            named cannot be worked with.
    """
    kept = SAFE_HOURS if hours is None else hours
    if kept < SAFE_HOURS and not (force or dry_run):
        raise UsageError(
            f"files that were in use {kept} hours ago may be in use still, and nothing older could "
            f"be restored; keep {SAFE_HOURS} hours, or add --force if no worker or reader runs"
        )
    return await _each(
        pipeline,
        names,
        lambda each: each.vacuum(kept, orphans=orphans),
        dry_run=dry_run,
        on_table=on_table,
    )


async def _each(
    pipeline: Pipeline,
    names: Sequence[str],
    work: Callable[[Maintenance], Maintained],
    *,
    dry_run: bool,
    on_table: Callable[[str, int, int], None] | None,
) -> list[Maintained]:
    """Do *work* on the tables called *names*, or on all that exist, one after the other.

    One that the engine cannot work with keeps no other from it.
    """
    store = pipeline.table_store
    wanted = [store.spec(name).name for name in names or sorted(store.specs)]

    def maintain(name: str) -> Maintained | None:
        try:
            if not names and not store.exists(name):
                return None
            return work(Maintenance(store.location(name), dry_run, store.spec(name)))
        except TableError as error:
            unusable = isinstance(error, TableUnusableError) or store.exists(name)
            if len(wanted) == 1 or not unusable:
                raise
            return Maintained(table=name, before=NOTHING, after=NOTHING, error=str(error))

    done = []
    for number, name in enumerate(wanted, 1):
        if on_table is not None:
            on_table(name, number, len(wanted))
        done.append(await asyncio.to_thread(maintain, name))
    return [each for each in done if each is not None]


def _listed(store: TableStore, name: str) -> ListedTable:
    listed = ListedTable(table=name, mode=store.spec(name).mode, location=store.location(name).uri)
    try:
        if not store.exists(name):
            return listed
        facts = store.facts(name)
    except TableError as error:
        return evolve(listed, error=str(error))
    return evolve(
        listed,
        rows=facts.rows,
        version=facts.version,
        bytes=facts.bytes,
        log_files=facts.log_files,
    )
