"""Paths of data files, in the store and as the log writes them.

The log encodes some characters of a path. What it says of a file comes as it is written
there; what a commit says is encoded by deltalake.
"""

from __future__ import annotations

from urllib.parse import quote, unquote

_AS_THEY_ARE = "!$&'()+,/:;=@"
"""What deltalake leaves as it is, beside ``A-Z``, ``a-z``, ``0-9`` and ``-._~``."""


def logged(path: str) -> str:
    """Return the *path* of a file in the store as deltalake writes it to the log."""
    return quote(path, safe=_AS_THEY_ARE)


def stored(path: str) -> str | None:
    """Return the path in the store of what the log calls *path*.

    Returns:
        None if deltalake would write it otherwise: a commit that removes it would name a file
        that is not in the table. Such are absolute paths and those of other encodings.
    """
    found = unquote(path)
    if path.startswith("/") or "://" in path or logged(found) != path:
        return None
    return found
