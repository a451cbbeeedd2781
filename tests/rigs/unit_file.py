"""Reads a unit of systemd and starts what it starts, as far as one process can."""

from __future__ import annotations

import re
import shlex
from collections import defaultdict
from pathlib import Path

from attrs import define


@define
class UnitFile:
    """The settings of a unit, each with all its values."""

    path: Path
    values: dict[str, list[str]]

    @classmethod
    def read(cls, path: Path) -> UnitFile:
        values = defaultdict(list)
        for line in path.read_text().splitlines():
            if line and not line.startswith(("#", ";", "[")):
                name, _, value = line.partition("=")
                values[name].append(value)
        return cls(path, dict(values))

    def one(self, name: str) -> str:
        (value,) = self.values[name]
        return value

    def environment(self) -> dict[str, str]:
        """Return what the unit sets, then what its files do, as systemd has it."""
        found: dict[str, str] = {}
        for line in self.values.get("Environment", ()):
            found |= dict(each.split("=", 1) for each in shlex.split(line))
        for file in self.values.get("EnvironmentFile", ()):
            found |= environment_file(Path(file))
        return found

    def commands(self) -> list[list[str]]:
        """Return the words of each ``ExecStart``, its variables filled in."""
        known = self.environment()
        return [
            [
                re.sub(r"\$\{(\w+)\}", lambda name: known[name[1]], word)
                for word in shlex.split(line)
            ]
            for line in self.values["ExecStart"]
        ]


def environment_file(path: Path) -> dict[str, str]:
    """Return the variables of a file of lines ``NAME=VALUE``."""
    lines = path.read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
