"""Alerts by webhook, switched on by settings; nothing of it is there without."""

from datetime import UTC, datetime, timedelta

import pytest

from claimx_pipeline import SettingsError
from claimx_pipeline.hooks import DeadLetterContext, RowsCommitted, WorkerReadiness
from claimx_pipeline.plugins.shipped.alerts import Alerts, AlertsConfig
from claimx_pipeline.plugins.shipped.bodies import MOST_CHARACTERS, body

SETTINGS = """
connections: {{alarm: {{base_url: "{base}/webhooks/alarm"}}}}
plugins: {{alerts: {{config: {{connection: alarm, title: test, {more}}}}}}}
"""


def alarm(sandbox, more=""):
    base = sandbox.simulator.api_url.split("/service")[0]
    sandbox.configure(SETTINGS.format(base=base, more=more))


def calls(sandbox):
    return [each.json() for each in sandbox.simulator.requests.find("/webhooks/alarm")]


def test_it_is_not_there_without_settings(claimx_sandbox):
    assert "alerts" not in claimx_sandbox.pipeline.plugins.infos


def test_a_dead_letter_calls_the_webhook_once_for_many(claimx_sandbox):
    alarm(claimx_sandbox)
    claimx_sandbox.publish("claimx.events.raw", b"no event", b"nor this", key="k")
    claimx_sandbox.run("ingest", "actions")
    (said,) = calls(claimx_sandbox)
    assert (said["kind"], said["worker"], said["category"]) == (
        "dead_letter",
        "ingest",
        "permanent",
    )
    assert said["text"].startswith("[test] dead letter of worker ingest: ")
    assert said["topic"] == "claimx.events.dlq"
    assert len(claimx_sandbox.dead_letters()) == 2


def test_an_alert_that_cannot_be_delivered_is_a_dead_letter_and_no_further_alert(claimx_sandbox):
    base = claimx_sandbox.simulator.api_url.split("/service")[0]
    claimx_sandbox.configure(
        f"connections: {{alarm: {{base_url: '{base}/nowhere', max_retries: 0}}}}\n"
        "plugins: {alerts: {config: {connection: alarm}}}"
    )
    claimx_sandbox.configure("workers: {actions: {outage: dead_letter}}")
    claimx_sandbox.publish("claimx.events.raw", b"no event", key="k")
    claimx_sandbox.run("ingest", "actions")
    topics = sorted(record.topic for record in claimx_sandbox.dead_letters())
    assert topics == ["claimx.actions.dlq", "claimx.events.dlq"]


def test_a_connection_that_is_not_there_is_reported_before_anything_starts(claimx_sandbox):
    claimx_sandbox.configure("plugins: {alerts: {config: {connection: nosuch}}}")
    with pytest.raises(SettingsError, match=r"plugins\.alerts\.config\.connection.*'nosuch'"):
        claimx_sandbox.run("ingest")


NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Connection:
    """Takes what is sent, unless it is out of order."""

    def __init__(self):
        self.sent, self.fails = [], False

    async def request(self, method, path, *, json, repeatable):
        if self.fails:
            raise ConnectionError("no answer")
        self.sent.append(json)


class Lent:
    loop = None

    def __init__(self):
        self.alarm = Connection()

    def connection(self, name):
        assert name == "alarm"
        return self.alarm


def readiness(lent, state, seconds, worker="enrichment"):
    context = WorkerReadiness(
        worker=worker, state=state, reason="the broker", before="ready", seconds=seconds, since=""
    )
    context.lend(lent)
    return context


@pytest.fixture
def alerts():
    made = Alerts(AlertsConfig(connection="alarm", title="x", tables=("claimx_projects",)))
    made._now = lambda: NOW
    return made


async def test_a_worker_that_is_not_ready_for_long_is_alerted_of_once_and_again_when_it_is(alerts):
    lent = Lent()
    for state, seconds in (("waiting", 0), ("waiting", 299), ("waiting", 300), ("waiting", 330)):
        await alerts.claimx_worker_readiness(readiness(lent, state, seconds))
    await alerts.claimx_worker_readiness(readiness(lent, "degraded", 0))
    await alerts.claimx_worker_readiness(readiness(lent, "ready", 0))
    assert [said["kind"] for said in lent.alarm.sent] == ["not_ready", "ready"]
    assert "not ready for 0:05:00 (waiting): the broker" in lent.alarm.sent[0]["text"]


async def test_an_alert_that_was_not_taken_is_tried_again(alerts):
    lent = Lent()
    lent.alarm.fails = True
    with pytest.raises(ConnectionError):
        await alerts.claimx_worker_readiness(readiness(lent, "failed", 400))
    lent.alarm.fails = False
    await alerts.claimx_worker_readiness(readiness(lent, "failed", 430))
    assert [said["kind"] for said in lent.alarm.sent] == ["not_ready"]


def dead(**changed):
    known = {
        "worker": "w", "topic": "t.dlq", "origin": "t/0/1", "group": "g", "kind": "record",
        "plugin": "", "category": "bug", "error_type": "E", "error": "no", "attempts": 1,
        "first_failed": "", "record_key": None, "record_value": None,
    }  # fmt: skip
    return DeadLetterContext(**{**known, **changed})


async def test_after_a_quiet_time_the_next_alert_says_how_many_there_were(alerts):
    said = [await alerts.claimx_dead_letter(dead()) for _ in range(4)]
    assert [each is None for each in said] == [False, True, True, True]
    assert await alerts.claimx_dead_letter(dead(category="permanent")) is not None
    alerts._now = lambda: NOW + timedelta(minutes=10)
    (webhook,) = (await alerts.claimx_dead_letter(dead(plugin="p"))).actions
    assert "plugin p, worker w" in webhook.body["text"]
    (webhook,) = (await alerts.claimx_dead_letter(dead())).actions
    assert webhook.body["text"].endswith("; 3 more since the last alert")


async def test_rows_of_the_tables_that_are_named_are_alerted_of(alerts):
    tables = {"claimx_projects": 3, "claimx_contacts": 9}
    context = RowsCommitted(worker="entities", tables=tables, positions={})
    (webhook,) = (await alerts.claimx_rows_committed(context)).actions
    assert (webhook.body["table"], webhook.body["rows"]) == ("claimx_projects", 3)
    assert (await alerts.claimx_rows_committed(context)).actions == ()


def test_each_receiver_gets_the_form_that_it_takes():
    slack = body("slack", "ready", "<b> & more" + "x" * 5000, {})
    assert slack["text"].startswith("&lt;b&gt; &amp; more")
    assert len(body("slack", "ready", "x" * 5000, {})["text"]) == MOST_CHARACTERS
    teams = body("teams", "ready", "a text", {})
    (card,) = teams["attachments"]
    assert teams["type"] == "message"
    assert card["contentType"] == "application/vnd.microsoft.card.adaptive"
    assert card["content"]["body"][0]["text"] == "a text"
    assert body("json", "rows", "t", {"a": 1}) == {"kind": "rows", "text": "t", "a": 1}


def test_events_and_columns_can_be_left_out(claimx_sandbox):
    claimx_sandbox.configure(
        "plugins: {screen: {config: {leave_out: [PROJECT_FILE_ADDED], "
        "without: {contacts: [phone_number]}}}}"
    )
    claimx_sandbox.happen(30)
    claimx_sandbox.run("ingest", "enrichment", "entities")
    rows = claimx_sandbox.rows("SELECT event_type, outcome FROM claimx_event_log")
    outcomes = {row["outcome"] for row in rows if row["event_type"] == "PROJECT_FILE_ADDED"}
    assert outcomes == {"filtered"}
    assert {row["phone_number"] for row in claimx_sandbox.rows("claimx_contacts")} == {None}
