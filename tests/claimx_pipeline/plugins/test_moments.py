"""The moments beside enriched events and files, each as a plugin of a user hears of it."""

import json

import pytest

from claimx_pipeline import Plugin, PluginResult, Topic, hookimpl
from claimx_pipeline.errors import ClaimxError
from claimx_pipeline.hooks import RowsCommitted
from claimx_pipeline.runtime import readiness
from claimx_pipeline.runtime.headers import header


class Listening(Plugin):
    """Hears of everything, and publishes what it has heard."""

    name = "listening"

    def topics(self):
        return [Topic("heard", terminal=True)]

    def heard(self, what, **facts):
        return PluginResult.publish("heard", {"what": what, **facts})

    @hookimpl
    async def claimx_enrichment_starting(self, context):
        if context.event_type == "PROJECT_FILE_ADDED":
            return PluginResult.filter_out("no files today")
        return self.heard("starting", id=context.event_id, rows=len(context.projects))

    @hookimpl
    def claimx_row_publishing(self, kind, row):
        if kind == "contacts":
            return False
        if kind == "projects":
            row["city"] = "Masked"
        return None

    @hookimpl
    async def claimx_dead_letter(self, context):
        return self.heard("dead", worker=context.worker, error=context.error, kind=context.kind)

    @hookimpl
    def claimx_rows_committed(self, context):
        return self.heard("rows", worker=context.worker, tables=dict(context.tables))

    @hookimpl
    async def claimx_worker_readiness(self, context):
        return self.heard("readiness", worker=context.worker, state=context.state)


def heard(sandbox, what):
    return [each for each in sandbox.messages("heard") if each["what"] == what]


def test_a_plugin_hears_of_every_moment(claimx_sandbox, monkeypatch):
    monkeypatch.setattr(readiness, "LOOK_SECONDS", 0.02)  # the run is over within a second
    claimx_sandbox.install(Listening)
    events = claimx_sandbox.happen(30)
    claimx_sandbox.publish("claimx.events.raw", b"no event", key="k")
    claimx_sandbox.run("ingest", "events", "enrichment", "entities")

    log = claimx_sandbox.rows(
        "SELECT event_id, event_type, outcome, reason, api_calls FROM claimx_event_log"
    )
    left_out = [row for row in log if row["event_type"] == "PROJECT_FILE_ADDED"]
    assert left_out
    assert {(row["outcome"], row["reason"], row["api_calls"]) for row in left_out} == {
        ("filtered", "no files today", 0)
    }
    starting = heard(claimx_sandbox, "starting")
    assert len(starting) == len(events) - len(left_out)
    assert {each["rows"] for each in starting} == {0}

    assert claimx_sandbox.rows("claimx_contacts") == []
    assert {row["city"] for row in claimx_sandbox.rows("claimx_projects")} == {"Masked"}

    dead = heard(claimx_sandbox, "dead")
    assert {each["worker"] for each in dead} == {"events", "ingest"}
    assert {each["kind"] for each in dead} == {"record"}

    rows = heard(claimx_sandbox, "rows")
    assert {each["worker"] for each in rows} == {"events", "entities"}
    stored = sum(each["tables"].get("claimx_events", 0) for each in rows)
    assert stored == len(events)

    states = {(each["worker"], each["state"]) for each in heard(claimx_sandbox, "readiness")}
    assert ("enrichment", "ready") in states


class Failing(Plugin):
    """Fails at every moment."""

    name = "failing"

    @hookimpl
    async def claimx_enrichment_starting(self, context):
        raise ValueError("starting")

    @hookimpl
    def claimx_row_publishing(self, kind, row, context):
        row["city"] = "half done"
        raise ValueError("row")

    @hookimpl
    async def claimx_dead_letter(self, context):
        raise ValueError("dead letter")

    @hookimpl
    async def claimx_rows_committed(self, context):
        raise ValueError("rows")

    @hookimpl
    async def claimx_worker_readiness(self, context):
        raise ValueError("readiness")


def test_a_plugin_that_fails_at_a_moment_costs_the_pipeline_nothing(claimx_sandbox):
    claimx_sandbox.install(Failing)
    events = claimx_sandbox.happen(6)
    claimx_sandbox.run("ingest", "events", "enrichment", "entities")
    assert len(claimx_sandbox.rows("claimx_events")) == len(events)
    assert "half done" not in {row["city"] for row in claimx_sandbox.rows("claimx_projects")}
    letters = claimx_sandbox.dead_letters()
    reasons = {header(each.headers, "claimx-dlq-error").rsplit(" ", 1)[-1] for each in letters}
    assert reasons == {"starting", "row"}
    assert {header(each.headers, "claimx-dlq-plugin") for each in letters} == {"failing"}


class Settled(Plugin):
    name = "settled"
    seen: list

    @hookimpl
    def claimx_settings_loaded(self, settings):
        if settings.broker.prefix == "refused.":
            raise ValueError("not with this prefix")
        type(self).seen = [settings.retry.delays_seconds]


def test_a_plugin_sees_the_settings_before_anything_is_made_of_them(claimx_sandbox):
    claimx_sandbox.install(Settled)
    assert claimx_sandbox.pipeline.settings.retry.delays_seconds == (0.2, 0.4)
    plugin = dict(claimx_sandbox.pipeline.plugins.loaded())["settled"]
    assert plugin.seen == [(0.2, 0.4)]
    claimx_sandbox.configure("broker: {prefix: 'refused.'}")
    with pytest.raises(ClaimxError, match="settled.*not with this prefix"):
        _ = claimx_sandbox.pipeline


def test_what_a_moment_publishes_is_known_by_its_cause():
    first = RowsCommitted(worker="w", tables={}, positions={"t/1": 4, "t/0": 7})
    again = RowsCommitted(worker="w", tables={}, positions={"t/0": 7, "t/1": 4})
    assert first.cause == again.cause == "w|t/0=7,t/1=4"
    assert json.dumps(first.event_type) == '"RowsCommitted"'
