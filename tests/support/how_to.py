"""Types the commands of a page of the documentation, as a reader does."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from attrs import define, field
from command import CLEAN

DOCS = Path(__file__).parents[2] / "docs"
PATIENCE_SECONDS = 180.0


def blocks(page: str) -> list[str]:
    """Return the commands of a page, block by block."""
    return re.findall(r"^```bash\n(.*?)^```", (DOCS / page).read_text(), re.DOTALL | re.MULTILINE)


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

    def serve(self, text: str) -> subprocess.Popen[str]:
        """Type a command that goes on until it is ended."""
        return subprocess.Popen(
            ["bash", "-c", f"exec {text.strip()}"],
            cwd=self.folder,
            env=self._env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def wait_for(self, file: str) -> None:
        """Wait until a command has written *file* to its end.

        Raises:
            TimeoutError: It has not.
        """
        end = time.monotonic() + PATIENCE_SECONDS
        while not (self.folder / file).exists():
            if time.monotonic() > end:
                raise TimeoutError(f"there is no {file}")
            time.sleep(0.05)


def environment(listed: str) -> Mapping[str, str]:
    return dict(entry.split("=", 1) for entry in listed.split("\0") if "=" in entry)
