"""Reads single values of an API answer: what they mean is kept, or they are refused.

The core and its plugins read ids and times by these and no others.

Each function returns None for what says nothing (null, blank text) and raises
``ValueError`` for what it cannot read without changing its meaning.
"""

from __future__ import annotations

import math
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from claimx_pipeline.times import in_utc, read_time

__all__ = ["identifier", "in_utc", "instant", "integer", "phone", "read_time", "text"]

_LONG = 2**63
_EXACT = 2.0**53
"""Whole numbers from here on are not exact as floating point."""
_TRUE = frozenset({"true", "1", "yes", "y"})
_FALSE = frozenset({"false", "0", "no", "n"})
_MOST_DIGITS = 40
"""A decimal of more digits than this is not a measurement."""


def text(value: Any) -> str | None:
    """Return text without blanks around it; a number as digits, an object as JSON."""
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, bool):
        raise ValueError("is true or false, not text")  # noqa: TRY004 - one error for all
    if isinstance(value, (dict, list)):
        return msgspec.json.encode(value).decode()
    return str(value)


def phone(value: Any) -> str | None:
    """Return a telephone number; ClaimX also writes the word null for none."""
    number = text(value)
    return None if number is None or number.lower() == "null" else number


def identifier(value: Any) -> str | None:
    """Return an id as text: 12 and 12.0 are '12'."""
    if isinstance(value, float):
        return str(integer(value))
    if isinstance(value, (dict, list)):
        raise ValueError("is not a valid id")  # noqa: TRY004 - one error for all
    return text(value)


def integer(value: Any) -> int | None:
    """Return a whole number of 64 bits; 12.0 and '12' are 12."""
    if isinstance(value, str):
        value = value.strip()
        if not value:
            return None
    elif isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError("is not a whole number of 64 bits")  # noqa: TRY004 - one error for all
    try:
        found = value if not isinstance(value, str) else _decimal(value)
        fits = found == found // 1 and -_LONG <= found < _LONG
    except ArithmeticError:
        fits = False
    if not fits:
        raise ValueError("is not a whole number of 64 bits")
    if isinstance(found, float) and abs(found) >= _EXACT:
        raise ValueError("is not an exact number")
    return int(found)


def _decimal(written: str) -> Decimal:
    return Decimal(written) if written.isascii() else Decimal("nan")


def number(value: Any) -> float | None:
    """Return a number; '40.1' is 40.1."""
    if isinstance(value, str):
        value = value.strip()
        if not value:
            return None
    if isinstance(value, bool) or not math.isfinite(found := float(value)):
        raise ValueError("is not a number")
    return found


def flag(value: Any) -> bool | None:
    """Return true or false, also from 1 and 0, yes and no."""
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    if not word:
        return None
    raise ValueError("is neither true nor false")


def decimal_text(value: Any) -> str | None:
    """Return a decimal number, digit for digit, without an exponent."""
    written = text(value)
    if written is None:
        return None
    found = Decimal(written)
    if not found.is_finite() or abs(found.adjusted()) > _MOST_DIGITS:
        raise ValueError("is not a decimal number")
    return format(found, "f")


def instant(value: Any) -> datetime | None:
    """Return a point in time, in UTC."""
    if isinstance(value, str) and not value.strip():
        return None
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise ValueError("is not a point in time")  # noqa: TRY004 - one error for all
    return read_time(value)
