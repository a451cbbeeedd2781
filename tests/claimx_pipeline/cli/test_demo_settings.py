"""The demo with settings of one's own: a file beneath its own, single settings above."""

import json
import shutil
from pathlib import Path

import pytest

from tests.rigs.command import run

EXAMPLE = Path(__file__).parents[3] / "examples" / "directory-plugin"


@pytest.fixture
def folder(tmp_path):
    shutil.copytree(EXAMPLE, tmp_path / "here")
    return tmp_path / "here"


def demo(folder, *options, env=None):
    common = ("demo", "--events", "30", "--data-dir", "d", "--json", *options)
    return run(*common, cwd=folder, env=env)


def test_a_file_and_single_settings_take_part(folder, tmp_path):
    done = demo(
        folder,
        "--config",
        "claimx.yaml",
        "--set",
        "workers.ingest.batch_size=7",
        "--set",
        "plugins.big_claims.config.states=[]",
        env={"DESK_URL": f"file://{tmp_path}/desk", "CLAIMX_API_URL": "http://127.0.0.1:9"},
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["topics"]["big_claims.told"] > 0
    assert result["dlq"] == 0, "the real API was asked"
    assert len(list((tmp_path / "desk").rglob("*.json"))) == result["topics"]["big_claims.told"]
    shown = json.loads(run("--config", "d/settings", "config", "show", "--json", cwd=folder).stdout)
    assert shown["workers.ingest.batch_size"] == 7
    again = demo(folder, "--again", "--set", "workers.ingest.batch_size=8")
    assert again.returncode == 0, again.stderr


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("workers.ingest", "write KEY=VALUE"),
        ("=7", "is not a dotted path"),
        ("a[0]=7", "a list is set as a whole"),
        ("workers.ingest.batch_size=[", "is not valid YAML"),
        ("workers.ingest.batch_size=many", "3000-set.yaml:1"),
        ("workers.ingest.batch_sise=7", "did you mean 'batch_size'"),
    ],
)
def test_a_setting_that_cannot_be_is_refused(tmp_path, change, said):
    done = demo(tmp_path, "--set", change)
    assert done.returncode == 2
    assert said in done.stderr


def test_two_that_contradict_are_refused(tmp_path):
    done = demo(tmp_path, "--set", "retry=7", "--set", "retry.delays_seconds=[1]")
    assert done.returncode == 2
    assert "gives 'retry' a value already" in done.stderr


def test_a_mistake_in_the_file_is_named_by_its_own_name_and_line(tmp_path):
    (tmp_path / "mine.yaml").write_text("workers:\n  ingest: {batch_sise: 7}\n")
    done = demo(tmp_path, "--config", "mine.yaml")
    assert done.returncode == 2
    assert "mine.yaml:2: workers.ingest.batch_sise" in done.stderr
