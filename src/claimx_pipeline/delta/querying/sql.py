"""SQL cut into tokens: enough to see what a statement does and to rewrite a call."""

from __future__ import annotations

import re
from collections.abc import Sequence

from attrs import frozen

from claimx_pipeline.errors import UsageError

_TOKEN = re.compile(
    r"""
      (?P<space>\s+|--[^\n]*)
    | (?P<comment>/\*)
    | (?P<text>(?:[eE](?=')(?P<escaped>'(?:[^'\\]|\\.|'')*')|[nNxXbB]?'(?:[^']|'')*'))
    | (?P<dollar>\$(?P<tag>\w*)\$.*?\$(?P=tag)\$)
    | (?P<quoted>"(?:[^"]|"")*"|`[^`]*`)
    | (?P<word>[^\W\d]\w*)
    | (?P<number>\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+)
    | (?P<parameter>(?<!:):(?=[^\W\d])\w+)
    | (?P<sign>::|.)
    """,
    re.VERBOSE | re.DOTALL,
)


@frozen
class Token:
    """One token, and where it stands in the statement."""

    kind: str
    """``word, quoted, text, number, parameter, sign``; a dollar-quoted text is ``text``."""
    text: str
    start: int
    end: int

    def says(self, *words: str) -> bool:
        """Return whether this is one of the *words*, which are in upper case."""
        return self.kind == "word" and self.text.upper() in words

    @property
    def name(self) -> str:
        """The identifier: a bare word counts in lower case, as the engine takes it."""
        if self.kind == "quoted":
            mark = self.text[0]
            return self.text[1:-1].replace(mark * 2, mark)
        return self.text.lower()


def tokens(sql: str) -> list[Token]:
    """Return the tokens of *sql* without white space and comments.

    Raises:
        UsageError: A comment or a text is not closed.
    """
    found: list[Token] = []
    at = 0
    while at < len(sql):
        match = _TOKEN.match(sql, at)
        if match is None:  # cannot be: the last alternative takes any character
            raise UsageError(f"the query cannot be read from character {at} on")
        kind = next(name for name in _KINDS if match.group(name) is not None)
        end = _comment_end(sql, at) if kind == "comment" else match.end()
        if kind == "sign" and match.group() in {"'", '"', "`"}:
            raise UsageError(f"a {match.group()} is not closed in the query")
        if kind not in {"space", "comment"}:
            found.append(Token("text" if kind == "dollar" else kind, sql[at:end], at, end))
        at = end
    return found


_KINDS = ("space", "comment", "text", "dollar", "quoted", "word", "number", "parameter", "sign")


def _comment_end(sql: str, start: int) -> int:
    depth = 0
    for match in re.compile(r"/\*|\*/").finditer(sql, start):
        depth += 1 if match.group() == "/*" else -1
        if depth == 0:
            return match.end()
    raise UsageError("a comment is not closed in the query")


def closing(found: Sequence[Token], opening: int) -> int:
    """Return the position of the token that closes the parenthesis at *opening*.

    Raises:
        UsageError: Nothing closes it.
    """
    depth = 0
    for position in range(opening, len(found)):
        if found[position].text == "(" and found[position].kind == "sign":
            depth += 1
        elif found[position].text == ")" and found[position].kind == "sign":
            depth -= 1
            if depth == 0:
                return position
    raise UsageError("a parenthesis is not closed in the query")


def arguments(found: Sequence[Token], opening: int) -> list[tuple[int, int]]:
    """Return first and past-last token of each argument of the call opened at *opening*."""
    end = closing(found, opening)
    parts: list[tuple[int, int]] = []
    start, depth = opening + 1, 0
    for position in range(opening + 1, end):
        if found[position].kind != "sign":
            continue
        if found[position].text in "([{":
            depth += 1
        elif found[position].text in ")]}":
            depth -= 1
        elif found[position].text == "," and depth == 0:
            parts.append((start, position))
            start = position + 1
    return [*parts, (start, end)] if end > opening + 1 else []
