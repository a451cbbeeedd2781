"""One value to one column type: strict, so that nothing is changed without a word.

deltalake itself stores 1.5 into a long column as 1 and '7' as 7. Here a value either
keeps its meaning or is refused with a reason.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from typing import Any

import msgspec
import pyarrow as pa
from attrs import frozen

_INTEGER = re.compile(r"[+-]?\d{1,19}", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_ISO_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_EXACT = 2**53
"""Integers up to here have an exact double."""


class UnfitError(ValueError):
    """A value does not fit a column; the text completes 'the value …'."""


def to_text(value: Any) -> str:
    """Return *value* for a string column: text as it is, ints as ids, objects as JSON."""
    if isinstance(value, str):
        value.encode()  # a lone surrogate cannot be stored; UnicodeEncodeError is a ValueError
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, (dict, list)):
        return msgspec.json.encode(value).decode()
    raise UnfitError("is not text")


def to_integer(value: Any) -> int:
    """Return *value* as an integer: an int, an integral float, or the text of an int."""
    if isinstance(value, str) and _INTEGER.fullmatch(value.strip()):
        return int(value)
    if isinstance(value, float) and value.is_integer() and abs(value) <= _EXACT:
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise UnfitError("is not an integer")


def to_double(value: Any) -> float:
    """Return *value* as a finite double: a number, or the text of one."""
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise UnfitError("is not a number")
    if not math.isfinite(value):
        raise UnfitError("is not a finite number")
    if isinstance(value, int) and abs(value) > _EXACT:
        raise UnfitError("has no exact double")
    return float(value)


def to_flag(value: Any) -> bool:
    """Return *value* if it is a bool."""
    if isinstance(value, bool):
        return value
    raise UnfitError("is not true or false")


def to_instant(value: Any) -> datetime:
    """Return *value* as an aware UTC time with microseconds; no zone means UTC."""
    if isinstance(value, str):
        if not _ISO_DATE.match(value):
            raise UnfitError("is not an ISO time")
        value = datetime.fromisoformat(value)
    if not isinstance(value, datetime):
        raise UnfitError("is not a time")
    if value.tzinfo is None:
        return value.replace(tzinfo=UTC)
    return value.astimezone(UTC)


def to_day(value: Any) -> date:
    """Return *value* as a date; a time is refused, for its date depends on a zone."""
    if isinstance(value, str) and _ISO_DATE.fullmatch(value):
        return date.fromisoformat(value)
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    raise UnfitError("is not a date")


def _all_utc(values: Sequence[datetime | None]) -> bool:
    return all([value is None or value.tzinfo is UTC for value in values])  # noqa: C419 - a list is twice as fast


@frozen
class Kind:
    """How values of one column type are made."""

    convert: Callable[[Any], Any]
    plain: frozenset[type] = frozenset()
    """Python types that Arrow stores as they are, without any loss."""
    all_fit: Callable[[Sequence[Any]], bool] = lambda _: True
    """Says so of values of those types that are not all alike."""


_KINDS: tuple[tuple[Callable[[pa.DataType], bool], Kind], ...] = (
    (pa.types.is_string, Kind(to_text, frozenset({str}))),
    (pa.types.is_integer, Kind(to_integer, frozenset({int}))),
    # Arrow takes nan and infinity, too; the builder of a column looks for them.
    (pa.types.is_floating, Kind(to_double, frozenset({float}))),
    (pa.types.is_boolean, Kind(to_flag, frozenset({bool}))),
    (pa.types.is_timestamp, Kind(to_instant, frozenset({datetime}), _all_utc)),
    (pa.types.is_date, Kind(to_day, frozenset({date}))),
)


def kind_of(column: pa.DataType) -> Kind:
    """Return how values of *column* are made; types not known here pass as Arrow takes them."""
    return next((kind for fits, kind in _KINDS if fits(column)), Kind(lambda value: value))
