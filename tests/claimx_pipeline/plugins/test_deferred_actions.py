"""Actions that are to be done later: they wait in the retry topics, in several waits if need be."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from claimx_pipeline import OutRecord, Plugin, PluginResult, Topic
from claimx_pipeline.hooks import EnrichmentContext
from claimx_pipeline.plugins.host.results import AnswerReader, PublishRules
from claimx_pipeline.runtime import headers
from claimx_pipeline.runtime.retry_ladder import RetryLadder
from claimx_pipeline.telemetry.plugin_metrics import PluginMetrics


class Reminder(Plugin):
    """Asks for a message now, one a while later, and a call of a webhook."""

    name = "reminder"
    event_types = frozenset({"PROJECT_CREATED"})

    def topics(self):
        return [Topic("reminders", terminal=True)]

    async def execute(self, context):
        later = timedelta(seconds=0.7)
        return (
            PluginResult.publish("reminders", {"what": "now"})
            .and_then(PluginResult.publish("reminders", {"what": "later"}, after=later))
            .and_then(
                PluginResult.webhook(
                    connection="acme",
                    path="/webhooks/reminder",
                    body={"id": context.project_id},
                    after=timedelta(seconds=0.1),
                )
            )
        )


def test_a_deferred_action_is_done_when_its_time_has_come(claimx_sandbox):
    claimx_sandbox.install(Reminder)
    base = claimx_sandbox.simulator.api_url.split("/service")[0]
    claimx_sandbox.configure(f"connections: {{acme: {{base_url: '{base}'}}}}")
    events = claimx_sandbox.happen(2)
    created = [event for event in events if event.event_type == "PROJECT_CREATED"]
    claimx_sandbox.run("ingest", "enrichment", "actions")
    now, later = claimx_sandbox.records("reminders")
    assert later.timestamp - now.timestamp >= 700
    assert {name for name, _ in later.headers} == {
        "claimx-id",
        "claimx-hops",
        "claimx-correlation-id",
        "claimx-raw",
    }
    hops = [
        len(claimx_sandbox.records(f"claimx.plugins.retry.{delay}")) for delay in ("200ms", "400ms")
    ]
    assert hops in ([1, 2], [2, 1]), "0.1 s in the shortest wait, 0.7 s in two, as one is left"
    asked = claimx_sandbox.simulator.requests.find("/webhooks/reminder")
    assert [each.json()["id"] for each in asked] == [event.project_id for event in created]
    assert claimx_sandbox.dead_letters() == []


NOW = datetime(2026, 1, 1, tzinfo=UTC)
DELAYS = st.lists(st.integers(1, 5000), min_size=1, max_size=5, unique=True).map(sorted)


@given(DELAYS, st.integers(1, 50_000))
def test_a_deferral_is_never_short_and_at_most_one_delay_too_long(delays, seconds):
    ladder = RetryLadder("x", tuple(map(float, delays)))
    until, at = NOW + timedelta(seconds=seconds), NOW
    record, waits = OutRecord("t", b"v", b"k", (("claimx-id", b"1"),)), []
    while at < until:
        waiting = ladder.deferred(record, until, at)
        said = dict(waiting.headers)
        assert said[headers.RETURN_TO] == b"t"
        assert said["claimx-id"] == b"1"
        due = datetime.fromtimestamp(int(said[headers.DUE]) / 1000, UTC)
        waits.append((due - at).total_seconds())
        at = due
    assert at - until < timedelta(seconds=min(d for d in delays if d >= waits[-1]))
    assert set(waits[:-1]) <= {max(delays)}


def test_what_is_done_in_place_is_not_deferred():
    given = PluginResult.log("info", "x").and_then(PluginResult.publish("t", 1))
    log, later = given.later(timedelta(minutes=1)).actions
    assert type(log).__name__ == "Log"
    assert (type(later).__name__, later.after) == ("Later", timedelta(minutes=1))
    assert given.later(None) is given


@pytest.mark.parametrize("days", [367, 5000])
def test_a_deferral_has_a_limit(claimx_sandbox, days):
    (event,) = claimx_sandbox.happen(1)
    reader = AnswerReader(
        PublishRules(ladder=RetryLadder("x", (1.0,))), PluginMetrics(CollectorRegistry())
    )
    context = EnrichmentContext(event, claimx_sandbox.context(event).entities)
    result = PluginResult.publish("t", 1, after=timedelta(days=days))
    with pytest.raises(ValueError, match="366 days at most"):
        reader.prepare("far", "claimx_enrichment_complete", context, result)
