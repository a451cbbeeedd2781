"""What a plugin remembers is exact after kills, with two instances of every worker."""

import asyncio
import random
import time
import uuid
from collections import Counter

import pytest

from claimx_pipeline import OutRecord
from claimx_pipeline.testing.sandbox import Sandbox
from tests.faults.form import FORM
from tests.rigs import topics
from tests.rigs.plugin_folder import write_plugin

COUNT_PER_CITY = '''
"""Counts events per city, whatever becomes of the processes."""

def change_state(self, key, value, change):
    return (value or 0) + change

async def execute(self, context):
    await asyncio.sleep(0.01)  # so that a kill finds work under way
    answer = await context.reader.project(int(context.project_id))
    return PluginResult.change_state(answer.body["project"]["address"]["city"], 1)
'''

WORKERS = ("ingest", "enrichment", "plugin-state")
EVENTS = 400
KILLS = 8


def counts(sandbox):
    """Return what is remembered: of each key the entry that is made of most changes."""
    newest = {}
    for message in sandbox.messages("claimx.plugins.states"):
        order = max((time, offset) for offset, time in message["applied"].values())
        known = newest.get(message["key"], ((0, -1), None))
        if order >= known[0]:
            newest[message["key"]] = order, message["value"]
    return {key: value for key, (_, value) in newest.items()}


def wait_for_changes(sandbox, many, seconds=60):
    """Wait until plugins have asked for so many changes."""
    end = time.monotonic() + seconds
    while len(sandbox.records("claimx.plugins.changes")) < many:
        assert time.monotonic() < end, f"no {many} changes within {seconds} s"
        time.sleep(0.02)


def repeat(sandbox, topic):
    """Publish again what lies in *topic*, as a writer does that was killed before its commit."""
    records = [
        OutRecord(each.topic, each.value, each.key, tuple(each.headers))
        for each in sandbox.records(topic)
    ]
    asyncio.run(topics.publish(sandbox.pipeline.broker(), records))


def attacked(folder, nursery, seed, broker=""):
    """Let events happen while two processes are killed again and again; return both counts."""
    chance = random.Random(seed)
    with Sandbox(folder) as sandbox:
        write_plugin(folder, "count_per_city", COUNT_PER_CITY)
        sandbox.configure("plugins: {count_per_city: {required: true}}")
        sandbox.configure("workers: {plugin-state: {batch_size: 20}, enrichment: {batch_size: 20}}")
        if broker:
            sandbox.configure(broker)
        assert sandbox.pipeline.workers["plugin-state"]
        command = ("--config", "settings", "worker", *WORKERS)
        crew = [nursery.start(*command, cwd=folder) for _ in range(2)]
        sandbox.happen(EVENTS)
        for number in range(KILLS):
            wait_for_changes(sandbox, number * EVENTS // (KILLS + 1) + 1)
            time.sleep(chance.uniform(0, 0.1))  # the moment of the kill is left to chance
            victim = chance.randrange(2)
            assert crew[victim].code is None, crew[victim].told()
            crew[victim].kill()
            crew[victim] = nursery.start(*command, cwd=folder)
            if number == KILLS // 2:
                repeat(sandbox, "claimx.enrichment.pending")
                repeat(sandbox, "claimx.plugins.changes")
        for each in crew:
            each.kill()
        assert [each.code for each in crew] == [-9, -9], crew[0].told() + crew[1].told()
        sandbox.run(*WORKERS, seconds=300)
        assert sandbox.dead_letters() == []
        assert len(sandbox.records("claimx.plugins.changes")) > EVENTS, "nothing came twice"
        world = sandbox.simulator.world
        expected = Counter(
            world.project(event.project_id).address["city"] for event in world.events(EVENTS)
        )
        return counts(sandbox), expected


@pytest.mark.parametrize("seed", range(1, 1 + FORM.embedded_seeds))
def test_a_count_is_exact_on_the_embedded_broker(tmp_path, nursery, seed):
    found, expected = attacked(tmp_path, nursery, seed)
    assert found == expected != {}


@pytest.mark.kafka
def test_a_count_is_exact_on_kafka(tmp_path, nursery, kafka_url):
    prefix = f"state-{uuid.uuid4().hex[:8]}."
    broker = (
        f"broker: {{url: '{kafka_url}', prefix: '{prefix}', kafka: {{session_timeout_seconds: 6}}}}"
    )
    found, expected = attacked(tmp_path, nursery, 7, broker)
    assert found == expected != {}
