"""Reads points in time as ClaimX writes them; every one leaves here aware and in UTC."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECONDS_FROM = 100_000_000_000
"""A number from here on counts milliseconds: as seconds it would be after the year 5138."""
_EPOCH_DIGITS = 10
"""Fewer digits are a date written without dashes: seconds since 1970 have ten since 2001."""


def read_time(value: str | float) -> datetime:
    """Return the point in time that *value* means, in UTC, to the microsecond.

    Args:
        value: ISO 8601 with ``Z``, an offset or no zone (then UTC) and any number of
            fraction digits (those beyond six are cut off); or seconds or milliseconds
            since 1970, as a number or as digits.

    Raises:
        ValueError: It means none, or one outside the years 1 to 9999 UTC.
    """
    if not isinstance(value, str):
        return _from_epoch(value)
    text = value.strip()
    if text.isdigit() and text.isascii() and len(text) >= _EPOCH_DIGITS:
        return _from_epoch(int(text))
    try:
        # Small 't' and 'z' are right too (RFC 3339, 5.6).
        when = datetime.fromisoformat(text if text[-1:] != "z" else text.upper())
    except ValueError:
        raise ValueError("is not a valid ISO 8601 time") from None  # its text would quote the value
    return in_utc(when)


def in_utc(when: datetime) -> datetime:
    """Return *when* in UTC; without a zone it is in UTC already.

    Raises:
        ValueError: In UTC it is outside the years 1 to 9999.
    """
    if when.tzinfo is UTC:
        return when
    if when.tzinfo is None:
        return when.replace(tzinfo=UTC)
    try:
        return when.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("is out of range in UTC") from error


def read_date(value: str) -> date:
    """Return the date that *value*, ISO 8601, means.

    Raises:
        ValueError: It means none.
    """
    return date.fromisoformat(value)


def _from_epoch(number: float) -> datetime:
    if isinstance(number, bool):
        raise ValueError("true and false are not points in time")  # noqa: TRY004 - one error for all
    unit = "milliseconds" if abs(number) >= _MILLISECONDS_FROM else "seconds"
    try:
        return _EPOCH + timedelta(**{unit: number})
    except (OverflowError, ValueError) as error:
        raise ValueError("is out of range as a time since 1970") from error
