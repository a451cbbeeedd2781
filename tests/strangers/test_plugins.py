"""Plugins as strangers write them, by the published pages alone: only public names, nothing else."""

import asyncio
from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec
from attrs import frozen

from claimx_pipeline import (
    EnrichmentContext,
    Plugin,
    PluginResult,
    Topic,
    WorkerSpec,
    hookimpl,
)
from claimx_pipeline.operations import plan_replay, replay_dead_letters
from claimx_pipeline.stages import Chain, DeltaConfig, LookupConfig, StageSpec, TransformConfig
from claimx_pipeline.tables import LONG, STRING, TIMESTAMP, Column, TableSpec
from claimx_pipeline.testing import PluginContract, SimulatedRoute, make_context

WATER = ("WATER", "FLOOD")
ALERTS = Topic("water.alerts", partitions=1, terminal=True)


@frozen(kw_only=True)
class WaterConfig:
    photos: int = 3


class WaterAlert(Plugin):
    """A: an alert on a project with water damage that has three photos."""

    name = "water_alert"
    requires_api = "1.1"
    config_class: ClassVar[type[Any] | None] = WaterConfig
    config: WaterConfig

    def topics(self) -> list[Topic]:
        return [ALERTS]

    def should_run(self, context: EnrichmentContext) -> bool:
        project = context.project or {}
        cause = str(project.get("type_of_loss") or "").upper()
        return len(context.media) >= self.config.photos and cause.startswith(WATER)

    def execute(self, context: EnrichmentContext) -> PluginResult:
        names = [row["media_id"] for row in context.media]
        alert = {"project_id": context.project_id, "photos": names}
        return PluginResult.publish(ALERTS.name, alert, key=context.project_id)


class TestWaterAlert(PluginContract):
    def make_plugin(self) -> Plugin:
        return WaterAlert(WaterConfig())

    def make_context(self) -> EnrichmentContext:
        context = make_context("PROJECT_FILE_ADDED")
        project = {**context.project, "type_of_loss": "Water - pipe"}
        photos = [{"media_id": str(number)} for number in range(3)]
        return make_context("PROJECT_FILE_ADDED", projects=[project], media=photos)


def test_a_two_photos_are_too_few_and_fire_is_not_water():
    plugin = WaterAlert(WaterConfig())
    project = {"project_id": "1", "type_of_loss": "Water"}
    photos = [{"media_id": "1"}, {"media_id": "2"}, {"media_id": "3"}]
    assert plugin.should_run(make_context(projects=[project], media=photos))
    assert not plugin.should_run(make_context(projects=[project], media=photos[:2]))
    fire = {**project, "type_of_loss": "Fire"}
    assert not plugin.should_run(make_context(projects=[fire], media=photos))


def test_a_runs_in_a_pipeline(claimx_sandbox):
    claimx_sandbox.only()
    claimx_sandbox.install(WaterAlert, {"photos": 1})
    events = claimx_sandbox.happen(200)
    claimx_sandbox.run("ingest", "enrichment", "entities")
    wet = {
        row["project_id"]
        for row in claimx_sandbox.rows("claimx_projects")
        if str(row["type_of_loss"]).upper().startswith(WATER)
    }
    with_files = {event.project_id for event in events if event.media_id}
    alerted = {message["project_id"] for message in claimx_sandbox.messages("water.alerts")}
    assert alerted == wet & with_files != set()
    assert claimx_sandbox.dead_letters() == []


ASKED = Topic("claims.asked", partitions=2, source=True)
FAILED = Topic("claims.failed", partitions=1, terminal=True)
SCORES = TableSpec(
    name="acme_scores",
    summary="Every score of a claim, once",
    mode="append",
    key=("request_id",),
    event_time="asked_at",
    columns=(
        Column("request_id", STRING, nullable=False),
        Column("claim", LONG),
        Column("score", LONG),
        Column("asked_at", TIMESTAMP, nullable=False),
    ),
)


class Scores(Plugin):
    """B: a worker that asks a service about each message and keeps the answer in its own table."""

    name = "scores"

    @hookimpl
    def claimx_register_tables(self) -> list[TableSpec]:
        return [SCORES]

    @hookimpl
    def claimx_register_workers(self) -> list[WorkerSpec]:
        look = LookupConfig(
            connection="scorer",
            endpoint="/scores/{claim}",
            path_params={"claim": "claim"},
            result_field="answer",
        )
        columns = {name: name for name in ("request_id", "claim", "score", "asked_at")}
        stages = (
            StageSpec("lookup", look),
            StageSpec("transform", TransformConfig(mappings={"score": "answer.score"})),
            StageSpec("delta", DeltaConfig(table_name=SCORES.name, column_mapping=columns)),
        )
        return [
            WorkerSpec(
                name="acme-scores",
                summary="Keeps the score of every claim.",
                group="acme-scores-worker",
                reads=(ASKED,),
                dead_letters=FAILED,
                needs=("broker", "tables"),
                build=Chain.of(*stages),
            )
        ]

    @hookimpl
    def claimx_extend_simulation(self) -> list[SimulatedRoute]:
        def score(given: Any) -> Any:
            return None if given["claim"] == "13" else {"score": int(given["claim"]) * 10}

        return [SimulatedRoute("/scores/{claim}", score, connection="scorer")]


def asked(number: int) -> dict[str, Any]:
    return {"request_id": f"r{number}", "claim": number, "asked_at": "2026-01-01T00:00:00Z"}


def test_b_keeps_each_score_exactly_once_and_one_bad_look_up_holds_nothing(claimx_sandbox):
    claimx_sandbox.only()
    claimx_sandbox.install(Scores)
    worker = claimx_sandbox.pipeline.workers["acme-scores"]
    assert worker.family == "acme-scores", "it calls a service, so it has a ladder"
    messages = [asked(number) for number in range(1, 21)]
    claimx_sandbox.publish("claims.asked", *messages)
    claimx_sandbox.run("acme-scores")
    # Published again, as after a crash of whoever publishes: the rows stay as they are.
    claimx_sandbox.publish("claims.asked", *messages)
    claimx_sandbox.run("acme-scores")
    rows = claimx_sandbox.rows("SELECT request_id, score FROM acme_scores ORDER BY claim")
    good = [number for number in range(1, 21) if number != 13]
    assert rows == [{"request_id": f"r{n}", "score": n * 10} for n in good]
    dead = {msgspec.json.decode(each.value)["claim"] for each in claimx_sandbox.dead_letters()}
    assert dead == {13}


TRIGGER = """\
name: desk_trigger
module: claimx_pipeline.plugins.task_trigger
class: TaskTriggerPlugin
config:
  triggers:
    32513:
      name: Cabinet forms
      on_completed:
        conditions:
          all:
            - {field: task_id, equals: 32513}
            - {field: project_id, exists: true}
        publish_to_topic: desk.completed
        webhook:
          url: ${DESK_URL}/forms
          headers: {X-Team: "${DESK_TEAM:-cabinets}"}
"""


def test_d_a_directory_plugin_with_trigger_webhook_and_variables(claimx_sandbox, tmp_path):
    folder = tmp_path / "desk_trigger"
    folder.mkdir()
    (folder / "config.yaml").write_text(TRIGGER)
    claimx_sandbox.only()
    desk = SimulatedRoute("/forms", lambda _: {"taken": True}, method="POST", connection="desk")
    claimx_sandbox.serve(desk)
    claimx_sandbox.environ["DESK_URL"] = f"{claimx_sandbox.simulator.url}/services/desk"
    claimx_sandbox.install(folder)
    claimx_sandbox.happen(200)
    claimx_sandbox.run("ingest", "enrichment", "actions")
    told = claimx_sandbox.messages("desk.completed")
    calls = claimx_sandbox.simulator.requests.find(path="/services/desk/forms")
    assert len(told) == len(calls) > 0
    assert {msgspec.json.decode(call.body)["task_id"] for call in calls} == {32513}
    assert claimx_sandbox.dead_letters() == []


class Ledger(Plugin):
    """F: asks a flaky service about each new project, and tries again by its own ladder."""

    name = "ledger"
    requires_api = "1.1"
    event_types = frozenset({"PROJECT_CREATED"})
    entered = Topic("ledger.entered", partitions=1, terminal=True)

    def topics(self) -> list[Topic]:
        return [self.entered]

    async def execute(self, context: EnrichmentContext) -> PluginResult:
        ledger = context.connection("ledger")
        asked = await ledger.request("GET", f"/entries/{context.project_id}")
        if asked.json()["state"] == "busy":
            return PluginResult.retry("the ledger is busy")
        return PluginResult.publish("ledger.entered", {"project": context.project_id})


def test_f_a_flaky_service_is_asked_again_by_a_ladder_and_what_is_dead_is_replayed(claimx_sandbox):
    asked: dict[str, int] = {}
    closed: set[str] = set()

    def entry(given: Mapping[str, str]) -> dict[str, str]:
        project = given["project"]
        asked[project] = asked.get(project, 0) + 1
        closed.update({project} - closed if not closed else ())
        return {"state": "busy" if asked[project] < 3 or project in closed else "entered"}

    claimx_sandbox.only()
    claimx_sandbox.configure("retry: {families: {claimx.plugins: {delays_seconds: [0.1, 0.2]}}}")
    claimx_sandbox.serve(SimulatedRoute("/entries/{project}", entry, connection="ledger"))
    claimx_sandbox.install(Ledger)
    events = claimx_sandbox.happen(60)
    created = {each.key for each in events if each.event_type == "PROJECT_CREATED"}
    workers = ("ingest", "enrichment", "entities")
    claimx_sandbox.run(*workers)

    def entered() -> list[str]:
        return sorted(each["project"] for each in claimx_sandbox.messages("ledger.entered"))

    # Twice busy, then entered; the one that stayed busy is a dead letter of this plugin alone.
    assert entered() == sorted(created - closed) != []
    assert set(asked.values()) == {3}
    (dead,) = claimx_sandbox.dead_letters()
    assert b"plugin 'ledger' failed" in (dead.value or b"") + repr(dead.headers).encode()
    stored = claimx_sandbox.rows("SELECT project_id FROM claimx_projects")
    assert {row["project_id"] for row in stored} >= created, "no event waited for the plugin"

    closed.clear()
    closed.add("-")
    plan = asyncio.run(plan_replay(claimx_sandbox.pipeline, None))
    asyncio.run(replay_dead_letters(claimx_sandbox.pipeline, plan))
    claimx_sandbox.run(*workers)
    assert entered() == sorted(created)
