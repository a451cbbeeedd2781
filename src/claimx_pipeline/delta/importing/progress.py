"""How far an import is, kept beside its report, so that one that was killed goes on."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec
from attrs import define, evolve, field, frozen

STATE, REPORT, ROWS = "state.json", "report.jsonl", "rows"
"""What is in the folder of an import."""


@frozen(kw_only=True)
class Counts:
    """What became of the rows of an import, as far as it is."""

    rows: int = 0
    """Rows read of the former table."""
    written: int = 0
    """Rows that made a row of ours or changed one, the doubles among them included."""
    unchanged: int = 0
    """Rows that said nothing new: our table has what they say, or something later."""
    doubles: int = 0
    """Rows whose key another row of the former table has too."""
    refused: int = 0
    """Rows that are not in our table; the report has each with the reason."""
    values_left_out: int = 0
    """Single values that were left out of rows that are in; the report has each."""

    def plus(self, other: Counts) -> Counts:
        """Return both together."""
        mine = msgspec.to_builtins(self)
        return Counts(**{name: mine[name] + getattr(other, name) for name in mine})


@frozen(kw_only=True)
class ImportState:
    """How far an import is."""

    source: Mapping[str, Any]
    """Location, id and version of the former table, id of ours."""
    cut: bool = False
    """Whether all its rows are in slices."""
    slices: int = 0
    """What was imported so far."""
    done: int = 0
    """Slices that are finished."""
    report_bytes: int = 0
    """What of the report is about those."""
    counts: Counts = field(factory=Counts)
    """Rows read, written and refused."""
    zoneless: Mapping[str, int] = field(factory=dict)
    """Values that had no zone and were taken for UTC."""
    finished: bool = False
    """Whether all is imported."""


@define
class ImportFolder:
    """The folder of an import: its state, its report, its slices."""

    folder: Path

    @property
    def report(self) -> Path:
        """The file that lists what did not fit, JSON by line."""
        return self.folder / REPORT

    @property
    def rows(self) -> Path:
        """The folder of the slices."""
        return self.folder / ROWS

    def resume(self, source: Mapping[str, Any], *, same: Iterable[str]) -> ImportState:
        """Return where an import that was broken off is; a fresh start if it is another one.

        Args:
            source: What is imported now.
            same: Keys of *source* that must be as they were for the slices to be of use.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            found = msgspec.json.decode((self.folder / STATE).read_bytes())
        except (FileNotFoundError, msgspec.DecodeError):
            return self.start(source)
        before = found.get("source", {})
        alike = all(before.get(name) == source[name] for name in same)
        if not alike or found.get("finished") or not found.get("cut"):
            return self.start(source)
        counts = Counts(**found.pop("counts"))
        state = ImportState(**found, counts=counts)
        with self.report.open("r+b") as report:
            report.truncate(state.report_bytes)
        return state

    def start(self, source: Mapping[str, Any]) -> ImportState:
        """Begin at the beginning, with an empty report."""
        self.report.write_bytes(b"")
        return self.save(ImportState(source=source))

    def add(self, state: ImportState, lines: Iterable[Mapping[str, Any]]) -> ImportState:
        """Add *lines* to the report; they count once the state returned is saved."""
        text = b"".join(msgspec.json.encode(line, enc_hook=str) + b"\n" for line in lines)
        with self.report.open("ab") as report:
            report.write(text)
            report.flush()
            os.fsync(report.fileno())
        return evolve(state, report_bytes=state.report_bytes + len(text))

    def save(self, state: ImportState) -> ImportState:
        """Store *state*, whole or not at all."""
        temporary = self.folder / f"{STATE}.new"
        with temporary.open("wb") as file:
            file.write(msgspec.json.encode(msgspec.to_builtins(state)))
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self.folder / STATE)
        return state
