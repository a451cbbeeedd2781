"""Reads a Dockerfile, and runs what its RUN lines say in a folder."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from attrs import frozen


@frozen
class Line:
    """One instruction."""

    word: str
    """``FROM``, ``RUN`` and so on."""
    rest: str


def lines(file: Path) -> Iterator[Line]:
    """Yield the instructions, those of several lines as one."""
    text = re.sub(r"^\s*#.*\n", "", file.read_text(), flags=re.MULTILINE)
    for line in re.sub(r"\\\n\s*", "", text).splitlines():
        if line.strip():
            word, _, rest = line.partition(" ")
            yield Line(word.upper(), rest.strip())


def arguments(file: Path) -> dict[str, str]:
    """Return each ARG with its default."""
    found = (line.rest.partition("=") for line in lines(file) if line.word == "ARG")
    return {name: value for name, _, value in found if value}


def run_lines(file: Path, folder: Path, env: Mapping[str, str], **args: str) -> list[str]:
    """Run each RUN line in *folder* as ``docker build`` does; return them.

    Args:
        file: The Dockerfile.
        folder: Holds what COPY would have brought.
        env: The environment.
        args: Values of ARG that differ from their defaults.

    Raises:
        AssertionError: A line failed.
    """
    given = {**env, **arguments(file), **args}
    ran = []
    for line in lines(file):
        if line.word == "RUN":
            done = subprocess.run(
                ["sh", "-c", line.rest], cwd=folder, env=given, capture_output=True, text=True
            )
            assert done.returncode == 0, f"{line.rest}\n{done.stdout}{done.stderr}"
            ran.append(line.rest)
    return ran


def words(file: Path, instruction: str) -> list[str]:
    """Return the words of an instruction that has a JSON list, ``HEALTHCHECK CMD`` included."""
    (line,) = (each for each in lines(file) if each.word == instruction)
    return json.loads(line.rest[line.rest.index("[") :])
