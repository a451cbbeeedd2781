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

from itel_cabinet_plugin.form.questions import Kind, normal

_NUMBER = re.compile(r"[+-]?\d{1,18}(\.\d{1,18})?")
_INT32_MAX: Final = 2**31 - 1
_INT64_MAX: Final = 2**63 - 1

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
    if found is None:
        raise UnfitAnswerError("neither 'Yes' nor 'No' nor 'Not Available'")
    return found


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


def whole_id(given: Any) -> int | None:
    """Return an id that came as a number or as digits; None if it is neither."""
    if isinstance(given, str) and given.strip().isdecimal():
        # Longer than any 64-bit number, and Python refuses to read thousands of digits.
        given = int(given) if len(given) <= len(str(_INT64_MAX)) else None
    if isinstance(given, bool) or not isinstance(given, int) or not 0 <= given <= _INT64_MAX:
        return None
    return given


def label(given: Any) -> str | None:
    """Return a name, id or address as text; None if there is none."""
    if isinstance(given, int | float) and not isinstance(given, bool):
        return str(given)
    return given if isinstance(given, str) and given.strip() else None


def phone(given: Any) -> str | None:
    """Return a phone number; ClaimX writes a missing one as the text ``null``."""
    found = label(given)
    return None if found is None or normal(found) == "null" else found


def moment(given: Any) -> datetime | None:
    """Return an ISO time in UTC; None if it cannot be read. A time without offset is UTC."""
    if not isinstance(given, str):
        return None
    try:
        read = datetime.fromisoformat(given)
        return (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


READERS: Final[Mapping[Kind, Callable[[Any], Any]]] = {
    "yes_no": yes_no,
    "damage": damage,
    "choice": option,
    "text": text,
    "number": number,
    "count": count,
}
"""For every kind of question but photos."""
