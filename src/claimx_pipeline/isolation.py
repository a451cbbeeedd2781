"""One record's failure is that record's: what code that is not ours may raise, made harmless.

A panic of a Rust library, a ``sys.exit()`` and a cancellation that a plugin makes up are no
``Exception``, so the usual guard would let them end the worker.
"""

from __future__ import annotations

import asyncio
import functools
import signal
from collections.abc import Iterator
from types import CodeType
from typing import Any


class EscapedError(Exception):
    """What was raised is not an ``Exception``; this one, which is, represents it."""

    def __init__(self, raised: BaseException) -> None:
        super().__init__(raised)
        self.raised = raised
        self.__cause__ = raised

    def __str__(self) -> str:
        return f"it raised {described(self.raised)}"

    def __repr__(self) -> str:
        return described(self.raised)


def as_failure(error: BaseException, *, awaited: bool = True) -> Exception:
    """Return *error*, raised while one record was worked on, as that record's failure.

    Args:
        error: What was raised.
        awaited: Whether what raised it may have been awaiting, and so be cancelled or closed.

    Raises:
        BaseException: It is *error* itself and says nothing about the record: this task is
            cancelled, its coroutine is closed, or a signal asks the process to end.
    """
    if isinstance(error, Exception):
        return error
    if (awaited and _is_ending(error)) or _is_from_signal(error):
        raise error
    return EscapedError(error)


def type_name(error: BaseException) -> str:
    """Return the name of the type of what was raised."""
    return type(error.raised if isinstance(error, EscapedError) else error).__name__


def described(error: BaseException) -> str:
    """Return type and message of *error*, whatever its own ``__str__`` does."""
    text = message(error.raised if isinstance(error, EscapedError) else error)
    return f"{type_name(error)}: {text}" if text else type_name(error)


def message(error: BaseException) -> str:
    """Return the message of *error* as text that UTF-8 can hold."""
    return _shown(error, str)


def representation(error: BaseException) -> str:
    """Return ``repr(error)`` as text that UTF-8 can hold."""
    return _shown(error, repr)


def _shown(error: BaseException, show: Any) -> str:
    try:
        text = show(error)
    except BaseException as broken:  # noqa: BLE001 - a stranger's method; raising there must not lose the error
        as_failure(broken)
        text = f"<{type_name(error)}, which cannot be shown>"
    return utf8(text)


def utf8(text: str) -> str:
    """Return *text* with lone surrogates written out, since UTF-8 cannot hold them."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def _is_ending(error: BaseException) -> bool:
    """Return whether the task is cancelled, or its coroutine closed."""
    if isinstance(error, asyncio.CancelledError):
        task = _task()
        return task is not None and task.cancelling() > 0
    if isinstance(error, GeneratorExit):
        return _task() is None  # a coroutine is closed that no task runs any more
    return False


def _task() -> asyncio.Task[Any] | None:
    try:
        return asyncio.current_task()
    except RuntimeError:
        return None


def _is_from_signal(error: BaseException) -> bool:
    """Return whether the handler of a signal raised *error*."""
    if not isinstance(error, (KeyboardInterrupt, SystemExit)):
        return False
    if type(error) is KeyboardInterrupt and (
        signal.getsignal(signal.SIGINT) is signal.default_int_handler
    ):
        return True  # that one is written in C, and leaves no trace
    handlers = set(_handlers())
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code in handlers:
            return True
        trace = trace.tb_next
    return False


def _handlers() -> Iterator[CodeType]:
    """Yield the code of every signal handler that is written in Python."""
    for number in signal.valid_signals():
        handler: Any = signal.getsignal(number)
        while isinstance(handler, functools.partial):
            handler = handler.func
        handler = getattr(handler, "__func__", handler)
        code = getattr(handler, "__code__", None)
        if code is not None:
            yield code
