"""What an examination finds."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

from attrs import asdict, frozen

Level = Literal["ok", "warning", "wrong"]

AREAS = ("settings", "machine", "broker", "topics", "groups", "tables", "stores", "services")
"""In the order in which they are examined and shown."""


@frozen(kw_only=True)
class Finding:
    """One thing that was looked at."""

    area: str
    """What it is about."""
    check: str
    """A name that stays the same between versions, such as ``topic-retention``."""
    level: Level
    """``wrong`` has to be put right; ``warning`` may be meant so."""
    what: str
    """What was found, in one sentence."""
    remedy: str = ""
    """What to do; empty if there is nothing to do."""


@frozen(kw_only=True)
class Examination:
    """All findings of one look, by area."""

    at: datetime
    """When it was made."""
    findings: Sequence[Finding]
    """What was found."""

    @property
    def wrong(self) -> list[Finding]:
        """What has to be put right."""
        return [each for each in self.findings if each.level == "wrong"]

    def as_json(self) -> dict[str, Any]:
        """Return it as ``claimx-run doctor --json`` prints it."""
        return {
            "at": self.at.isoformat(),
            "wrong": len(self.wrong),
            "findings": [asdict(each) for each in self.findings],
        }


def ok(area: str, check: str, what: str) -> Finding:
    """Return that something is as it should be."""
    return Finding(area=area, check=check, level="ok", what=what)


def wrong(area: str, check: str, what: str, remedy: str) -> Finding:
    """Return that something has to be put right."""
    return Finding(area=area, check=check, level="wrong", what=what, remedy=remedy)


def warning(area: str, check: str, what: str, remedy: str = "") -> Finding:
    """Return that something may be meant so."""
    return Finding(area=area, check=check, level="warning", what=what, remedy=remedy)
