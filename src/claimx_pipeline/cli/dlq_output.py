"""How dead letters are printed: in groups of one cause, or one by one."""

from __future__ import annotations

from typing import Any

import msgspec

from claimx_pipeline.operations import DeadLetterGroups, ShownDeadLetter
from claimx_pipeline.operations.dead_letter_views import FOREIGN

COLUMNS = ["fingerprint", "count", "worker", "category", "first", "last", "error", "newest"]
HEX_BYTES = 1024
"""Of a value that is not text, this much is shown; ``export`` has it all."""


def rows_of(groups: DeadLetterGroups) -> list[dict[str, Any]]:
    """Return a row per group, the largest first."""
    return [group.as_json() for group in groups.largest_first()]


def readable(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return *rows* of groups as people want them: short times, plugins beside workers.

    The error is that of the newest, whole: others of the group differ in ids and numbers.
    """
    return [
        {
            **row,
            "worker": _workers(row),
            "error": ": ".join(filter(None, (row["error_type"], row["example"]))),
            "first": row["first"][:19],
            "last": row["last"][:19],
        }
        for row in rows
    ]


def _workers(row: dict[str, Any]) -> str:
    named = ", ".join(row["workers"])
    return f"{named} ({row['plugin']})" if row["plugin"] else named


def described(shown: ShownDeadLetter) -> str:
    """Return everything about a dead letter as people read it."""
    known = shown.as_json()
    lines = [
        f"{name.replace('_', ' '):<13} {known[name]}"
        for name in (
            *("letter", "origin", "worker", "group", "kind", "plugin", "category", "attempts"),
            *("first_failed", "last_failed", "replayed_at", "fingerprint", "key"),
        )
        if known[name]
    ]
    error = f"{known['error_type']}: {known['error']}" if shown.letter.failure else FOREIGN
    lines += ["", error]
    if known["traceback"]:
        lines += ["", known["traceback"].rstrip()]
    if known["headers"]:
        lines += ["", "headers"]
        lines += [f"  {header['name']}: {header['value']}" for header in known["headers"]]
    return "\n".join([*lines, "", "value", shown.value_missing or _pretty(shown.value)])


def _pretty(value: bytes | None) -> str:
    if value is None:
        return "(none: a tombstone)"
    try:
        msgspec.json.decode(value)
        # The text itself is laid out again, so no number and no doubled key is changed.
        return msgspec.json.format(value, indent=2).decode()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    try:
        return value.decode() or "(empty)"
    except UnicodeDecodeError:
        more = "" if len(value) <= HEX_BYTES else f"\n... {len(value)} bytes in all"
        return value[:HEX_BYTES].hex(" ", 4) + more
