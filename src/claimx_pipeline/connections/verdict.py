"""What counts as a yes: whether an answer says that the service did what it was asked.

A status of 2xx alone says only that something answered: a sign-in page has it too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from attrs import frozen

from claimx_pipeline.connections.answer import Answer, RequestFailedError
from claimx_pipeline.errors import Category, RecordError
from claimx_pipeline.redaction import quoted

Verdict = Callable[[Answer, RequestFailedError | None], RecordError | None]
"""Judges an answer: None if it is a yes, else why not, by category.

The second argument is what the status alone says: None for a 2xx.
"""

_EMPTY_SUCCESSES = frozenset({202, 204})
_MARKS = b"\xef\xbb\xbf"
_BLANKS = b" \t\r\n"
_YES = frozenset({"true", "yes", "y", "1", "ok", "success", "succeeded", "accepted"})
_NO = frozenset({"false", "no", "n", "0", "error", "failure", "failed", "rejected", "refused"})
_REASONS = ("message", "error", "errors", "detail", "details", "reason", "title", "description")


def by_status(_: Answer, usual: RequestFailedError | None) -> RecordError | None:
    """Judge by the status: any 2xx is a yes."""
    return usual


@frozen
class JsonVerdict:
    """Judges by the status and by what the answer says: an object, or 202 and 204 with nothing.

    What is not a JSON object is not the service's answer, and another try may get it.
    """

    field: str = "success"
    """The object's field that says yes or no; empty for none, and then a list will do too."""
    needed: bool = False
    """Whether an object without that field is not an answer either; otherwise it is a yes,
    unless it names an error."""

    def __call__(self, answer: Answer, usual: RequestFailedError | None) -> RecordError | None:
        """Return None for a yes, else why it is none."""
        if usual is not None:
            return usual
        if not answer.body.removeprefix(_MARKS).strip(_BLANKS):
            if answer.status in _EMPTY_SUCCESSES and not self.needed:
                return None
            return _no_answer(answer, "nothing")
        said = _json(answer)
        if not isinstance(said, dict if self.field else (dict, list)):
            return _no_answer(answer, quoted(answer.body) or "nothing that can be shown")
        return self._judged(answer, said) if isinstance(said, dict) and self.field else None

    def _judged(self, answer: Answer, said: dict[str, Any]) -> RecordError | None:
        if self.field not in said:
            if said.get("error") or said.get("errors") or yes_or_no(said.get("status")) is False:
                return _refused(answer, said)
            return _no_answer(answer, quoted(answer.body)) if self.needed else None
        found = yes_or_no(said[self.field])
        if found is None:
            return _no_answer(answer, quoted(answer.body))
        return None if found else _refused(answer, said)


def json_object(answer: Answer) -> dict[str, Any] | None:
    """Return the JSON object in an answer; None if there is none."""
    said = _json(answer)
    return said if isinstance(said, dict) else None


def yes_or_no(value: Any) -> bool | None:
    """Return what a field means that is to say yes or no; None if it says neither."""
    if isinstance(value, bool):
        return value
    if isinstance(value, (int, float)):
        return bool(value) if value in (0, 1) else None
    word = value.strip().lower() if isinstance(value, str) else ""
    return True if word in _YES else False if word in _NO else None


def _json(answer: Answer) -> Any:
    try:
        return msgspec.json.decode(answer.body.removeprefix(_MARKS))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _no_answer(answer: Answer, shown: str) -> RecordError:
    return RecordError(
        f"{answer.where}: answered {answer.status}, but not with JSON that says yes or no: {shown}",
        Category.TRANSIENT,
    )


def _refused(answer: Answer, said: dict[str, Any]) -> RecordError:
    given = next((said[name] for name in _REASONS if said.get(name)), None)
    text = given if isinstance(given, str) else msgspec.json.encode(given).decode() if given else ""
    why = quoted(text.encode("utf-8", "replace")) or "it gives no reason"
    return RecordError(f"{answer.where}: refused with status {answer.status}: {why}")
