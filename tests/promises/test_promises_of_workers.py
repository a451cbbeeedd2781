"""What every worker, module and figure has to be, whoever adds one."""

import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import claimx_pipeline
from claimx_pipeline import Pipeline

ROOT = Path(__file__).parents[2]


def module_names() -> list[str]:
    packages = [claimx_pipeline]
    try:
        packages.append(importlib.import_module("itel_cabinet_plugin"))
    except ModuleNotFoundError:
        pass  # the core's tests run without it, too
    return [
        each.name
        for package in packages
        for each in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
        if not each.name.endswith("__main__")
    ]


@pytest.mark.incident("CFG-03")
@pytest.mark.incident("PRC-02")
@pytest.mark.parametrize("name", module_names())
def test_every_module_can_be_imported(name):
    assert importlib.import_module(name)


@pytest.mark.incident("LAT-08")
def test_every_worker_has_a_place_for_its_dead_letters(tmp_path):
    """All but the retry worker, which hands every record on; the places are topics like others."""
    pipeline = Pipeline.load(environ={}, cwd=tmp_path)
    without = [name for name, worker in pipeline.workers.items() if worker.dead_letters is None]
    assert without == ["retry"]
    created = {topic.name for topic in pipeline.topology.new_topics()}
    for worker in pipeline.workers.values():
        if worker.dead_letters:
            assert pipeline.topology.physical(worker.dead_letters.name) in created


@pytest.mark.incident("PRF-05")
def test_no_figure_is_left_to_be_filled_in():
    """And a page that gives figures says by which command they came about."""
    places = [*(ROOT / "docs").rglob("*.md"), ROOT / "README.md", *ROOT.glob("benchmarks/**/*.md")]
    for page in places:
        text = page.read_text()
        assert not re.search(r"\bTBD\b|\?\?\?", text), page
        if re.search(r"\d\s*(events|rows|requests|forms)/s\b", text):
            assert "nox -s bench" in text or "benchmarks/" in text, page


@pytest.mark.incident("SEC-03")
def test_nothing_switches_certificate_checks_off():
    forbidden = re.compile(
        r"verify\s*=\s*False|CERT_NONE|check_hostname\s*=\s*False|_create_unverified|ssl\s*=\s*False"
    )
    found = [
        str(file) for file in (ROOT / "src").rglob("*.py") if forbidden.search(file.read_text())
    ]
    assert found == []
