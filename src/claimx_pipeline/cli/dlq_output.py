"""How dead letters are shown: in groups of one cause, one by one, as lines of a file."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec
from attrs import define, field

from claimx_pipeline.runtime.dead_letters.fingerprint import pattern
from claimx_pipeline.runtime.dead_letters.letter import PREFIX
from claimx_pipeline.runtime.dead_letters.reader import FoundLetter

COLUMNS = ["fingerprint", "count", "worker", "category", "first", "last", "error", "newest"]
FOREIGN = "a record without the headers of a dead letter; somebody else wrote it there"
HEX_BYTES = 1024
"""Of a value that is no text, this much is shown; ``export`` has it all."""


@define
class LetterGroup:
    """Letters of one fingerprint."""

    newest: FoundLetter
    count: int = 0
    first: datetime = field(init=False)
    topics: dict[str, None] = field(init=False, factory=dict)
    """In the order they were met."""

    def __attrs_post_init__(self) -> None:
        self.first = self.newest.died

    def add(self, letter: FoundLetter) -> None:
        """Count *letter*."""
        self.count += 1
        self.first = min(self.first, letter.died)
        self.topics[letter.place.topic] = None
        if letter.died >= self.newest.died:
            self.newest = letter

    def row(self) -> dict[str, Any]:
        """Return what ``dlq list`` says of the group."""
        told = self.newest.told
        return {
            "fingerprint": self.newest.fingerprint,
            "count": self.count,
            "worker": told.worker if told else "",
            "kind": told.kind if told else "",
            "plugin": told.plugin if told else "",
            "category": told.category if told else "",
            "error_type": told.error_type if told else "",
            "error": pattern(told.error) if told else FOREIGN,
            "topics": list(self.topics),
            "first": self.first.isoformat(),
            "last": self.newest.died.isoformat(),
            "newest": str(self.newest.place),
        }


@define
class LetterGroups:
    """Letters by fingerprint; holds one of each."""

    _found: dict[str, LetterGroup] = field(init=False, factory=dict)

    def add(self, letters: Iterable[FoundLetter]) -> None:
        """Count *letters*."""
        for letter in letters:
            self._found.setdefault(letter.fingerprint, LetterGroup(letter)).add(letter)

    @property
    def count(self) -> int:
        """How many letters there are in all."""
        return sum(group.count for group in self._found.values())

    def rows(self) -> list[dict[str, Any]]:
        """Return a row per group, the largest first."""
        groups = sorted(self._found.values(), key=lambda group: -group.count)
        return [group.row() for group in groups]


def readable(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return *rows* of groups as people want them: short times, plugins beside workers."""
    return [
        {
            **row,
            "worker": f"{row['worker']} ({row['plugin']})" if row["plugin"] else row["worker"],
            "error": ": ".join(filter(None, (row["error_type"], row["error"]))),
            "first": row["first"][:19],
            "last": row["last"][:19],
        }
        for row in rows
    ]


def facts(letter: FoundLetter, value: bytes | None, missing: str = "") -> dict[str, Any]:
    """Return everything about *letter*; bytes that are no text are base64.

    Args:
        letter: The letter.
        value: Its value, wherever it lies.
        missing: Why the value cannot be had, if it cannot.
    """
    told = letter.told
    text, encoding = _text(value)
    key, key_encoding = _text(letter.record.key)
    known = {
        name: getattr(told, name, None)
        for name in ("group", "worker", "kind", "plugin", "category", "error_type", "error")
    }
    return {
        "letter": str(letter.place),
        "fingerprint": letter.fingerprint,
        "replayed_at": letter.replayed_at,
        "origin": str(told.origin) if told else None,
        **known,
        "attempts": told.attempts if told else None,
        "first_failed": told.first_failed if told else None,
        "last_failed": told.last_failed if told else None,
        "traceback": told.traceback if told else None,
        "headers": [
            {"name": name, "value": shown, "encoding": kind}
            for name, content in letter.record.headers
            if not name.startswith(PREFIX) or told is None
            for shown, kind in (_text(content),)
        ],
        "key": key,
        "key_encoding": key_encoding,
        "value": text,
        "value_encoding": encoding,
        "value_missing": missing or None,
    }


def described(letter: FoundLetter, value: bytes | None, missing: str = "") -> str:
    """Return everything about *letter* as people read it."""
    known = facts(letter, value)
    lines = [
        f"{name.replace('_', ' '):<13} {known[name]}"
        for name in (
            *("letter", "origin", "worker", "group", "kind", "plugin", "category", "attempts"),
            *("first_failed", "last_failed", "replayed_at", "fingerprint", "key"),
        )
        if known[name]
    ]
    error = f"{known['error_type']}: {known['error']}" if letter.told else FOREIGN
    lines += ["", error]
    if known["traceback"]:
        lines += ["", known["traceback"].rstrip()]
    if known["headers"]:
        lines += ["", "headers"]
        lines += [f"  {header['name']}: {header['value']}" for header in known["headers"]]
    return "\n".join([*lines, "", "value", missing or _pretty(value)])


def _text(content: bytes | None) -> tuple[str | None, str | None]:
    if content is None:
        return None, None
    try:
        return content.decode(), "utf-8"
    except UnicodeDecodeError:
        return base64.b64encode(content).decode(), "base64"


def _pretty(value: bytes | None) -> str:
    if value is None:
        return "(none: a tombstone)"
    try:
        msgspec.json.decode(value)
        # The text itself is laid out anew, so no number and no doubled key is changed.
        return msgspec.json.format(value, indent=2).decode()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    try:
        return value.decode() or "(empty)"
    except UnicodeDecodeError:
        more = "" if len(value) <= HEX_BYTES else f"\n... {len(value)} bytes in all"
        return value[:HEX_BYTES].hex(" ", 4) + more
