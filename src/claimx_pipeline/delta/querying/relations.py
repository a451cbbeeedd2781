"""Which tables a statement reads."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from claimx_pipeline.delta.querying.sql import name
from claimx_pipeline.errors import UsageError

_SCHEMAS = ("", "public", "datafusion.public")
"""How the engine's own schema, in which the tables are, can be written before a table."""


def relations(statement: exp.Expr) -> list[str]:
    """Return the tables that *statement* reads, the names of its ``WITH`` left out.

    Raises:
        UsageError: It reads a table function, or a table of another schema.
    """
    found = [table_name(table) for table in _tables(statement) if not _in_with(table)]
    return list(dict.fromkeys(found))


def table_name(table: exp.Table) -> str:
    """Return the name of *table* as the engine takes it.

    Raises:
        UsageError: It is a table of another schema.
    """
    *schema, last = (name(part.name, quoted=bool(part.args.get("quoted"))) for part in table.parts)
    if ".".join(schema) not in _SCHEMAS:
        raise UsageError(f"write the table after {'.'.join(schema)}. without what precedes it")
    return last


def _tables(statement: exp.Expr) -> list[exp.Table]:
    found = list(statement.find_all(exp.Table, exp.Lateral, bfs=False))
    for table in found:
        function = table.this
        if isinstance(function, exp.Func) and not isinstance(function, exp.Unnest):
            known = not isinstance(function, exp.Anonymous)
            called = function.sql_name().lower() if known else function.name
            raise UsageError(f"a query reads declared tables only, not {called}(…)")
    return [table for table in found if isinstance(table, exp.Table)]


def _in_with(table: exp.Table) -> bool:
    """Return whether *table* is a name of a ``WITH`` that is visible where it is read."""
    if len(table.parts) > 1:
        return False
    wanted = table_name(table)
    child: exp.Expr = table
    while (node := child.parent) is not None:
        visible: Sequence[exp.CTE] = ()
        if isinstance(node, exp.With):
            visible = _before(child, node)
        elif isinstance(node, exp.Query) and not isinstance(child, exp.With):
            visible = node.ctes
        if any(_alias(cte) == wanted for cte in visible):
            return True
        child = node
    return False


def _before(cte: exp.Expr, within: exp.With) -> Sequence[exp.CTE]:
    """Return what *cte* can read by name: those before it, and itself if it is recursive."""
    at = next(n for n, other in enumerate(within.expressions) if other is cte)
    return within.expressions[: at + 1 if within.args.get("recursive") else at]


def _alias(cte: exp.CTE) -> str:
    alias = cte.args["alias"].this
    return name(alias.name, quoted=alias.args.get("quoted"))
