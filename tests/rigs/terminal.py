"""A terminal of a given width, as a person sees a command in it."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.rigs.command import CLEAN, PROGRAM


def on_terminal(
    *arguments: str,
    cwd: Path,
    width: int,
    env: dict[str, str] | None = None,
    program: Sequence[str] = PROGRAM,
) -> str:
    """Return what the command writes to its terminal, stderr included."""
    import fcntl
    import pty
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, width, 0, 0))
    environ = {**CLEAN, "TERM": "xterm", **(env or {})}
    with subprocess.Popen(
        [*program, *arguments], cwd=cwd, env=environ, stdin=theirs, stdout=theirs, stderr=theirs
    ):
        os.close(theirs)
        parts = []
        while part := _read(ours):
            parts.append(part)
    os.close(ours)
    return b"".join(parts).decode().replace("\r\n", "\n")


def _read(ours: int) -> bytes:
    try:
        return os.read(ours, 65536)
    except OSError:
        return b""  # the command has ended
