"""How one value is written: for a person, and as a cell of CSV."""

from __future__ import annotations

import math
import unicodedata
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec


def shown(value: Any) -> str:
    """Return a value as a person reads it; a time as ``2026-01-14T16:09:24.018Z``."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return _moment(value)
    if isinstance(value, (list, tuple)):
        return ", ".join(shown(item) for item in value)
    if isinstance(value, dict):
        return msgspec.json.encode(value, enc_hook=str).decode()
    return str(value)


def of_csv(value: Any) -> Any:
    """Return a value as a cell of CSV: empty for null, JSON for what has parts."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple, dict)):
        return msgspec.json.encode(value, enc_hook=str).decode()
    return shown(value)


def plain(value: Any) -> str:
    """Return a value for a terminal: what would steer it is written as an escape."""
    text = shown(value).replace("\t", " ").rstrip("\n")
    if text.isprintable():
        return text
    return "".join(
        each if each == "\n" or unicodedata.category(each) != "Cc" else f"\\x{ord(each):02x}"
        for each in text
    )


def is_number(value: Any) -> bool:
    """Say whether *value* is one that belongs to the right of its column."""
    return isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)


def width(text: str) -> int:
    """Return how many columns of a terminal *text* takes."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len  # noqa: PLC0415 - most output is ASCII

    return cell_len(text)


def _moment(value: datetime) -> str:
    """Return a time in UTC, with as many digits of the second as it has."""
    moment = value if value.tzinfo is None else value.astimezone(UTC)
    text = moment.replace(tzinfo=None).isoformat(timespec="microseconds")
    whole, _, fraction = text.partition(".")
    digits = 0 if not value.microsecond else 3 * math.ceil(len(fraction.rstrip("0")) / 3)
    second = f"{whole}.{fraction[:digits]}" if digits else whole
    return second if value.tzinfo is None else f"{second}Z"
