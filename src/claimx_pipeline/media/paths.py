"""Paths that every store takes, and the path that a domain's setting gives a file."""

from __future__ import annotations

import re
from collections import defaultdict

from claimx_pipeline.media.names import safe_id, safe_name

LONGEST_NAME = 240
"""Bytes of a name between two slashes: 255 on common disks, less what obstore adds."""

LONGEST_PATH = 1024
"""Bytes of a whole path: what S3 and Azure take, the folder of the store's root included."""

_STAGED = re.compile(r"#\d+\Z")
_DRIVE = re.compile(r"[A-Za-z][:|]\Z")
"""The end of a path that obstore takes for a drive of Windows, and then for a folder."""
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ufffe\uffff]")
"""Characters that not every store takes, and that no listing in XML can hold."""


def why_not(path: str) -> str:
    """Return why no file may have this path, as a sentence; empty if one may.

    obstore takes ``/a`` for ``a``, writes no local file whose name ends in ``#`` and a
    number, and reports a name that is too long for a folder like a failing disk.
    """
    shown = f"{path[:300]!r} is not a valid path of a file"
    try:
        size = len(path.encode())
        names = path.split("/")
        sizes = [len(name.encode()) for name in names]
    except UnicodeEncodeError:
        return f"{shown}; it has half of a character (a surrogate)"
    if size > LONGEST_PATH:
        return f"{shown}; it has {size} bytes, and stores take {LONGEST_PATH}"
    if _CONTROL.search(path):
        return f"{shown}; it has control characters"
    if _DRIVE.search(path):
        return f"{shown}; it ends as the name of a drive does, in a letter and {path[-1]!r}"
    if any(name in ("", ".", "..") or _STAGED.search(name) for name in names) or (
        max(sizes) > LONGEST_NAME
    ):
        return (
            f"{shown}; it is relative, its names are not empty, '.' or '..', have at most "
            f"{LONGEST_NAME} bytes and do not end in '#' and a number"
        )
    return ""


def target_path(template: str, key: str, media_id: str, file_name: str) -> str:
    """Return where a file is put: no two files share a path, and none leads out.

    Args:
        template: The domain's setting, checked when it was read. Names in braces are
            ``media_id`` and ``file_name``; any other is the domain's word for the key.
        key: The key of the file's event.
        media_id: The file.
        file_name: What it is called outside; empty if it has no name.
    """
    names = {
        "media_id": safe_id(media_id),
        "file_name": safe_name(file_name, f"media_{safe_id(media_id)}"),
    }
    return template.format_map(defaultdict(lambda: safe_id(key), names))
