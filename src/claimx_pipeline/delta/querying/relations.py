"""Which tables a statement reads."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import define

from claimx_pipeline.delta.querying.sql import Token, closing
from claimx_pipeline.errors import UsageError

_INSIDE_CALLS = frozenset({"extract", "substring", "trim", "overlay", "position"})
"""Calls with a FROM of their own: ``extract(hour FROM at)``."""
_AFTER_FROM = (
    "WHERE", "GROUP", "HAVING", "ORDER", "LIMIT", "OFFSET", "FETCH", "WINDOW", "QUALIFY",
    "UNION", "EXCEPT", "INTERSECT",
)  # fmt: skip
_SUBQUERY = ("SELECT", "WITH", "VALUES")


@define
class _Level:
    """What a pair of parentheses holds."""

    call: str = ""
    """Name of the function whose arguments these are."""
    in_from: bool = False
    """A comma is followed by another table."""


@define
class _Walk:
    """Goes through the tokens and collects what stands where a table must."""

    found: Sequence[Token]
    levels: list[_Level]
    names: list[str]
    expects: bool = False
    """The next token is a table."""

    def run(self) -> None:
        for position, token in enumerate(self.found):
            if self.expects and not token.says("LATERAL"):
                self._relation(position, token)
            elif token.kind == "sign":
                self._sign(position, token)
            elif token.says("FROM") and self._begins_tables(position):
                self.levels[-1].in_from = self.expects = True
            elif token.says("JOIN"):
                self.expects = True
            elif token.says(*_AFTER_FROM):
                self.levels[-1].in_from = False

    def _relation(self, position: int, token: Token) -> None:
        after = self._text(position + 1)
        self.expects = False
        if token.text == "(" and token.kind == "sign":
            following = self.found[position + 1] if after else token
            self.expects = not following.says(*_SUBQUERY) and following.text != "("
            self.levels.append(_Level(in_from=self.expects))
        elif token.kind not in {"word", "quoted"}:
            raise UsageError(f"{token.text} is no table; a query reads declared tables only")
        elif after == "(" and not token.says("UNNEST"):
            raise UsageError(f"a query reads declared tables only, not {token.text}(…)")
        elif after == ".":
            raise UsageError(f"write the table after {token.text}. without what precedes it")
        elif after != "(":
            self.names.append(token.name)

    def _sign(self, position: int, token: Token) -> None:
        if token.text == "(":
            before = self.found[position - 1] if position else token
            self.levels.append(_Level(before.name if before.kind == "word" else ""))
        elif token.text == ")" and len(self.levels) > 1:
            self.levels.pop()
        elif token.text == "," and self.levels[-1].in_from:
            self.expects = True

    def _begins_tables(self, position: int) -> bool:
        if self.levels[-1].call in _INSIDE_CALLS:
            return False
        # a IS DISTINCT FROM b
        before = self.found[position - 1] if position else self.found[position]
        return not before.says("DISTINCT")

    def _text(self, position: int) -> str:
        return self.found[position].text if position < len(self.found) else ""


def relations(found: Sequence[Token]) -> list[str]:
    """Return the names that stand where tables do, those of ``WITH`` left out.

    Raises:
        UsageError: A file, a table function or a qualified name stands there.
    """
    walk = _Walk(found, [_Level()], [])
    walk.run()
    named = _named_in_with(found)
    return [name for name in dict.fromkeys(walk.names) if name not in named]


def _named_in_with(found: Sequence[Token]) -> set[str]:
    """Return names followed by ``AS (`` or ``(columns) AS (``: those of ``WITH``."""
    names = set()
    for position, token in enumerate(found[:-2]):
        if token.kind not in {"word", "quoted"}:
            continue
        at = position + 1
        if found[at].text == "(":
            at = closing(found, at) + 1
        if at + 1 < len(found) and found[at].says("AS") and found[at + 1].text == "(":
            names.add(token.name)
    return names
