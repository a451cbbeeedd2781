"""Tests of a plugin, with the kit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, assert_type

from claimx_pipeline import EnrichmentContext, Event, Plugin, PluginResult, Record
from claimx_pipeline.stages import Stage
from claimx_pipeline.testing import (
    PluginContract,
    Sandbox,
    StageContract,
    make_event,
    make_item,
    make_record,
)
from tests.typing.written.plugin import Acme, AcmeConfig
from tests.typing.written.stage import JudgeConfig, JudgeStage


class TestPlugin(PluginContract):
    def make_plugin(self) -> Plugin:
        return Acme(AcmeConfig(states=("FL",)))


class TestStage(StageContract):
    def make_stage(self) -> Stage:
        return JudgeStage(JudgeConfig())

    def good(self) -> dict[str, Any]:
        return {"project_id": "7"}

    def bad(self) -> dict[str, Any]:
        return {}


def test_in_a_whole_pipeline(claimx_sandbox: Sandbox, claimx_event: Callable[..., Event]) -> None:
    claimx_sandbox.install(Acme, {"states": ["FL"]})
    events = claimx_sandbox.happen(40)
    assert_type(events, list[Event])
    claimx_sandbox.run("ingest", "enrichment", seconds=60)
    assert_type(claimx_sandbox.records("acme.notes"), list[Record])
    assert claimx_sandbox.dead_letters() == []
    context = claimx_sandbox.context(events[0])
    assert_type(context, EnrichmentContext)
    assert_type(Acme(AcmeConfig()).execute(context), PluginResult)


def test_alone() -> None:
    assert make_event("PROJECT_CREATED", project_id="7").project_id == "7"
    item = make_item({"project_id": "7"})
    TestStage().run(item)
    assert make_record({"a": 1}).value == b'{"a":1}'
