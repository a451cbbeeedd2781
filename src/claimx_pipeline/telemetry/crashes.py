"""What Python itself would print goes to the log: warnings, and what is never caught."""

from __future__ import annotations

import logging
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TextIO

log = logging.getLogger(__name__)


@contextmanager
def crashes_logged() -> Iterator[None]:
    """Log them until the block ends."""
    before = sys.excepthook, threading.excepthook, sys.unraisablehook, warnings.showwarning
    sys.excepthook, threading.excepthook = _uncaught, _in_thread
    sys.unraisablehook, warnings.showwarning = _unraisable, _warned
    try:
        yield
    finally:
        sys.excepthook, threading.excepthook, sys.unraisablehook, warnings.showwarning = before


def _uncaught(
    kind: type[BaseException], error: BaseException, traceback: TracebackType | None
) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    log.critical("an exception that nothing caught", exc_info=(kind, error, traceback))


def _in_thread(failed: threading.ExceptHookArgs) -> None:
    if failed.exc_value is None or issubclass(failed.exc_type, SystemExit):
        return
    name = failed.thread.name if failed.thread else "?"
    info = (failed.exc_type, failed.exc_value, failed.exc_traceback)
    log.critical("an exception that nothing caught ended thread %r", name, exc_info=info)


def _unraisable(failed: sys.UnraisableHookArgs) -> None:
    what = failed.err_msg or "an exception that could not be raised"
    error = failed.exc_value
    info = (type(error), error, failed.exc_traceback) if error is not None else None
    log.error("%s, in %r", what, failed.object, exc_info=info)


def _warned(  # noqa: PLR0913 - as Python calls it
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,  # noqa: ARG001 - as Python calls it
    line: str | None = None,  # noqa: ARG001 - as Python calls it
) -> None:
    logging.getLogger("py.warnings").warning(
        "%s: %s", category.__name__, message, extra={"at": f"{filename}:{lineno}"}
    )
