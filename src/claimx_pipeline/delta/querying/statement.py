"""What may run: one statement, and it only reads.

Two locks, as the engine would also copy results into files, create tables and change its
settings. The first is the statement's first word and its syntax tree; the second is a
list of words that write, for what sqlglot reads otherwise than the engine.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from attrs import frozen
from sqlglot import Token, TokenType, exp

from claimx_pipeline.delta.querying.sql import parameters, tokens, tree, where, words
from claimx_pipeline.errors import UsageError

_MOST_DIGITS = 18
_READS = ("SELECT", "WITH")
_EXPLAIN_OPTIONS = ("ANALYZE", "VERBOSE")
_WRITES = frozenset(
    {
        "ALTER", "COPY", "CREATE", "DELETE", "DROP", "EXECUTE", "INSERT", "INTO",
        "MERGE", "PREPARE", "RESET", "SET", "TRUNCATE", "UPDATE", "USE", "VACUUM",
    }
)  # fmt: skip
"""No statement that reads needs one of these outside quotes; as a column, quote it."""


@frozen
class Statement:
    """One statement that only reads."""

    tokens: Sequence[Token]
    """Without a closing semicolon."""
    tree: exp.Expr | None
    """What is run, explained or described; None if sqlglot cannot read it."""

    def limit(self) -> int | None:
        """Return the number after the statement's own LIMIT, None if there is none."""
        if _says(self.tokens, "EXPLAIN"):
            return None
        number = self.tokens[-1].text if _says(self.tokens[-2:], "LIMIT") else ""
        if self.tree is not None:
            node = self.tree
            while isinstance(node, exp.Subquery) and not node.args.get("limit"):
                node = node.this
            limit = node.args.get("limit")
            value = limit.expression if isinstance(limit, exp.Limit) else None
            number = value.name if isinstance(value, exp.Literal) else ""
        # One of thousands of digits limits nothing, and Python would refuse to read it.
        return int(number) if number.isdecimal() and len(number) <= _MOST_DIGITS else None


def checked(sql: str) -> Statement:
    """Return *sql*, read.

    Raises:
        UsageError: It is not exactly one statement that reads tables, or has parameters.
    """
    if not isinstance(sql, str):
        raise UsageError(f"a query is text, and not {sql!r}; give the SQL of one SELECT")
    found = tokens(sql)
    while found and found[-1].token_type == TokenType.SEMICOLON:
        found.pop()
    if not found:
        raise UsageError("the query is empty")
    if any(token.token_type == TokenType.SEMICOLON for token in found):
        raise UsageError("a query is one statement; leave out what follows the semicolon")
    run = _after_explain(found)
    read = tree(run, sql)
    if _says(found, "DESCRIBE", "DESC"):
        _check_described(found, read)
    else:
        _check_reads(run, read)
    for word in itertools.chain.from_iterable(map(words, found)):
        if word in _WRITES:
            raise UsageError(
                f"a query only reads, {word} is not allowed;"
                f' a column of that name is written "{word.lower()}"'
            )
    for parameter, start, _ in parameters(found):
        raise UsageError(
            f":{parameter} has no value; only named queries have parameters: {where(sql, start)}"
        )
    return Statement(found, read)


def _after_explain(found: Sequence[Token]) -> Sequence[Token]:
    if not _says(found, "EXPLAIN"):
        return found
    rest = list(found[1:])
    while _says(rest, *_EXPLAIN_OPTIONS):
        rest.pop(0)
    return rest[2:] if _says(rest, "FORMAT") else rest


def _check_described(found: Sequence[Token], read: exp.Expr | None) -> None:
    table = read.this if isinstance(read, exp.Describe) else None
    # Nothing but the table's name: the dots of a qualified one are tokens too.
    if not isinstance(table, exp.Table) or len(found) != 2 * len(table.parts):
        raise UsageError("DESCRIBE takes the name of one table")


def _check_reads(found: Sequence[Token], read: exp.Expr | None) -> None:
    first = itertools.dropwhile(lambda token: token.token_type == TokenType.L_PAREN, found)
    if not _says(list(first), *_READS):
        raise UsageError("a query begins with SELECT, WITH, DESCRIBE or EXPLAIN SELECT")
    writes = read.find(exp.DDL, exp.DML, exp.Into, exp.Command) if read is not None else None
    if writes is not None:
        raise UsageError(f"a query only reads, {writes.key.upper()} is not allowed")


def _says(found: Sequence[Token], *wanted: str) -> bool:
    """Return whether the first word of *found* is one of *wanted*."""
    return bool(found) and words(found[0])[:1] in [[word] for word in wanted]
