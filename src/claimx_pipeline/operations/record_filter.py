"""Selects records by what is in them: conditions on dotted paths, as ``--where`` takes them.

A path leads into the record's JSON value (``data.projectId``, also through lists), to a header
(``headers.NAME``), or to ``key``, ``partition``, ``offset`` or ``timestamp``. ``value.`` before a
path means the value also where it has one of those names. A path that leads nowhere in a record
does not match it, whatever the operator is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, cast, get_args

import msgspec
from attrs import frozen

from claimx_pipeline.broker.protocol import Record
from claimx_pipeline.errors import UsageError

Operator = Literal["=", "!=", "~", "<=", ">=", "<", ">"]
_WRITTEN = re.compile(r"(?s)([^=!~<>]+)(!=|<=|>=|=|~|<|>)(.*)")
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?")
_MOST_DIGITS = 300
_VALUE, _HEADERS = "value.", "headers."
_FACTS = ("key", "partition", "offset", "timestamp")
_WORDS = {True: "true", False: "false", None: "null"}


@frozen
class Condition:
    """One comparison; it holds if it holds for any of the values that its path leads to."""

    path: str
    """Dotted path of what is compared."""
    operator: Operator
    """How it is compared."""
    wanted: str
    """What it is compared with."""

    @classmethod
    def parse(cls, text: str) -> Condition:
        """Return the condition written as ``PATH OPERATOR TEXT``, such as ``data.projectId=7``.

        Raises:
            UsageError: It is not written so.
        """
        found = _WRITTEN.fullmatch(text)
        path = found[1].strip() if found else ""
        if not found or not path or path in (_VALUE, _HEADERS):
            raise UsageError(
                f"{text!r} is not a valid condition; write PATH=TEXT, as data.projectId=700100, or "
                f"with another of {' '.join(get_args(Operator))} in place of '='"
            )
        return cls(path, cast(Operator, found[2]), found[3].strip())

    def __str__(self) -> str:
        return f"{self.path}{self.operator}{self.wanted}"

    def matches(self, record: Record, value: Callable[[], Any]) -> bool:
        """Return whether it holds for *record*; *value* returns its JSON value when asked."""
        return any(self.holds(each) for each in self._found(record, value))

    def holds(self, found: Any) -> bool:
        """Return whether it holds for one value: numbers as numbers, all else as text."""
        if isinstance(found, (Mapping, list)):
            return False
        text = _text(found)
        if self.operator == "~":
            return self.wanted in text
        left: Any = _number(text)
        right: Any = _number(self.wanted)
        if left is None or right is None:
            left, right = text, self.wanted
        return _COMPARE[self.operator](left, right)

    def _found(self, record: Record, value: Callable[[], Any]) -> Iterator[Any]:
        if self.path in _FACTS:
            fact = getattr(record, self.path)
            if fact is not None:
                yield fact
            return
        if self.path.startswith(_HEADERS):
            name = self.path.removeprefix(_HEADERS)
            yield from (found for known, found in record.headers if known == name)
            return
        content = value()
        yield from values_at(content, self.path)
        if self.path.startswith(_VALUE):
            yield from values_at(content, self.path.removeprefix(_VALUE))


@frozen
class RecordFilter:
    """Conditions that must all hold; without any, every record matches."""

    conditions: Sequence[Condition] = ()
    """All of them have to hold."""

    @classmethod
    def parse(cls, texts: Iterable[str]) -> RecordFilter:
        """Return the filter of conditions as people write them.

        Raises:
            UsageError: One of them is not a valid condition.
        """
        if isinstance(texts, str):
            texts = [texts]
        return cls(tuple(Condition.parse(text) for text in texts))

    def matches(self, record: Record) -> bool:
        """Return whether every condition holds for *record*."""
        if not self.conditions:
            return True
        decoded: list[Any] = []

        def value() -> Any:
            if not decoded:
                decoded.append(json_value(record.value))
            return decoded[0]

        return all(each.matches(record, value) for each in self.conditions)


def values_at(value: Any, path: str) -> Iterator[Any]:
    """Yield what *path* leads to in a JSON value; nothing if it leads nowhere.

    A list is passed through, by each of its elements or by a number in the path. A name may
    itself have dots in it.
    """
    if not path:
        yield value
    elif isinstance(value, Mapping):
        for name, rest in _splits(path):
            if name in value:
                yield from values_at(value[name], rest)
    elif isinstance(value, list):
        name, _, rest = path.partition(".")
        if name.isascii() and name.isdigit():
            yield from values_at(value[int(name)], rest) if int(name) < len(value) else ()
        else:
            for each in value:
                yield from values_at(each, path)


def json_value(content: bytes | None) -> Any:
    """Return the JSON value in *content*; None if it is not JSON."""
    try:
        return msgspec.json.decode(content or b"")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _splits(path: str) -> Iterator[tuple[str, str]]:
    parts = path.split(".")
    for count in range(1, len(parts) + 1):
        yield ".".join(parts[:count]), ".".join(parts[count:])


def _text(found: Any) -> str:
    if isinstance(found, bytes):
        return found.decode("utf-8", "replace")
    if found is None or isinstance(found, bool):
        return _WORDS[found]
    return found if isinstance(found, str) else str(found)


def _number(text: str) -> int | float | None:
    if len(text) > _MOST_DIGITS or not (found := _NUMBER.fullmatch(text)):
        return None
    return float(text) if found[1] or found[2] else int(text)


_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": lambda left, right: left == right,
    "!=": lambda left, right: left != right,
    "<": lambda left, right: left < right,
    ">": lambda left, right: left > right,
    "<=": lambda left, right: left <= right,
    ">=": lambda left, right: left >= right,
}
