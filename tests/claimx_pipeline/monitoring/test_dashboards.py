"""Dashboards are what Grafana knows, and name only what is served."""

import json
import re

import pytest

from claimx_pipeline.monitoring.grafana import rendered
from tests.pages.metrics import served
from tests.pages.monitoring import found

pytestmark = pytest.mark.plugin

MONITORING = found()
COUNTED_BY_PLUGINS = "claimx_plugin_metric_"


def names_in(expr: str) -> set[str]:
    """Return the metrics that a query names."""
    bare = re.sub(r'"[^"]*"', "", expr)
    bare = re.sub(r"\bby \([^)]*\)|\bon \([^)]*\)", "", bare)
    bare = re.sub(r"\{[^}]*\}", "", bare)
    return set(re.findall(r"\b(?:claimx|itel|process|python)_\w+|\bup\b", bare))


def labels_in(expr: str) -> set[tuple[str, str]]:
    """Return metric and label of each selector."""
    found = re.findall(r"\b((?:claimx|itel)_\w+)\{([^}]*)\}", re.sub(r'"[^"]*"', '""', expr))
    return {(name, label) for name, inner in found for label in re.findall(r"(\w+)\s*[=!]", inner)}


def exported() -> dict[str, set[str]]:
    """Return every name that Prometheus stores, with its labels."""
    names = {"up": {"job", "instance"}}
    for metric in served():
        labels = {*metric.labels}
        names[metric.name] = labels
        if metric.kind == "histogram":
            names |= {f"{metric.name}_{end}": labels | {"le"} for end in ("bucket", "sum", "count")}
    return names


EXPORTED = exported()
QUERIES = [
    *(
        (f"{dashboard.uid}: {panel.title}", query.expr)
        for dashboard in MONITORING.dashboards
        for panel in dashboard.panels
        for query in panel.queries
    ),
    *((alert.name, alert.expr) for alert in MONITORING.alerts),
]


@pytest.mark.incident("OBS-01")
@pytest.mark.parametrize(("where", "expr"), QUERIES, ids=[where for where, _ in QUERIES])
def test_a_query_names_only_metrics_and_labels_that_are_served(where, expr):
    names = {name for name in names_in(expr) if not name.startswith(COUNTED_BY_PLUGINS)}
    assert not names - EXPORTED.keys(), where
    for name, label in labels_in(expr):
        if not name.startswith(COUNTED_BY_PLUGINS):
            assert label in EXPORTED[name], f"{where}: {name} has no label {label}"


@pytest.mark.parametrize("dashboard", MONITORING.dashboards, ids=lambda each: each.uid)
def test_grafanas_own_types_read_a_dashboard_and_lose_nothing(dashboard):
    """Written again by Grafana's types, every field that we set is there as we set it."""
    ours = rendered(dashboard)
    again = by_grafana(ours)
    assert missing(ours, again) == []


def by_grafana(dashboard: dict) -> dict:
    """Return *dashboard* as Grafana's types read and write it."""
    encoder = pytest.importorskip("grafana_foundation_sdk.cog.encoder")
    types = pytest.importorskip("grafana_foundation_sdk.models.dashboard")
    read = types.Dashboard.from_json(dashboard)
    return json.loads(json.dumps(read, cls=encoder.JSONEncoder))


def missing(ours, theirs, at="") -> list[str]:
    """Return the paths of *ours* that *theirs* lacks or has otherwise."""
    if isinstance(ours, dict):
        if not isinstance(theirs, dict):
            return [at]
        return [path for name, value in ours.items()
                for path in missing(value, theirs.get(name), f"{at}.{name}")]  # fmt: skip
    if isinstance(ours, list):
        if not isinstance(theirs, list) or len(theirs) != len(ours):
            return [at]
        pairs = zip(ours, theirs, strict=True)
        return [path for number, (one, other) in enumerate(pairs)
                for path in missing(one, other, f"{at}[{number}]")]  # fmt: skip
    return [] if ours == theirs else [f"{at}: {ours!r} became {theirs!r}"]


def test_a_misspelt_field_would_be_noticed():
    ours = rendered(MONITORING.dashboards[0])
    ours["panels"][0]["desciption"] = ours["panels"][0].pop("description")
    assert missing(ours, by_grafana(ours))


def test_the_dashboards_that_operators_were_promised_are_there():
    titles = {dashboard.uid for dashboard in MONITORING.dashboards}
    assert titles == {
        "claimx-overview",
        "claimx-lag",
        "claimx-enrichment",
        "claimx-media",
        "claimx-retries",
        "claimx-tables",
        "claimx-embedded-broker",
        "itel-plugin",
        "itel-tracking",
        "itel-api",
    }
    assert len(titles) == len(MONITORING.dashboards)


def test_the_panels_of_a_dashboard_have_names_of_their_own():
    for dashboard in MONITORING.dashboards:
        titles = [panel.title for panel in dashboard.panels]
        assert len(titles) == len(set(titles)), dashboard.uid
