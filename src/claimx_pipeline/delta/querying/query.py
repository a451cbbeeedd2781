"""Questions to the tables in SQL: one statement, and it only reads them.

The engine itself would also copy results into files, create tables and change its
settings; what may run is therefore decided here, before it sees the statement.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence

import pyarrow as pa
from deltalake import QueryBuilder
from deltalake.exceptions import DeltaError

from claimx_pipeline.delta.faults import first_line
from claimx_pipeline.delta.querying.datediff import rewrite_datediff
from claimx_pipeline.delta.querying.reading import plain
from claimx_pipeline.delta.querying.relations import relations
from claimx_pipeline.delta.querying.sql import Token, tokens
from claimx_pipeline.delta.store import TableStore
from claimx_pipeline.errors import UsageError

_READS = ("SELECT", "WITH")
_ENGINE = {"datafusion.sql_parser.enable_ident_normalization": "true"}
"""Bare names count in lower case, as in any other SQL; deltalake has that switched off."""
_EXPLAIN_OPTIONS = ("ANALYZE", "VERBOSE")
_WRITES = frozenset(
    {
        "ALTER", "COPY", "CREATE", "DELETE", "DROP", "EXECUTE", "INSERT", "INTO",
        "MERGE", "PREPARE", "RESET", "SET", "TRUNCATE", "UPDATE", "USE", "VACUUM",
    }
)  # fmt: skip
"""No statement that reads needs one of these outside quotes; as a column, quote it."""
_NO_FIELD = re.compile(r"No field named (\S+?)\.?(?:\s|$)")


def run_query(store: TableStore, sql: str) -> pa.Table:
    """Return the answer to *sql*, one statement that reads tables of *store*.

    Blocks; ``DATEDIFF(unit, start, end)`` is understood.

    Raises:
        UsageError: The statement does more than read tables, or cannot be run.
        TableError: A table it names has not been created.
    """
    statement = checked(sql)
    found = tokens(statement)
    names = _tables(found, store)
    builder = QueryBuilder(_ENGINE)
    for name in names:
        builder.register(name, store.open(name))
    try:
        answer = pa.table(builder.execute(rewrite_datediff(statement)).read_all())
    except (DeltaError, OSError) as error:
        raise _explained(error, names, store) from error
    answer = answer.cast(pa.schema([plain(column) for column in answer.schema]))
    return answer.slice(0, _limit(found))


def _limit(found: Sequence[Token]) -> int | None:
    """Return the number after the statement's own LIMIT.

    The engine forgets a limit when a query reads partition columns alone; nothing can
    be done about that in a subquery, but the answer is cut here.
    """
    depth = 0
    for position in range(len(found) - 1, 0, -1):
        depth += {")": 1, "(": -1}.get(found[position].text, 0)
        before = found[position - 1]
        if depth == 0 and before.says("LIMIT") and found[position].kind == "number":
            return int(found[position].text)
    return None


def checked(sql: str) -> str:
    """Return *sql* without a closing semicolon.

    Raises:
        UsageError: It is not exactly one statement that reads declared tables.
    """
    found = tokens(sql)
    while found and found[-1].text == ";":
        found.pop()
    if not found:
        raise UsageError("the query is empty")
    if any(token.kind == "sign" and token.text == ";" for token in found):
        raise UsageError("a query is one statement; leave out what follows the semicolon")
    _check_start(found)
    for token in found:
        if token.kind == "word" and token.text.upper() in _WRITES:
            raise UsageError(
                f"a query only reads, {token.text.upper()} is not allowed;"
                f' a column of that name is written "{token.text}"'
            )
        if token.kind == "parameter":
            raise UsageError(f"{token.text} has no value; only named queries have parameters")
    return sql[: found[-1].end]


def _check_start(found: Sequence[Token]) -> None:
    rest = list(found)
    if rest[0].says("EXPLAIN"):
        rest.pop(0)
        while rest and rest[0].says(*_EXPLAIN_OPTIONS):
            rest.pop(0)
    elif rest[0].says("DESCRIBE", "DESC"):
        if len(rest) == 2 and rest[1].kind in {"word", "quoted"}:  # noqa: PLR2004 - keyword, table
            return
        raise UsageError("DESCRIBE takes the name of one table")
    while rest and rest[0].text == "(":
        rest.pop(0)
    if not rest or not rest[0].says(*_READS):
        raise UsageError("a query begins with SELECT, WITH, DESCRIBE or EXPLAIN SELECT")


def _tables(found: Sequence[Token], store: TableStore) -> list[str]:
    described = found[0].says("DESCRIBE", "DESC")
    names = [found[1].name] if described else relations(found)
    for name in names:
        if name not in store.specs:
            near = difflib.get_close_matches(name, store.specs, 1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            raise UsageError(
                f"there is no table {name!r}; {hint}tables are {', '.join(sorted(store.specs))}"
            )
    return names


def _explained(error: Exception, names: Sequence[str], store: TableStore) -> UsageError:
    match = _NO_FIELD.search(str(error))
    if match is None:
        return UsageError(f"the query cannot be run: {first_line(error)}")
    wrong = match.group(1).replace('"', "")
    columns = {c.name: name for name in names for c in store.spec(name).stored_columns()}
    near = difflib.get_close_matches(wrong.rpartition(".")[2], columns, 1)
    hint = f"did you mean {near[0]!r} of {columns[near[0]]}? " if near else ""
    return UsageError(
        f"there is no column {wrong!r}; {hint}'DESCRIBE table' shows the columns of a table"
    )
