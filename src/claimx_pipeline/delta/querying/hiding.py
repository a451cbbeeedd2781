"""Tables for a query in which some columns cannot be seen, whatever the query does with them."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Iterable

from deltalake import QueryBuilder

from claimx_pipeline.delta.querying.reading import literal, names
from claimx_pipeline.delta.store import TableStore

HIDDEN = "•••"

HiddenColumns = Callable[[Iterable[str]], Collection[str]]
"""Gets the columns of a table and returns those that are to be hidden."""


Hidden = HiddenColumns | None
"""None for none."""


def register(
    builder: QueryBuilder, table: str, store: TableStore, hidden: HiddenColumns | None
) -> None:
    """Make *table* known to *builder*, its hidden columns as text that says nothing.

    A view has the table's name, and the table itself one that no query can know. So an alias, a
    condition, a join or ``UNION`` over the table sees what the view shows.
    """
    opened = store.open(table)
    columns = [field.name for field in opened.schema().fields]
    secret = frozenset(hidden(columns)) if hidden is not None else frozenset()
    if not secret:
        builder.register(table, opened)
        return
    behind = f"t{secrets.token_hex(16)}"
    builder.register(behind, opened)
    shown = ", ".join(_shown(column, hide=column in secret) for column in columns)
    builder.execute(
        f"CREATE VIEW {names([table])} AS SELECT {shown} FROM {names([behind])}"  # noqa: S608 - names are quoted
    ).read_all()


def _shown(column: str, *, hide: bool) -> str:
    name = names([column])
    if not hide:
        return name
    return f"CASE WHEN {name} IS NULL THEN NULL ELSE {literal(HIDDEN)} END AS {name}"
