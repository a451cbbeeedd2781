"""Puts what ``make.py`` made into files."""

from __future__ import annotations

import contextlib
import json
import lzma
import shutil
import sqlite3
import tarfile
from pathlib import Path
from typing import Any

from tests.golden import rig as golden

HIDDEN = b"/srv/claimx/"


def close(folder: Path) -> None:
    """Leave one file of the broker, and no file that is not the installation's."""
    with contextlib.closing(sqlite3.connect(folder / "broker.db", isolation_level=None)) as file:
        file.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        file.execute("VACUUM")
    for each in folder.glob("broker.db-*"):
        each.unlink()
    shutil.rmtree(folder / "partial", ignore_errors=True)
    for each in folder.rglob("__pycache__"):
        shutil.rmtree(each)


def hide_paths(folder: Path, *own: Path) -> None:
    """Put other names for the folders of the machine into every file, as long as they were.

    Tracebacks and logs of tables name them, and lengths are part of what names are stored in.
    """
    for file in folder.rglob("*"):
        if file.is_file():
            content = before = file.read_bytes()
            for path in own:
                name = str(path).encode()
                content = content.replace(name, (HIDDEN + b"-" * len(name))[: len(name)])
            if content != before:
                file.write_bytes(content)


def pack(folder: Path) -> None:
    """Write the archive; the same folder makes the same archive."""
    golden.ARCHIVE.parent.mkdir(exist_ok=True)
    with tarfile.open(golden.ARCHIVE, "w:xz", preset=9) as archive:
        for each in sorted(folder.rglob("*")):
            info = archive.gettarinfo(each, str(each.relative_to(folder)))
            info.mtime, info.uid, info.gid, info.uname, info.gname = 0, 0, 0, "", ""
            with contextlib.ExitStack() as stack:
                content = stack.enter_context(each.open("rb")) if each.is_file() else None
                archive.addfile(info, content)


def write(path: Path, value: Any) -> None:
    text = json.dumps(value, indent=1, sort_keys=True).encode()
    path.write_bytes(lzma.compress(text, preset=9) if path.suffix == ".xz" else text + b"\n")
