"""Stored tables made what this version declares."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from attrs import frozen

from claimx_pipeline.delta.comments import Unexplained

if TYPE_CHECKING:
    from claimx_pipeline.pipeline import Pipeline


@frozen(kw_only=True)
class MigratedTable:
    """What a table lacked of what is declared."""

    table: str
    """Name of the table."""
    added: Sequence[str] = ()
    """Columns that were added, or would be, each with its type."""
    foreign: Sequence[str] = ()
    """Columns that others have added; they stay."""
    commented: Sequence[str] = ()
    """Columns that got the comment that they lacked, or would."""
    described: bool = False
    """Whether the table got its description, or would."""
    error: str = ""
    """Why it cannot be made what is declared, both sides shown; empty if it can."""


async def migrate_tables(
    pipeline: Pipeline, *names: str, dry_run: bool = False
) -> list[MigratedTable]:
    """Make stored tables what is declared, as workers do at their start.

    Only nullable columns are ever added, and what the table and its columns lack of description
    and comments: no stored file is written again, and older versions of the pipeline go on beside
    it. Workers at their start add columns alone. What others have written as a comment stays. A
    table that differs in another way is left as it is.

    Args:
        pipeline: The pipeline.
        names: Tables; all that exist if none is named.
        dry_run: Change nothing.

    Returns:
        What was changed of each table, or would be, or why it cannot be.

    Raises:
        TableError: A table is not declared, or was named and does not exist.
    """
    store = pipeline.table_store
    wanted = [store.spec(name).name for name in names or sorted(store.specs)]

    def migrate(name: str) -> MigratedTable | None:
        if not names and not store.exists(name):
            return None
        found = store.change(name)
        if found.added and not dry_run:
            store.check(name)
        lacking = Unexplained() if found.refused else store.unexplained(name)
        if lacking and not dry_run:
            store.explain(name)
        return MigratedTable(
            table=name,
            added=found.added,
            foreign=found.foreign,
            commented=lacking.columns,
            described=not lacking.described,
            error=found.refused,
        )

    done = [await asyncio.to_thread(migrate, name) for name in wanted]
    return [each for each in done if each is not None]
