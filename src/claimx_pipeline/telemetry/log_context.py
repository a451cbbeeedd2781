"""What a log line is about: the worker, the record, and what else is bound around a call.

Bound values belong to the running task and to the tasks and threads that it starts. Nothing is
made of them until a line is written.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Any, Protocol


class Subject(Protocol):
    """Something that lines are about, and that can say what it is."""

    def log_fields(self) -> Mapping[str, Any]:
        """Return the fields of every line about it."""
        ...


Bound = tuple["Subject | Mapping[str, Any]", ...]

_BOUND: ContextVar[Bound] = ContextVar("claimx_log_context", default=())


def bind(**fields: Any) -> None:
    """Give *fields* to every line of this task from here on."""
    _BOUND.set((*_BOUND.get(), fields))


def bound_fields() -> dict[str, Any]:
    """Return the fields of a line that is written here; what was bound last wins."""
    found: dict[str, Any] = {}
    for each in _BOUND.get():
        found.update(each if isinstance(each, Mapping) else each.log_fields())
    return found


class about:  # noqa: N801 - reads as a word: 'with about(record):'
    """Lines that are written in the block are about *subject*, and have *fields*."""

    __slots__ = ("_given", "_token")
    _token: Token[Bound]

    def __init__(self, subject: Subject | None = None, /, **fields: Any) -> None:
        self._given: Bound = (fields,) if subject is None else (subject,)

    def __enter__(self) -> None:
        """Begin."""
        self._token = _BOUND.set(_BOUND.get() + self._given)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End."""
        _BOUND.reset(self._token)
