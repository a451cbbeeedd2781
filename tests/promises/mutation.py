"""Breaks one mechanism in a copy of the sources and runs the tests that must notice."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import yaml
from attrs import frozen

ROOT = Path(__file__).parents[2]
MUTATIONS = ROOT / "tests" / "promises" / "mutations.yaml"


@frozen
class Mutation:
    """One line of the product made wrong.

    Attributes:
        incident: The incident whose mechanism it breaks.
        file: The file below ``src``.
        old: Text that occurs there exactly once.
        new: What stands there instead.
        tests: The tests that must fail, of those that carry the incident's mark.
        quick: Whether it is one of those that CI draws from.
    """

    incident: str
    file: str
    old: str
    new: str
    tests: Sequence[str]
    quick: bool = False

    def source(self) -> str:
        """Return the text of the file as it is."""
        return (ROOT / "src" / self.file).read_text()

    def survives(self, folder: Path) -> str:
        """Return what pytest said if a test did not notice; nothing if all did.

        Args:
            folder: An empty folder for the copy.
        """
        copied(folder)
        (folder / "src" / self.file).write_text(self.source().replace(self.old, self.new))
        said = []
        for test in self.tests:
            ran = run_tests([test], folder)
            # A test that is not found or cannot even be set up is no proof.
            if ran.returncode != 1 or " failed" not in ran.stdout.splitlines()[-1]:
                said.append(f"{test}: exit code {ran.returncode}\n{ran.stdout}")
        return "\n".join(said)


def copied(folder: Path) -> None:
    """Copy what the tests need into *folder*."""
    for part in ("src", "tests"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)


def run_tests(tests: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run *tests* on the copy in *folder*."""
    # The copy comes before the sources that are installed.
    environment = {**os.environ, "PYTHONPATH": str(folder / "src")}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def mutations() -> list[Mutation]:
    """Return all patches that are kept."""
    return [Mutation(**entry) for entry in yaml.safe_load(MUTATIONS.read_text())]
