"""Small files in a folder, by plain calls of the operating system. Every function blocks.

They lie where obstore puts them and are half there under the name that it uses, so both ways
serve one folder. Through obstore one costs ten times as much.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from stat import S_ISDIR

from claimx_pipeline.media.empty_folders import HALF_FILE
from claimx_pipeline.media.pieces import FOLDER_TRIES
from claimx_pipeline.media.stored_file import StoredFile

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_BY_OTHERS = frozenset({errno.EEXIST, errno.ENOENT, errno.ENOTEMPTY})


def read(root: Path, path: str, most: int) -> bytes | None:
    """Return the contents of a file; None if it is larger than *most* bytes.

    Raises:
        OSError: It cannot be read, or is not there.
    """
    descriptor = os.open(root / path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        found = os.fstat(descriptor)
        if S_ISDIR(found.st_mode):
            raise FileNotFoundError(errno.ENOENT, "a folder is there", path)
        pieces, left = [], most + 1
        while left and (piece := os.read(descriptor, min(left, found.st_size + 1))):
            pieces.append(piece)
            left -= len(piece)
    finally:
        os.close(descriptor)
    return b"".join(pieces) if left else None


def write(root: Path, path: str, content: bytes) -> None:
    """Write a file, all or nothing; replaces one that is there.

    Raises:
        OSError: It cannot be written.
    """
    final = root / path
    half, descriptor = _half_file(final)
    try:
        try:
            view = memoryview(content)
            while view:
                view = view[os.write(descriptor, view) :]
        finally:
            os.close(descriptor)
        half.rename(final)
    except BaseException:
        with suppress(FileNotFoundError):
            half.unlink()
        raise


def stat(root: Path, path: str) -> StoredFile | None:
    """Return what is known of a file; None if there is none.

    Raises:
        OSError: It cannot be looked at.
    """
    try:
        found = (root / path).stat()
    except FileNotFoundError:
        return None
    return None if S_ISDIR(found.st_mode) else _stored(path, found)


def delete(root: Path, path: str) -> None:
    """Remove a file, and its folders if they are empty then; a missing one is not an error.

    Raises:
        OSError: It cannot be removed.
    """
    with suppress(FileNotFoundError):
        (root / path).unlink()
        while folder := path.rpartition("/")[0]:
            path = folder
            try:
                (root / folder).rmdir()
            except OSError as error:
                if error.errno in _BY_OTHERS:
                    return
                raise


def in_folder(root: Path, folder: str) -> list[StoredFile]:
    """Return the whole files that lie in *folder* itself.

    Raises:
        OSError: It cannot be read.
    """
    found: list[StoredFile] = []
    try:
        with os.scandir(f"{root}/{folder}") as entries:
            for entry in entries:
                with suppress(FileNotFoundError):
                    if not HALF_FILE.search(entry.name) and entry.is_file():
                        found.append(_stored(f"{folder}/{entry.name}", entry.stat()))
    except FileNotFoundError:
        return []
    return found


def _stored(path: str, found: os.stat_result) -> StoredFile:
    return StoredFile(path, found.st_size, datetime.fromtimestamp(found.st_mtime, UTC))


def _half_file(final: Path) -> tuple[Path, int]:
    """Make the file that *final* is written to until it is whole; return it, opened."""
    tries = 0
    number = 1
    while True:
        half = final.with_name(f"{final.name}#{number}")
        try:
            return half, os.open(half, _NEW, 0o666)
        except FileExistsError:
            number += 1  # another writes it just now, or was killed
        except FileNotFoundError:
            tries += 1
            if tries == FOLDER_TRIES:
                raise
            final.parent.mkdir(parents=True, exist_ok=True)
