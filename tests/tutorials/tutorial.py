"""Follows a tutorial as a new user does: types every block, and compares what is printed."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from attrs import define, field

from tests.rigs.command import CLEAN

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.DOTALL | re.MULTILINE)
PATIENCE_SECONDS = 900.0
EXPORT = re.compile(r"^\s*(export \w+=\S+)$", re.MULTILINE)


@define(frozen=True)
class Step:
    """A block that is typed, and what the page shows of its output."""

    typed: str
    shown: str = ""
    below: str = ""
    """Key of ``claimx.yaml`` below which it is to be written; empty for a command."""

    @property
    def serves(self) -> bool:
        """Whether it is for a second terminal."""
        return "--serve" in self.typed


def steps(page: str) -> list[Step]:
    """Return what the reader of *page* types, in its order."""
    text = (ROOT / "docs" / "tutorial" / f"{page}.md").read_text(encoding="utf-8")
    found: list[Step] = []
    for language, body in BLOCK.findall(text):
        if language == "bash":
            found.append(Step(body))
        elif language == "yaml":
            found.append(Step(body, below=_key_before(text, body)))
        elif language == "text" and found:
            found[-1] = Step(found[-1].typed, body)
    return found


def _key_before(text: str, body: str) -> str:
    """Return the key below which a page says that the lines of *body* belong."""
    before, _, _ = text.partition(f"```yaml\n{body}")
    return re.findall(r"below\s+`(\w+:)`\s+in\s+`claimx.yaml`, add", before)[-1]


def missing(shown: str, printed: str) -> list[str]:
    """Return what the page shows and the command did not print, in the order of the page.

    Blanks are alike however many they are; ``…`` stands for anything.
    """
    rest, lacking = _plain(printed), []
    for wanted in filter(None, map(_plain, re.split(r"…|\n", shown))):
        if wanted in rest:
            rest = rest.partition(wanted)[2]
        else:
            lacking.append(wanted)
    return lacking


def _plain(text: str) -> str:
    return " ".join(re.sub(r"[─│]", " ", text).split())


@define
class Newcomer:
    """A person with a fresh checkout, Python, and nothing installed."""

    folder: Path
    seconds: list[float] = field(factory=list)
    """How long each step took."""
    _env: dict[str, str] = field(init=False)
    _stack: ExitStack = field(init=False, factory=ExitStack)

    def __attrs_post_init__(self) -> None:
        listed = subprocess.run(
            ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True
        ).stdout.decode()
        for name in filter(None, listed.split("\0")):
            if (ROOT / name).is_file():
                (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, self.folder / name)
        # Both outputs in the order in which a terminal shows them.
        self._env = {**CLEAN, "PYTHONUNBUFFERED": "1"}

    def follow(self, page: str) -> Iterator[tuple[Step, str]]:
        """Type each step of *page*; yield it with what was printed.

        Raises:
            AssertionError: A block ended with something else than 0.
        """
        with self._stack:
            for step in steps(page):
                began = time.monotonic()
                printed = self._do(step)
                self.seconds.append(time.monotonic() - began)
                yield step, printed

    def _do(self, step: Step) -> str:
        if step.below:
            file = self.folder / "claimx.yaml"
            lines = f"\n{step.below}\n{step.typed}"
            file.write_text(file.read_text().replace(f"\n{step.below}\n", lines, 1))
            return ""
        return self._serve(step.typed) if step.serves else self._type(step.typed)

    def _type(self, text: str) -> str:
        done = subprocess.run(
            ["bash", "-c", f"set -e\n{text}\nprintf '\\0'; env -0"],
            cwd=self.folder,
            env=self._env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        printed, _, exported = done.stdout.partition("\0")
        assert done.returncode == 0, f"{text}\n{printed}"
        self._env = dict(entry.split("=", 1) for entry in exported.split("\0") if "=" in entry)
        return printed

    def _serve(self, text: str) -> str:
        """Type *text* in a second terminal, and what it prints to export in the first."""
        server = subprocess.Popen(
            ["bash", "-c", f"exec {text.strip()}"],
            cwd=self.folder,
            env=self._env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._stack.callback(server.wait)
        self._stack.callback(server.terminate)
        printed = ""
        assert server.stdout is not None
        self._stack.callback(server.stdout.close)
        for line in server.stdout:
            printed += line
            if len(EXPORT.findall(printed)) == 4:
                break
        self._type("\n".join(EXPORT.findall(printed)))
        return printed
