"""Writes dashboards for Grafana, alerts for Prometheus, and the pages of the alerts."""

from __future__ import annotations

import importlib.metadata
import re
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import frozen

from claimx_pipeline.errors import UsageError
from claimx_pipeline.monitoring.alerts import ALERTS
from claimx_pipeline.monitoring.dashboards import DASHBOARDS
from claimx_pipeline.monitoring.grafana import dashboard_json
from claimx_pipeline.monitoring.model import Alert, Dashboard
from claimx_pipeline.monitoring.prometheus import rules_text
from claimx_pipeline.monitoring.runbooks import index, runbook
from claimx_pipeline.plugins.host.monitoring import monitoring_parts
from claimx_pipeline.system_errors import reason_of

if TYPE_CHECKING:
    from claimx_pipeline.pipeline import Pipeline

RUNBOOKS = "runbooks"
"""Folder of the pages beside the rules, and where rules say that they are if nothing is said."""

_LINK = re.compile(r"\[([^\]]+)\]\(\.\./[^)]*\)")
"""To another page of the documentation, which is not written out."""


@frozen
class Monitoring:
    """All dashboards and alerts, the pipeline's own first."""

    dashboards: tuple[Dashboard, ...]
    alerts: tuple[Alert, ...]


def monitoring(pipeline: Pipeline) -> Monitoring:
    """Return the dashboards and alerts of the pipeline and of its plugins.

    Raises:
        ClaimxError: A plugin brings a name that is there already.
    """
    parts = monitoring_parts(pipeline.registrations)
    dashboards = (*DASHBOARDS, *(each for each in parts if isinstance(each, Dashboard)))
    alerts = (*ALERTS, *(each for each in parts if isinstance(each, Alert)))
    return Monitoring(dashboards, alerts)


def export_monitoring(pipeline: Pipeline, folder: Path, *, runbooks: str = RUNBOOKS) -> list[Path]:
    """Write dashboards, rules and pages into *folder*, and return the files.

    Args:
        pipeline: Its plugins may add to them.
        folder: Created if it is missing; files of an earlier export are replaced.
        runbooks: Where the rules say that the pages are: an address, or the folder beside them.

    Raises:
        UsageError: A file cannot be written.
        ClaimxError: A plugin brings a name that is there already.
    """
    written = []
    for name, text in monitoring_files(pipeline, runbooks).items():
        file = folder / name
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        except OSError as error:
            reason = reason_of(error)
            raise UsageError(f"{file} cannot be written: {reason}; name another folder") from error
        written.append(file)
    return written


def monitoring_files(pipeline: Pipeline, runbooks: str) -> dict[str, str]:
    """Return the text of every file, by its path."""
    found, version = monitoring(pipeline), importlib.metadata.version("claimx-pipeline")
    rules = rules_text(found.alerts, version, runbooks.removesuffix("/"))
    files = {"prometheus/claimx-alerts.yaml": rules}
    for dashboard in found.dashboards:
        files[f"grafana/{dashboard.uid}.json"] = dashboard_json(dashboard)
    for alert in found.alerts:
        files[f"{RUNBOOKS}/{alert.page}"] = _LINK.sub(r"\1", runbook(alert))
    files[f"{RUNBOOKS}/README.md"] = index(found.alerts)
    return files
