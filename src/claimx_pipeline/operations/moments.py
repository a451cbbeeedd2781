"""Points in time as people write them: ISO 8601, or how long ago."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from claimx_pipeline.errors import UsageError
from claimx_pipeline.times import in_utc

_AGO = re.compile(r"(\d+)\s*([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def moment(given: str | datetime, now: datetime) -> datetime:
    """Return the time that is meant, UTC unless it says otherwise.

    Args:
        given: ISO 8601, or how long before *now*: ``30m``, ``2h``, ``7d``.
        now: The time now.

    Raises:
        UsageError: The text is neither.
    """
    if isinstance(given, str):
        if ago := _AGO.fullmatch(given.strip()):
            return _ago(now, ago[1], _UNITS[ago[2]])
        try:
            return in_utc(datetime.fromisoformat(given.strip()))
        except ValueError as error:
            raise UsageError(
                f"{given!r} is not a valid time; give ISO 8601, as 2026-01-31T08:00, or how long "
                "ago, as 2h"
            ) from error
    return given if given.tzinfo else given.replace(tzinfo=UTC)


def _ago(now: datetime, number: str, unit: str) -> datetime:
    """Return the time so long before *now*; the beginning of all time if it is longer ago."""
    try:
        return now - timedelta(**{unit: int(number)})
    except (OverflowError, ValueError):  # Python reads no number of thousands of digits
        return datetime.min.replace(tzinfo=UTC)
