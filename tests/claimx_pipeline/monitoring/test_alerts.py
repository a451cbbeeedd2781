"""Alerts fire on their fault, and on nothing else; each has a page that says what to do."""

import re
import shutil
import subprocess

import pytest
import yaml

from claimx_pipeline.monitoring.model import Alert
from claimx_pipeline.monitoring.prometheus import rules, sooner
from tests.claimx_pipeline.monitoring.series import CASES, Case
from tests.pages.monitoring import COMMAND, EXAMPLE, PAGES, found, pages, write_example

pytestmark = pytest.mark.plugin

ALERTS = found().alerts
PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason="promtool (Debian's prometheus)")


def test_every_alert_has_series_that_fire_it():
    assert {alert.name for alert in ALERTS} == set(CASES)


@needs_promtool
def test_prometheus_reads_the_rules(tmp_path):
    export = tmp_path / "rules.yaml"
    export.write_text(yaml.safe_dump(rules(ALERTS, "runbooks")))
    hasty = tmp_path / "hasty.yaml"
    hasty.write_text(yaml.safe_dump(rules(ALERTS, "runbooks", hasty=True)))
    for file in (export, hasty):
        done = subprocess.run([PROMTOOL, "check", "rules", file], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        assert f"{len(ALERTS)} rules found" in done.stdout


@needs_promtool
def test_each_alert_fires_during_its_fault_and_neither_before_nor_after(tmp_path):
    for alert in ALERTS:
        # Each with its rule alone: all of them over a simulated day take minutes.
        (tmp_path / f"{alert.name}.rule").write_text(yaml.safe_dump(rules([alert], "runbooks")))
        content = {
            "rule_files": [f"{alert.name}.rule"],
            "evaluation_interval": "1m",
            "tests": groups(alert.name, CASES[alert.name]),
        }
        (tmp_path / f"{alert.name}.yaml").write_text(yaml.safe_dump(content))
    command = [PROMTOOL, "test", "rules", *(f"{alert.name}.yaml" for alert in ALERTS)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def groups(name: str, case: Case) -> list[dict]:
    """Return what promtool is to test about one alert."""
    times = {**dict.fromkeys(case.quiet, 0), case.fires: 1}
    made = [group(f"{name} fires and resolves", name, case, case.series, times)]
    if case.silent:
        quiet = {case.fires: 0}
        made.append(group(f"{name} is silent", name, case, case.silent, quiet))
    return made


def group(title, name, case, series, times) -> dict:
    firing = f'count(ALERTS{{alertname="{name}",alertstate="firing"}}) or vector(0)'
    return {
        "name": title,
        "interval": case.interval,
        "input_series": [{"series": each, "values": values} for each, values in series],
        "promql_expr_test": [
            {"expr": firing, "eval_time": at, "exp_samples": [{"labels": "{}", "value": value}]}
            for at, value in times.items()
        ],
    }


@pytest.mark.parametrize("alert", ALERTS, ids=lambda each: each.name)
def test_the_page_of_an_alert_is_there_and_up_to_date(alert: Alert):
    assert (PAGES / alert.page).read_text(encoding="utf-8") == pages()[alert.page], f"run {COMMAND}"


def test_there_is_no_page_of_an_alert_that_does_not_exist():
    assert {file.name for file in PAGES.iterdir()} == set(pages())
    index = (PAGES / "README.md").read_text(encoding="utf-8")
    assert index == pages()["README.md"], f"run {COMMAND}"


@pytest.mark.parametrize("alert", ALERTS, ids=lambda each: each.name)
def test_links_of_a_page_lead_somewhere(alert: Alert):
    for target in re.findall(r"\]\(([^)]+)\)", pages()[alert.page]):
        assert (PAGES / target).exists(), f"{alert.page}: {target}"


def test_the_example_is_what_the_command_writes(tmp_path):
    write_example(tmp_path / "monitoring")
    fresh = {
        file.relative_to(tmp_path / "monitoring"): file.read_text()
        for file in (tmp_path / "monitoring").rglob("*")
        if file.is_file()
    }
    shown = {
        file.relative_to(EXAMPLE): file.read_text() for file in EXAMPLE.rglob("*") if file.is_file()
    }
    assert shown == fresh, f"run {COMMAND}"


def test_minutes_become_seconds_for_a_live_test():
    assert sooner("rate(x[5m]) > 10 and y offset 1d and z[1h]") == (
        "rate(x[5s]) > 10 and y offset 60s and z[60s]"
    )
    assert sooner("0m") == "0s"
