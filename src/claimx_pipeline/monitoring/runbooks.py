"""Pages that say what an alert means and what to do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from claimx_pipeline.monitoring.model import Alert

NOTE = "<!-- Made from the alert's declaration; change it there. -->"


def runbook(alert: Alert) -> str:
    """Return the page of an alert."""
    return "\n".join(_lines(alert)) + "\n"


def index(alerts: Sequence[Alert]) -> str:
    """Return the page that lists all of them."""
    rows = [
        f"| [{alert.name}]({alert.page}) | {alert.severity} | {alert.wait} | {_first(alert)} |"
        for alert in alerts
    ]
    head = ["# Alerts", "", NOTE, "", "| alert | severity | after | means |", "|---|---|---|---|"]
    return "\n".join([*head, *rows]) + "\n"


def _first(alert: Alert) -> str:
    return alert.means.partition(". ")[0].removesuffix(".")


def _lines(alert: Alert) -> Iterator[str]:
    yield from (f"# {alert.name}", "", NOTE, "", alert.means, "")
    yield from (f"Severity `{alert.severity}`, after {alert.wait}. The rule:", "")
    yield from ("```promql", alert.expr, "```", "", "## First look", "")
    yield from (f"{number}. {step}" for number, step in enumerate(alert.look, 1))
    yield from ("", "## Remedy", "")
    yield from (f"- {step}" for step in alert.remedy)
    yield from ("", "## Whom to call", "", alert.call)
