"""What a plugin may use while it is called, as a user writes it."""

import asyncio
import time
from urllib.parse import urlsplit

import pytest
from prometheus_client import generate_latest

from claimx_pipeline import Plugin, PluginResult, Topic, UsageError
from claimx_pipeline.runtime.process import WorkerProcess
from claimx_pipeline.telemetry.health import Health
from claimx_pipeline.telemetry.metrics import Metrics

STORED = "SELECT count(*) AS photos FROM claimx_attachment_metadata WHERE project_id = '{}'"


class WaterAlert(Plugin):
    """Alerts on water claims with three photos; has no connection, no client, no table."""

    name = "water_alert"
    event_types = frozenset({"PROJECT_FILE_ADDED"})

    def topics(self):
        return [Topic("water.alerts", terminal=True)]

    async def execute(self, context):
        project = await context.reader.project(int(context.project_id))
        kind = project.body["project"]["typeOfLoss"]
        if kind != "WATER":
            return None
        (stored,) = await context.query(STORED.format(context.project_id))
        photos = stored["photos"] + len(context.media)
        if photos < 3:
            return None
        found = {"project": context.project_id, "photos": photos}
        return PluginResult.publish("water.alerts", found)


def test_a_plugin_asks_the_api_and_the_tables_without_a_connection_of_its_own(claimx_sandbox):
    claimx_sandbox.install(WaterAlert)
    for _ in range(5):
        claimx_sandbox.happen(30)
        claimx_sandbox.run("ingest", "enrichment", "entities")
    alerts = claimx_sandbox.messages("water.alerts")
    water = {
        row["project_id"]: row["photos"]
        for row in claimx_sandbox.rows(
            "SELECT p.project_id, count(*) AS photos FROM claimx_projects p JOIN "
            "claimx_attachment_metadata m ON m.project_id = p.project_id "
            "WHERE p.type_of_loss = 'WATER' GROUP BY p.project_id HAVING count(*) >= 3"
        )
    }
    assert alerts
    assert {alert["project"] for alert in alerts} <= water.keys()
    assert claimx_sandbox.dead_letters() == []


class Blocking(Plugin):
    """Written without ``async``; a service of the settings, and a bad query."""

    name = "blocking"
    event_types = frozenset({"PROJECT_CREATED"})
    loaded: list[str]

    def topics(self):
        return [Topic("blocking.found", terminal=True)]

    def on_load(self, resources):
        self.loaded = [type(resources.clock).__name__]

    def execute(self, context):
        answer = context.wait(context.connection("acme").request("POST", "/webhooks/x", json={}))
        rows = context.wait(context.query("SELECT 1 AS one"))
        said = {"status": answer.status, "rows": rows, "loaded": self.loaded}
        return PluginResult.publish("blocking.found", said)


def test_a_plugin_without_async_waits_in_its_own_thread(claimx_sandbox):
    claimx_sandbox.install(Blocking)
    address = urlsplit(claimx_sandbox.simulator.api_url)
    base = f"{address.scheme}://{address.netloc}"
    claimx_sandbox.configure(f"connections: {{acme: {{base_url: '{base}', max_retries: 0}}}}")
    events = claimx_sandbox.happen(20)
    claimx_sandbox.run("ingest", "enrichment")
    created = [event for event in events if event.event_type == "PROJECT_CREATED"]
    found = claimx_sandbox.messages("blocking.found")
    said = {"status": 200, "rows": [{"one": 1}], "loaded": ["SystemClock"]}
    assert found == [said] * len(created) != []
    assert claimx_sandbox.dead_letters() == []


class Greedy(Plugin):
    name = "greedy"
    asked: list

    def __init__(self, config=None):
        super().__init__(config)
        self.asked = []

    async def execute(self, context):
        try:
            self.asked.append(await context.query("SELECT * FROM claimx_events"))
        except UsageError as error:
            self.asked.append(error)


def test_what_is_too_much_for_a_plugin_is_refused_in_a_sentence(claimx_sandbox):
    claimx_sandbox.install(Greedy)
    claimx_sandbox.configure("plugins: {greedy: {query_rows: 10}}")
    claimx_sandbox.happen(11)
    claimx_sandbox.run("ingest", "events", "enrichment")
    claimx_sandbox.happen(1)
    claimx_sandbox.run("ingest", "events")
    claimx_sandbox.run("enrichment")
    plugin = dict(claimx_sandbox.pipeline.plugins.loaded())["greedy"]
    assert "more than 10 rows" in str(plugin.asked[-1])


async def test_what_a_plugin_uses_is_counted_for_it(claimx_sandbox):
    claimx_sandbox.install(WaterAlert)
    claimx_sandbox.happen(40)
    pipeline = claimx_sandbox.pipeline
    metrics, health = Metrics(), Health(pipeline.clock)
    resources = pipeline.resources(pipeline.broker(), health, metrics)
    specs = [pipeline.workers["ingest"], pipeline.workers["enrichment"]]
    process = WorkerProcess(specs, resources, metrics)
    running = asyncio.create_task(process.run())
    shown = b""
    deadline = time.monotonic() + 60
    while b'used_seconds_count{plugin="water_alert",what="reader"}' not in shown:
        shown = generate_latest(metrics.registry)
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
    process.stop.set()
    await running
    assert b'what="reader"' in shown


def test_outside_a_call_a_context_says_why_it_can_do_nothing(claimx_sandbox):
    (event,) = claimx_sandbox.happen(1)
    context = claimx_sandbox.context(event)
    with pytest.raises(LookupError, match="works while a worker calls the plugin"):
        context.connection("acme")
