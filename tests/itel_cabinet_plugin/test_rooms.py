"""Four entry points, each a room of its own: what is left when one is disabled."""

from __future__ import annotations

from pathlib import Path

import pytest

from claimx_pipeline import Pipeline
from claimx_pipeline.stages.from_settings import stages_of
from tests.rigs.command import run

pytestmark = pytest.mark.plugin

WORKERS = {"itel-tracking", "itel-media", "itel-results", "itel-api"}
TABLES = {
    "itel_cabinet_task_tracking",
    "claimx_itel_forms",
    "claimx_itel_attachments",
    "itel_cabinet_submissions",
}


ACKNOWLEDGING = """\
workers:
  seen:
    input_topic: claimx.events.raw
    enrichment_handlers:
      - {type: itel_told, config: {topic: itel.cabinet.seen, fields: [event_id]}}
"""


def load(folder: Path, *disabled: str) -> Pipeline:
    overrides = {f"plugins.{name}.enabled": "false" for name in disabled}
    return Pipeline.load(environ={}, cwd=folder, overrides=overrides)


def cabinet(pipeline: Pipeline) -> set[str]:
    return {name for name in pipeline.workers if name.startswith("itel-")}


def test_all_rooms_together_have_all_workers_and_tables(tmp_path):
    pipeline = load(tmp_path)
    assert cabinet(pipeline) == WORKERS
    assert set(pipeline.tables) >= TABLES
    assert {worker.name for worker in pipeline.select(["itel"])} == {*WORKERS, "retry"}
    assert pipeline.topology.without_reader() == []


@pytest.mark.parametrize(
    ("disabled", "left"),
    [
        ("itel_cabinet_trigger", WORKERS),
        ("itel_cabinet_form", {"itel-media", "itel-results"}),
        ("itel_cabinet_tracking", {"itel-api"}),
        ("itel_cabinet_api", {"itel-tracking", "itel-media", "itel-results"}),
    ],
)
def test_a_disabled_room_takes_its_workers_with_it_and_no_others(tmp_path, disabled, left):
    pipeline = load(tmp_path, disabled)
    assert cabinet(pipeline) == left
    assert pipeline.check() == []
    assert bool(TABLES & set(pipeline.tables)) is (disabled != "itel_cabinet_tracking")
    brought = "itel_cabinet_api" in pipeline.settings.connections
    assert brought is (disabled != "itel_cabinet_api")


@pytest.mark.parametrize(
    "disabled",
    [
        ("itel_cabinet_form",),
        ("itel_cabinet_form", "itel_cabinet_tracking"),
        ("itel_cabinet_form", "itel_cabinet_api"),
    ],
)
def test_a_chain_that_acknowledges_works_without_the_form_parser(tmp_path, disabled):
    (tmp_path / "claimx.yaml").write_text(ACKNOWLEDGING)
    pipeline = load(tmp_path, *disabled)
    (spec,) = stages_of(pipeline.workers["seen"], pipeline.settings)
    assert pipeline.stages[spec.type].__name__ == "AcknowledgeStage"
    assert spec.config.topic == "itel.cabinet.seen"


def test_without_any_room_the_core_is_as_it_was(tmp_path):
    pipeline = load(
        tmp_path,
        "itel_cabinet_trigger",
        "itel_cabinet_form",
        "itel_cabinet_tracking",
        "itel_cabinet_api",
    )
    assert cabinet(pipeline) == set()
    assert "itel.cabinet.task.tracking" not in pipeline.topology.topics
    assert pipeline.topology.without_reader() == []


def test_asked_for_a_worker_of_a_disabled_room_one_sentence_says_why(tmp_path):
    (tmp_path / "claimx.yaml").write_text("plugins: {itel_cabinet_tracking: {enabled: false}}\n")
    asked = run("worker", "itel-tracking", cwd=tmp_path)
    assert asked.returncode == 2
    (line,) = asked.stderr.strip().splitlines()
    assert "there is no worker 'itel-tracking'" in line
    assert "plugin 'itel_cabinet_tracking' is disabled" in line


@pytest.mark.incident("LAT-08")
def test_every_worker_has_a_topic_for_its_dead_letters_and_a_group_of_its_own(tmp_path):
    pipeline = load(tmp_path)
    workers = [pipeline.workers[name] for name in WORKERS]
    assert {worker.dead_letters.name for worker in workers} == {
        "itel.cabinet.task.tracking.errors",
        "itel.cabinet.api.errors",
    }
    assert len({worker.group for worker in workers}) == len(workers)
