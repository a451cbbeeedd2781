"""Rules for Prometheus, made of alerts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import yaml

from claimx_pipeline.monitoring.model import Alert

_DURATION = re.compile(r"\b(\d+)([mhd])\b")
_SMALLER = {"m": 1, "h": 60, "d": 60}
"""Seconds; a day is shortened to a minute too."""

EVALUATED_EVERY = "30s"

HEAD = """\
# Alerts of claimx-pipeline {version} for Prometheus, written by 'claimx-run monitoring export'.
# Each has a page: annotation runbook_url.
"""


def rules(alerts: Sequence[Alert], runbooks: str, *, hasty: bool = False) -> dict[str, Any]:
    """Return the rules as the file has them.

    Args:
        alerts: What is alerted.
        runbooks: Where the pages are; a path or an address, without a slash at the end.
        hasty: Every minute of them is a second: for tests.
    """
    group: dict[str, Any] = {
        "name": "claimx",
        "interval": "1s" if hasty else EVALUATED_EVERY,
        "rules": [_rule(alert, runbooks, hasty=hasty) for alert in alerts],
    }
    return {"groups": [group]}


def rules_text(alerts: Sequence[Alert], version: str, runbooks: str) -> str:
    """Return the file of rules."""
    text = yaml.safe_dump(rules(alerts, runbooks), sort_keys=False, width=98, allow_unicode=True)
    return HEAD.format(version=version) + text


def _rule(alert: Alert, runbooks: str, *, hasty: bool) -> dict[str, Any]:
    return {
        "alert": alert.name,
        "expr": sooner(alert.expr) if hasty else alert.expr,
        "for": sooner(alert.wait) if hasty else alert.wait,
        "labels": {"severity": alert.severity},
        "annotations": {
            "summary": alert.summary,
            "description": alert.means,
            "runbook_url": f"{runbooks}/{alert.page}",
        },
    }


def sooner(text: str) -> str:
    """Return *text* with every minute in it made a second, an hour and a day a minute."""

    def replaced(found: re.Match[str]) -> str:
        return f"{int(found[1]) * _SMALLER[found[2]]}s"

    return _DURATION.sub(replaced, text)
