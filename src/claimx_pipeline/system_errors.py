"""What Python and the operating system say of a file or an address, as a person would say it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from claimx_pipeline.errors import Problem, SettingsError


def reason_of(error: Exception) -> str:
    """Return why a file or an address could not be used, as a person would say it.

    Args:
        error: What Python raised; numbers and names of its own are left out.
    """
    if isinstance(error, UnicodeDecodeError):
        return f"it is not UTF-8 (byte {error.start})"
    if not isinstance(error, OSError):
        return str(error)
    of_tls = getattr(error, "reason", None)  # such as NO_CERTIFICATE_OR_CRL_FOUND
    if isinstance(of_tls, str):
        return of_tls.replace("_", " ").lower()
    return error.strerror or str(error)


def not_connected(error: Exception) -> str | None:
    """Return why a host could not be connected to; None if *error* says something else.

    The libraries that connect give the system's reason within one of their own.

    Args:
        error: What the library raised: it has ``host``, ``port`` and ``os_error``.
    """
    reason = getattr(error, "os_error", None)
    host, port = getattr(error, "host", None), getattr(error, "port", None)
    if not isinstance(reason, OSError) or host is None or getattr(reason, "verify_code", None):
        return None
    number = reason.errno or 0
    why = os.strerror(number) if number > 0 else reason.strerror or str(reason)
    return f"{host}:{port} cannot be connected to: {why.lower()}" if why else None


def shortened(text: str, longest: int = 200) -> str:
    """Return *text* quoted, the middle of a very long one left out."""
    if len(text) <= longest:
        return repr(text)
    return f"{text[: longest // 2]!r} … {text[-longest // 4 :]!r}"


@contextmanager
def readable(where: str, path: Path) -> Iterator[None]:
    """Say in a sentence that *path* cannot be looked at.

    ``Path.exists`` and its kind answer False for what is not there, and raise for what may not
    be looked at or cannot be a name.

    Args:
        where: Setting or option that names it.
        path: What the block looks at.

    Raises:
        SettingsError: The block met an ``OSError``.
    """
    try:
        yield
    except OSError as error:
        what = f"{shortened(str(path))} cannot be read: {reason_of(error)}"
        advice = "correct the path, or who may read it"
        raise SettingsError([Problem(where, f"{what}; {advice}")]) from error
