"""Questions to the tables in SQL: one statement, and it only reads them."""

from __future__ import annotations

import difflib
import re
import time
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
from attrs import frozen
from deltalake import QueryBuilder
from deltalake.exceptions import DeltaError
from sqlglot import TokenType

from claimx_pipeline.delta.faults import as_table_error, one_line
from claimx_pipeline.delta.querying.datediff import rewrite_datediff
from claimx_pipeline.delta.querying.hiding import HiddenColumns, register
from claimx_pipeline.delta.querying.reading import plain_table
from claimx_pipeline.delta.querying.relations import relations
from claimx_pipeline.delta.querying.sql import name, where
from claimx_pipeline.delta.querying.statement import Statement, checked
from claimx_pipeline.delta.store import TableStore
from claimx_pipeline.errors import UsageError

_ENGINE = {"datafusion.sql_parser.enable_ident_normalization": "true"}
"""Bare names count in lower case, as in any other SQL; deltalake has that switched off."""
_SYNTAX = re.compile(
    r'(?:Parser|Tokenizer)Error\("(.+?)\.?(?: at Line: (\d+), Column: (\d+))?"\)', re.DOTALL
)
_NO_TABLE = re.compile(r"table '(?:datafusion\.public\.)?(.+?)' not found")
_NO_FIELD = re.compile(r"No field named (\S+?)\.?(?:\s|$)")


@frozen(kw_only=True)
class AnswerLimits:
    """How much an answer may be; what is more is refused, never cut."""

    rows: int
    """Rows at most."""
    bytes: int
    """Bytes at most, as Arrow holds them."""
    seconds: float
    """Looked at after every piece of the answer, a few thousand rows each."""


Limits = AnswerLimits | None
"""None for any size."""


def run_query(
    store: TableStore,
    sql: str,
    limits: AnswerLimits | None = None,
    hidden: HiddenColumns | None = None,
) -> pa.Table:
    """Return the answer to *sql*, one statement that reads tables of *store*.

    Blocks; ``DATEDIFF(unit, start, end)`` and ``DATEDIFF(end, start)`` are understood.

    Args:
        store: The tables.
        sql: The statement.
        limits: How much the answer may be; None for any size.
        hidden: Which columns are read as dots, in conditions and expressions too; None for none.

    Raises:
        UsageError: The statement does more than read tables, cannot be run, or answers more
            than *limits* allow.
        TableError: A table it names has not been created.
    """
    statement = checked(sql)
    names = _tables(statement, store)
    runnable = rewrite_datediff(sql)
    builder = QueryBuilder(_ENGINE)
    for table in names:
        with as_table_error(table, f"cannot be read at {store.location(table).uri}"):
            register(builder, table, store, hidden)
    try:
        reader = builder.execute(runnable)
        answer = pa.table(reader.read_all()) if limits is None else _bounded(reader, limits)
    except (KeyboardInterrupt, SystemExit, GeneratorExit, UsageError):
        raise
    except BaseException as error:
        # The engine raises DeltaError, OSError, ValueError and bare exceptions, and panics.
        if _SYNTAX.search(str(error)):
            raise _syntax_error(error, sql, runnable) from error
        raise _explained(error, names, store) from error
    answer = plain_table(answer)
    # The engine forgets a limit when a query reads partition columns alone; nothing can be
    # done about that in a subquery, but the answer is cut here.
    return answer.slice(0, statement.limit())


def _bounded(reader: Any, limits: AnswerLimits) -> pa.Table:
    """Return the answer in *reader*, read piece by piece.

    Raises:
        UsageError: It is more than *limits* allow.
    """
    began, pieces, rows, size = time.monotonic(), [], 0, 0
    schema = pa.schema(reader.schema)
    for batch in reader:
        piece = pa.record_batch(batch)
        rows, size = rows + piece.num_rows, size + piece.nbytes
        if rows > limits.rows or size > limits.bytes:
            raise UsageError(
                f"the answer is more than {limits.rows} rows or {limits.bytes} bytes; ask for "
                "less, with a condition, fewer columns or a LIMIT"
            )
        if time.monotonic() - began > limits.seconds:
            raise UsageError(f"the query took longer than {limits.seconds:g} s; ask for less")
        pieces.append(piece)
    return pa.Table.from_batches(pieces, schema)


def _tables(statement: Statement, store: TableStore) -> list[str]:
    if statement.tree is None:  # Whatever may be one; the engine reports what it then misses.
        mentioned = dict.fromkeys(
            name(token.text, quoted=token.token_type == TokenType.IDENTIFIER)
            for token in statement.tokens
        )
        return [table for table in mentioned if table in store.specs]
    names = relations(statement.tree)
    for table in names:
        if table not in store.specs:
            raise _unknown_table(table, store)
    return names


def _unknown_table(table: str, store: TableStore) -> UsageError:
    near = difflib.get_close_matches(table, store.specs, 1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return UsageError(
        f"there is no table {table!r}; {hint}tables are {', '.join(sorted(store.specs))}"
    )


def _syntax_error(error: BaseException, sql: str, runnable: str) -> UsageError:
    """Return what the engine finds wrong with *sql*, with line and column as it was typed."""
    found = _SYNTAX.search(str(error))
    if runnable != sql:
        try:  # The engine reads a whole statement before it runs any of it.
            QueryBuilder(_ENGINE).execute(sql)
        except DeltaError as typed:
            found = _SYNTAX.search(str(typed)) or found
    if found is None:
        raise ValueError("not an error of the syntax") from error
    reason, line, column = found.groups()
    position = f"line {line}, column {column}" if line else where(sql, len(sql.rstrip()))
    reason = reason.replace('\\"', '"').replace("found: EOF", "found the end of the query")
    reason = reason.replace("Expected: ", "expected ").replace(", found: ", ", found ")
    return UsageError(f"the query is not valid SQL at {position}: {reason}")


def _explained(error: BaseException, names: Sequence[str], store: TableStore) -> UsageError:
    missing = _NO_TABLE.search(str(error))
    if missing is not None:
        return _unknown_table(missing.group(1), store)
    match = _NO_FIELD.search(str(error))
    if match is None:
        return UsageError(f"the query cannot be run: {one_line(error)}")
    wrong = match.group(1).replace('"', "")
    columns = {c.name: table for table in names for c in store.spec(table).stored_columns()}
    near = difflib.get_close_matches(wrong.rpartition(".")[2], columns, 1)
    hint = f"did you mean {near[0]!r} of {columns[near[0]]}? " if near else ""
    return UsageError(
        f"there is no column {wrong!r}; {hint}'DESCRIBE table' shows the columns of a table"
    )
