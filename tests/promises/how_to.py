"""Types the commands of a page of the documentation, as a reader does."""

from __future__ import annotations

import ast
import contextlib
import inspect
import io
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from attrs import define, field

from tests.rigs.command import CLEAN

DOCS = Path(__file__).parents[2] / "docs"
PATIENCE_SECONDS = 180.0


def blocks(page: str, language: str = "bash") -> list[str]:
    """Return the commands of a page, or its code in another language, block by block."""
    text = (DOCS / page).read_text()
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


async def run_python(block: str, names: dict[str, Any]) -> str:
    """Run *block* as ``python -m asyncio`` does; return what it printed.

    Args:
        block: Statements; ``await`` may stand at their top level.
        names: What earlier blocks have defined; this one adds to it.
    """
    code = compile(block, "<page>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        waiting = eval(code, names)
        if inspect.iscoroutine(waiting):
            await waiting
    return printed.getvalue()


@define
class Terminal:
    """A shell in a folder; what is exported holds for what is typed later."""

    folder: Path
    _env: dict[str, str] = field(init=False)

    def __attrs_post_init__(self) -> None:
        programs = str(Path(sys.executable).parent)
        self._env = {**CLEAN, "PATH": f"{programs}{os.pathsep}{CLEAN['PATH']}"}

    def type(self, text: str) -> str:
        """Type *text*; return what was printed.

        Raises:
            AssertionError: A command ended with something else than 0.
        """
        marked = f"set -e\n{text}\nprintf '\\0'; env -0"
        done = subprocess.run(
            ["bash", "-c", marked],
            cwd=self.folder,
            env=self._env,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
        )
        assert done.returncode == 0, f"{text}\n{done.stdout}{done.stderr}"
        printed, _, exported = done.stdout.partition("\0")
        self._env = environment(exported)
        return printed + done.stderr

    @contextlib.contextmanager
    def serving(self, text: str, port: int) -> Iterator[None]:
        """Type a command in a second terminal that serves on *port* until it is ended.

        Raises:
            AssertionError: It has ended by itself.
        """
        server = subprocess.Popen(
            ["bash", "-c", f"exec {text.strip()}"],
            cwd=self.folder,
            env=self._env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            end = time.monotonic() + PATIENCE_SECONDS
            while not listens(port):
                assert server.poll() is None, f"{text} ended with {server.returncode}"
                assert time.monotonic() < end, f"{text} does not serve"
                time.sleep(0.05)
            yield
        finally:
            server.terminate()
            server.wait(PATIENCE_SECONDS)


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def environment(listed: str) -> Mapping[str, str]:
    return dict(entry.split("=", 1) for entry in listed.split("\0") if "=" in entry)
