"""A statement as sqlglot reads it, cut into tokens where the query engine cuts it.

The tokens decide what may run and are enough to rewrite a call; the tree says which
tables are read. The engine remains the judge of the syntax: a statement with a construct
that sqlglot does not know has no tree, and goes to the engine as it was written.

Importing this module imports sqlglot, which takes a quarter of a second: import it where
a query is run.
"""

# ruff: noqa: RUF012 - a tokenizer is declared by plain attributes

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from typing import ClassVar

import sqlglot
from sqlglot import Token, TokenType, exp
from sqlglot.errors import SqlglotError, TokenError

from claimx_pipeline.errors import UsageError

_TEMPLATE_OR_HINT = re.compile(r"[{}]|/\*")


class DataFusion(sqlglot.Dialect):
    """SQL with the quotes and comments of the query engine."""

    class Tokenizer(sqlglot.Tokenizer):
        """The tokens of the engine's generic dialect.

        A text or a comment that ends elsewhere than it does for the engine would hide
        words from the check of what a statement does.
        """

        IDENTIFIERS = ['"', "`"]
        BYTE_STRINGS = [("E'", "'"), ("e'", "'")]
        BYTE_STRING_ESCAPES = ["'", "\\"]
        HEREDOC_STRINGS = ["$"]
        HEREDOC_TAG_IS_IDENTIFIER = True
        HEREDOC_STRING_ALTERNATIVE = TokenType.PARAMETER
        SINGLE_TOKENS = {**sqlglot.Tokenizer.SINGLE_TOKENS, "$": TokenType.HEREDOC_STRING}
        VAR_SINGLE_TOKENS = {"$", "@", "#"}
        COMMENTS_TERMINATE_AT_NEWLINE_ONLY = True
        # By default the rest of a SHOW or an EXPLAIN is one text.
        COMMANDS: ClassVar[set[TokenType]] = set()
        KEYWORDS = {
            **{
                word: t
                for word, t in sqlglot.Tokenizer.KEYWORDS.items()
                if not _TEMPLATE_OR_HINT.search(word)
            },
            "~": TokenType.RLIKE,
        }


# sqlglot gives each dialect the comments of a template language, which the engine has not.
DataFusion.Tokenizer._COMMENTS.pop("{#", None)  # noqa: SLF001

_DIALECT = DataFusion()
_QUOTED = frozenset(t for t in TokenType if t.name.endswith("STRING")) | {TokenType.IDENTIFIER}
_OPERANDS = _QUOTED | {
    TokenType.NUMBER,
    TokenType.R_BRACKET,
    TokenType.R_PAREN,
    TokenType.VAR,
}
_DOLLARS = re.compile(r"\$\w*\$")
_UNREADABLE = (SqlglotError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What sqlglot's parser raises on what it does not know, through its own mistakes included."""


def tokens(sql: str) -> list[Token]:
    """Return the tokens of *sql* without white space and comments.

    Raises:
        UsageError: A text, a quoted name or a comment is not closed.
    """
    try:
        found = _DIALECT.tokenize(sql)
    except TokenError as error:
        raise _unclosed(sql, error) from error
    for token in found:
        # The engine takes alphanumeric characters between the two signs, sqlglot anything.
        dollar = token.token_type == TokenType.HEREDOC_STRING
        if dollar and not _DOLLARS.match(sql, token.start):
            raise UsageError(
                f"a text between $ signs begins with $$ or $name$: {where(sql, token.start)}"
            )
    return found


def _unclosed(sql: str, error: TokenError) -> UsageError:
    reported = re.search(r"Missing (\S+) from \d+:(\d+)", f"{error.__cause__} {error.__context__}")
    comment = sql.rfind("/*")
    if reported is not None:
        mark, offset = reported.group(1), int(reported.group(2))
    elif comment < 0 or (sql[-1] in "'\"`" and sql.count(sql[-1]) % 2):
        mark, offset = "quote", len(sql) - 1
    else:
        mark, offset = "comment", comment
    return UsageError(f"a {mark} is not closed in the query: {where(sql, offset)}")


def tree(found: Sequence[Token], sql: str) -> exp.Expr | None:
    """Return *found*, tokens of *sql*, as a syntax tree; None if sqlglot cannot read them."""
    try:
        statements = _DIALECT.parser().parse(list(found), sql)
    except _UNREADABLE:
        return None
    return statements[0] if len(statements) == 1 else None


def words(token: Token) -> list[str]:
    """Return the words of *token* in upper case, none if they are quoted.

    One token of sqlglot may hold several words, as ``ORDER BY`` does.
    """
    if token.token_type in _QUOTED:
        return []
    return re.findall(r"\w+", token.text.upper())


def name(text: str, *, quoted: bool) -> str:
    """Return the identifier as the engine takes it: bare ones count in lower case."""
    return text if quoted else text.encode().lower().decode()  # of bytes: ASCII letters alone


def parameters(found: Sequence[Token]) -> Iterator[tuple[str, int, int]]:
    """Yield the name of each ``:name``, its start and its end.

    The colons in ``at::date``, ``list[1:n]`` and ``{'a':b}`` begin none.
    """
    before: Token | None = None
    for colon, after in itertools.pairwise(found):
        is_colon = colon.token_type == TokenType.COLON and after.start == colon.end + 1
        if is_colon and words(after) == [after.text.upper()] and not after.text[0].isdigit():
            adjacent = before is not None and before.end + 1 == colon.start
            if before is None or not (adjacent and before.token_type in _OPERANDS):
                yield after.text, colon.start, after.end + 1
        before = colon


def where(sql: str, offset: int) -> str:
    """Return line and column of a position in *sql*, for the sentence of an error."""
    start_of_line = sql.rfind("\n", 0, offset) + 1
    return f"line {sql.count(chr(10), 0, offset) + 1}, column {offset - start_of_line + 1}"
