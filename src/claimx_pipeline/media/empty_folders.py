"""Removes from a folder of files what killed writers leave: empty folders, half files."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path

HALF_FILE = re.compile(r"#\d+\Z")
"""What obstore calls a file until it is whole."""
_IN_USE = frozenset({errno.EBUSY, errno.EEXIST, errno.ENOENT, errno.ENOTDIR, errno.ENOTEMPTY})


def sweep(root: Path, folders_before: float, half_files_before: float, leave: str = "") -> int:
    """Remove folders without a file, and files that were never finished. Blocks.

    Safe beside writers: a folder with anything in it cannot be removed, and a writer whose
    folder vanishes before its file is there makes it again.

    Args:
        root: Of the files; stays.
        folders_before: Those last changed before this, in seconds since 1970.
        half_files_before: Those last written before this.
        leave: Name of a folder in *root* that is left alone.

    Returns:
        How many folders were removed.

    Raises:
        OSError: A folder cannot be read or written.
    """
    removed = 0
    for entry in _entries(root):
        if entry.name == leave:
            continue
        if not entry.is_dir(follow_symlinks=False):
            if HALF_FILE.search(entry.name) and _changed(entry) < half_files_before:
                Path(entry.path).unlink(missing_ok=True)
            continue
        # Looked at before: removing what is in it changes it.
        old = _changed(entry) < folders_before
        removed += sweep(Path(entry.path), folders_before, half_files_before)
        if old and _removed(Path(entry.path)):
            removed += 1
    return removed


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except (FileNotFoundError, NotADirectoryError):
        return []  # another worker has removed it


def _changed(entry: os.DirEntry[str]) -> float:
    try:
        return entry.stat(follow_symlinks=False).st_mtime
    except FileNotFoundError:
        return float("inf")


def _removed(folder: Path) -> bool:
    try:
        folder.rmdir()
    except OSError as error:
        if error.errno in _IN_USE:
            return False
        raise
    return True
