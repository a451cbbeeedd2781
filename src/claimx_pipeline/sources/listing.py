"""Which files a source has, in which order, and whether those that were read are as they were."""

from __future__ import annotations

import glob
import zlib
from collections.abc import Sequence
from pathlib import Path

from attrs import frozen

from claimx_pipeline.sources.protocol import SourceError

DIGITS = 8
"""Of a mark, in hexadecimal digits."""


@frozen
class SourceFile:
    """A file as it is now."""

    name: str
    """Below the folder that all files are in, with ``/``: the same on every machine."""
    path: Path
    size: int
    modified: int
    """Nanoseconds since 1970."""

    @property
    def mark(self) -> str:
        """What tells it from what it was before, or will be."""
        text = f"{self.name}\0{self.size}\0{self.modified}"
        return f"{zlib.crc32(text.encode('utf-8', 'surrogateescape')):08x}"


def list_files(path: str) -> list[SourceFile]:
    """Return the files that *path* names, in the order of their names.

    Args:
        path: A file, a folder with files in it or below, or a pattern such as ``in/*.jsonl``.
            Files and folders whose names begin with a point are left out.

    Raises:
        SourceError: There is no such file or folder.
    """
    given = Path(path).expanduser()
    if given.is_file():
        return [_file(given, given.name)]
    if given.is_dir():
        root, found = given, [each for each in given.rglob("*") if each.is_file()]
    elif glob.has_magic(str(given)):
        root = _root(given)
        matches = glob.glob(str(given), recursive=True)  # noqa: PTH207 - Path.glob takes no absolute pattern
        found = [Path(each) for each in matches if Path(each).is_file()]
    else:
        raise SourceError(
            f"there is no file or folder {str(given)!r}; correct 'path', or put it there"
        )
    named = {each.relative_to(root).as_posix(): each for each in found}
    shown = [name for name in sorted(named) if not any(p[0] == "." for p in name.split("/"))]
    return [_file(named[name], name) for name in shown]


def check_read(files: Sequence[SourceFile], current: str, marks: str) -> None:
    """See that what was read before the file *current* is as it was.

    Args:
        files: What there is now.
        current: Name of the file that is being read.
        marks: The marks of all files that were read before it.

    Raises:
        SourceError: One of them grew, was replaced, or was not there then.
    """
    known = {marks[at : at + DIGITS] for at in range(0, len(marks), DIGITS)}
    for file in files:
        if file.name < current and file.mark not in known:
            raise SourceError(
                f"{file.name!r} is not as it was when it was read (it is new, has grown or was "
                f"replaced), and {current!r} behind it is being read already; move it to another "
                "folder and read it by a source of its own, or by 'claimx-run backfill'"
            )
    if current not in {file.name for file in files}:
        raise SourceError(
            f"{current!r} is missing, and it is being read; put it back, or go on with another "
            "source, by another name"
        )


def _file(path: Path, name: str) -> SourceFile:
    status = path.stat()
    return SourceFile(name, path, status.st_size, status.st_mtime_ns)


def _root(pattern: Path) -> Path:
    """Return the folder in front of the first part of *pattern* that has a wildcard."""
    parts = pattern.parts
    fixed = next(at for at, part in enumerate(parts) if glob.has_magic(part))
    return Path(*parts[:fixed])
