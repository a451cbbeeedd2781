"""Dashboards as Grafana reads them."""

from __future__ import annotations

import json
from typing import Any, Final

from claimx_pipeline.monitoring.model import Dashboard, Panel, Query

_WIDTH: Final = 24
_PANEL_WIDTH: Final = 8
_PANEL_HEIGHT: Final = 8
_SCHEMA: Final = 39
"""Of Grafana's dashboards; 10 and later read it."""

SOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}


def dashboard_json(dashboard: Dashboard) -> str:
    """Return the file of a dashboard."""
    return json.dumps(rendered(dashboard), indent=2, ensure_ascii=False) + "\n"


def rendered(dashboard: Dashboard) -> dict[str, Any]:
    """Return a dashboard as Grafana reads it."""
    return {
        "uid": dashboard.uid,
        "title": dashboard.title,
        "description": dashboard.text,
        "tags": ["claimx"],
        "editable": True,
        "schemaVersion": _SCHEMA,
        "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"},
        "templating": {"list": _variables()},
        "panels": [_panel(number, panel) for number, panel in enumerate(dashboard.panels)],
    }


def _variables() -> list[dict[str, Any]]:
    return [
        {
            "type": "datasource",
            "name": "datasource",
            "label": "Prometheus",
            "query": "prometheus",
        },
        {
            "type": "query",
            "name": "worker",
            "label": "Worker",
            "datasource": SOURCE,
            "query": "label_values(claimx_worker_state, worker)",
            "refresh": 2,
            "multi": True,
            "includeAll": True,
            "allValue": ".*",
            "current": {"text": "All", "value": "$__all"},
        },
    ]


def _panel(number: int, panel: Panel) -> dict[str, Any]:
    across = _WIDTH // _PANEL_WIDTH
    return {
        "id": number + 1,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.text,
        "datasource": SOURCE,
        "gridPos": {
            "x": number % across * _PANEL_WIDTH,
            "y": number // across * _PANEL_HEIGHT,
            "w": _PANEL_WIDTH,
            "h": _PANEL_HEIGHT,
        },
        "fieldConfig": {"defaults": {"unit": panel.unit}, "overrides": []},
        "targets": [_target(at, query, panel) for at, query in enumerate(panel.queries)],
    }


def _target(at: int, query: Query, panel: Panel) -> dict[str, Any]:
    target: dict[str, Any] = {
        "refId": chr(ord("A") + at),
        "datasource": SOURCE,
        "expr": query.expr,
        "legendFormat": query.legend or panel.title,
    }
    if panel.kind != "timeseries":
        target["instant"] = True
    if panel.kind == "table":
        target["format"] = "table"
    return target
