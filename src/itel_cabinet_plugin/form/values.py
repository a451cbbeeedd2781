"""Turns a bare answer into the value its column holds, or says why it cannot.

A reader of an answer takes one that is not None and raises ``UnfitAnswerError`` with a
reason. The readers of a task's own fields return None for what cannot be read.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from claimx_pipeline.values import instant, integer
from itel_cabinet_plugin.form.questions import Kind, normal

_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)", re.ASCII)
_NUMBER = re.compile(r"[+-]?\d{1,18}(\.\d{1,18})?")
_INT32_MAX: Final = 2**31 - 1
_EXACT: Final = 2.0**53
"""Whole numbers from here on are not exact as floating point."""

_DAMAGE: Final[Mapping[str, str]] = {
    "yes": "Yes",
    "no": "No",
    "not available": "Not Available",
}


class UnfitAnswerError(Exception):
    """An answer is not of the kind that its column holds; the text says why."""


def yes_no(answer: Any) -> bool:
    """Return a yes-or-no answer; radio buttons answer in sentences."""
    if isinstance(answer, bool):
        return answer
    words = option(answer).lower()
    if words == "yes" or words.startswith("yes,"):
        return True
    if words == "no" or words.startswith(("no,", "there is no")):
        return False
    raise UnfitAnswerError("neither yes nor no")


def damage(answer: Any) -> str:
    """Return ``Yes``, ``No`` or ``Not Available``, which is neither of the two."""
    found = _DAMAGE.get(normal(option(answer)))
    if found is not None:
        return found
    try:
        # Its newer wording may be answered in a sentence.
        return "Yes" if yes_no(answer) else "No"
    except UnfitAnswerError:
        raise UnfitAnswerError("neither 'Yes' nor 'No' nor 'Not Available'") from None


def option(answer: Any) -> str:
    """Return the option chosen, without the stray spaces some options have."""
    if not isinstance(answer, str):
        raise UnfitAnswerError("not an option")
    return answer.strip()


def text(answer: Any) -> str:
    """Return free text as it was typed: a typed "No" stays text."""
    if not isinstance(answer, str):
        raise UnfitAnswerError("not a text")
    return answer


def number(answer: Any) -> float:
    """Return a number with its fraction."""
    if isinstance(answer, str) and _NUMBER.fullmatch(answer.strip()):
        answer = float(answer)
    if isinstance(answer, bool) or not isinstance(answer, int | float):
        raise UnfitAnswerError("not a number")
    try:
        value = float(answer)
    except OverflowError as error:
        raise UnfitAnswerError("too large a number") from error
    if not math.isfinite(value):
        raise UnfitAnswerError("not a finite number")
    return value


def count(answer: Any) -> int:
    """Return a whole number. Half a cabinet box is a mistake, not a half."""
    value = number(answer)
    if not value.is_integer():
        raise UnfitAnswerError("not a whole number")
    if abs(value) > _INT32_MAX:
        raise UnfitAnswerError("too large a number")
    return int(value)


def read_id(given: Any) -> int | None:
    """Return an id that is a number, however it is written: 12, 12.0, '12'; None for none.

    Raises:
        ValueError: It is something else.
    """
    found = integer(given) if given is not None else None
    if found is not None and found < 0:
        raise ValueError("is below 0, and no id is")
    return found


def whole_id(given: Any) -> int | None:
    """Return an id as ``read_id`` does; None if it is not one."""
    try:
        return read_id(given)
    except ValueError:
        return None


def label(given: Any) -> str | None:
    """Return a name or address as text; None if there is none."""
    if isinstance(given, float) and given.is_integer() and abs(given) < _EXACT:
        return str(int(given))
    if isinstance(given, int | float) and not isinstance(given, bool):
        return str(given)
    return given if isinstance(given, str) and given.strip() else None


def phone(given: Any) -> str | None:
    """Return a phone number; ClaimX writes a missing one as the text ``null``."""
    found = label(given)
    return None if found is None or normal(found) == "null" else found


def moment(given: Any) -> datetime | None:
    """Return a point in time in UTC, as the core reads it; None if it cannot be read."""
    try:
        return instant(given) if given is not None else None
    except ValueError:
        return None


def written(when: datetime | None, given: Any = None) -> str | None:
    """Return a point in time as it is sent, RFC 3339.

    Args:
        when: What was read; None if it could not be.
        given: As the API wrote it; kept if that is RFC 3339 already, else it goes out in UTC.
    """
    if when is None:
        return None
    if isinstance(given, str) and _RFC_3339.fullmatch(given):
        return given
    exact = "seconds" if not when.microsecond else "microseconds"
    exact = "milliseconds" if exact != "seconds" and not when.microsecond % 1000 else exact
    return when.astimezone(UTC).isoformat(timespec=exact).replace("+00:00", "Z")


READERS: Final[Mapping[Kind, Callable[[Any], Any]]] = {
    "yes_no": yes_no,
    "damage": damage,
    "choice": option,
    "text": text,
    "number": number,
    "count": count,
}
"""For every kind of question but photos."""
