"""``docs/reference/errors.md``: the sessions on it are typed again, and what they print compared.

``python -m tests.pages.mistakes`` types them and writes what was printed.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from tests.rigs.command import CLEAN

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "errors.md"
COMMAND = "python -m tests.pages.mistakes"
SESSION = re.compile(r"```text\n(.*?)```", re.DOTALL)
PROMPT = "$ "
SHOWN_FOLDER = "/srv/claimx"
"""Where the sessions of the page are, whichever folder they are typed in."""
TAKEN_PORT = re.compile(r"port: (\d+)")
"""Is taken by another process while a session is typed that sets it."""


def sessions(text: str) -> list[str]:
    """Return the sessions of a page."""
    return SESSION.findall(text)


def typed(session: str) -> str:
    """Type the commands of *session* in an empty folder; return it with what they print now."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        for port in TAKEN_PORT.findall(session):
            stack.enter_context(socket.create_server(("127.0.0.1", int(port))))
        home = Path(folder).resolve()
        return "".join(_lines(session, home)).replace(str(home), SHOWN_FOLDER)


def _lines(session: str, home: Path) -> Iterator[str]:
    code = 0
    for step in re.split(r"^(?=\$ )", session, flags=re.MULTILINE):
        if not step:
            continue
        command, _, printed = step.removeprefix(PROMPT).partition("\n")
        yield f"{PROMPT}{command}\n"
        if command == "echo $?":
            yield f"{code}\n"
        elif command.startswith("cat "):
            (home / command.removeprefix("cat ")).write_text(printed)
            yield printed
        else:
            code, said = _run(command, home)
            yield said


def _run(command: str, home: Path) -> tuple[int, str]:
    programs = str(Path(sys.executable).parent)
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=home,
        env={**CLEAN, "PATH": f"{programs}{os.pathsep}{CLEAN['PATH']}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=120,
    )
    shown = [_shown(line) for line in done.stdout.splitlines()]
    return done.returncode, "".join(f"{line}\n" for line in shown if line)


def _shown(line: str) -> str:
    """Return what a terminal shows of a line that says what is wrong; of the log no more."""
    if not line.startswith('{"time"'):
        return line
    record = json.loads(line)
    return "" if record["level"] == "INFO" else str(record["message"])


def page() -> str:
    """Return the page with what its sessions print now."""
    text = PAGE.read_text(encoding="utf-8")
    return SESSION.sub(lambda found: f"```text\n{typed(found[1])}```", text)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
