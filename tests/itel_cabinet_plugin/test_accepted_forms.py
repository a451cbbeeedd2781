"""Whole workers: a form is requested once, whatever is published about it and whoever asks."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from claimx_pipeline.operations.dead_letters import dead_letter_filter
from claimx_pipeline.operations.replay import plan_replay, replay_dead_letters
from claimx_pipeline.runtime.process import WorkerProcess
from claimx_pipeline.simulator.faults import Fault
from itel_cabinet_plugin.topics import ACCEPTED, SENDING
from tests.rigs import topics
from tests.rigs.itel import cabinet_events, itel_rig, publish, status_message
from tests.rigs.whole_pipeline import WholePipeline

pytestmark = pytest.mark.plugin

EVENTS = 200
API = ("itel-api", "retry")


def messages(rig: WholePipeline, copy: int = 0) -> list[dict]:
    """Return what the trigger publishes of all events of cabinet tasks."""
    found = [status_message(event) for event in cabinet_events(rig.world, EVENTS)]
    return [each | {"event_id": f"{each['event_id']}/{copy}"} for each in found]


def requests(rig: WholePipeline) -> Counter[str]:
    """Return how often each form was sent, by its key."""
    return Counter(
        str(each.idempotency_key) for each in rig.simulator.requests.find("/itel", method="POST")
    )


def forms(rig: WholePipeline) -> set[str]:
    return {f"itel/{task}/{form}" for task, form in rig.world.expected_submissions(EVENTS)}


async def restarted(rig: WholePipeline, instances: int = 1) -> None:
    """Stop the workers and start others in their stead."""
    await rig.stop()
    resources = rig.pipeline.resources(rig.pipeline.broker(), rig.health, rig.process.metrics)
    rig.process = WorkerProcess(rig.process.specs, resources, rig.process.metrics, instances)
    rig.start()


@pytest.mark.parametrize("instances", [1, 3])
async def test_an_event_that_comes_twice_and_later_events_send_nothing_again(tmp_path, instances):
    async with itel_rig(tmp_path, workers=API) as rig:
        rig.process.instances = instances
        rig.start()
        await publish(rig, messages(rig) + messages(rig))
        await rig.idle()
        await restarted(rig, instances)
        await publish(rig, messages(rig, copy=1))
        await rig.idle()
        assert requests(rig) == dict.fromkeys(forms(rig), 1)
        said = [json.loads(each.value) for each in await rig.records("itel.cabinet.api.success")]
        again = Counter("already_accepted" in each for each in said)
        assert again[False] >= len(forms(rig))
        assert again[True] > 0
        assert all(each["itel_task_id"] for each in said)
        assert {json.loads(r.value)["form"] for r in await rig.records(ACCEPTED.name)} == forms(rig)
        assert await rig.dead() == {}


async def test_members_that_come_and_go_know_what_the_others_sent(tmp_path):
    async with itel_rig(tmp_path, workers=API) as rig:
        rig.process.instances = 2
        rig.start()
        await publish(rig, messages(rig))
        await rig.idle()
        for instances in (1, 3, 2):
            await restarted(rig, instances)
            await publish(rig, messages(rig, copy=instances))
            await rig.idle()
        assert requests(rig) == dict.fromkeys(forms(rig), 1)


async def test_partitions_that_move_between_living_members_move_with_what_is_known(tmp_path):
    async with itel_rig(tmp_path, workers=API) as rig:
        rig.start()
        await publish(rig, messages(rig))
        await rig.idle()
        resources = rig.pipeline.resources(rig.pipeline.broker(), rig.health, rig.process.metrics)
        other = WholePipeline(
            rig.pipeline,
            rig.simulator,
            rig.world,
            rig.health,
            WorkerProcess(rig.process.specs, resources, rig.process.metrics),
        )
        other.start()
        await publish(rig, messages(rig, copy=1))
        await rig.idle()
        await other.stop()
        await publish(rig, messages(rig, copy=2))
        await rig.idle()
        assert requests(rig) == dict.fromkeys(forms(rig), 1)


async def test_an_installation_without_the_new_topics_goes_on(tmp_path: Path, monkeypatch):
    create = topics.create_topics

    async def older(pipeline):
        new = {ACCEPTED.name, SENDING.name}
        async with topics.admin_of(pipeline.broker()) as admin:
            await admin.create_topics(
                [each for each in pipeline.topology.new_topics() if each.name not in new]
            )

    monkeypatch.setattr(topics, "create_topics", older)
    async with itel_rig(tmp_path, workers=API) as rig:
        monkeypatch.setattr(topics, "create_topics", create)
        rig.start()
        await publish(rig, messages(rig) + messages(rig))
        await rig.idle()
        assert requests(rig) == dict.fromkeys(forms(rig), 1)
        assert await rig.dead() == {}


async def test_a_replay_sends_what_is_dead_and_again_what_was_accepted(tmp_path):
    async with itel_rig(tmp_path, workers=API) as rig:
        rig.simulator.faults.add(Fault(kind="error", path="/itel", status=422, times=1))
        rig.start()
        sent = [each for each in messages(rig) if each["task_status"] == "COMPLETED"]
        await publish(rig, sent)
        await rig.idle()
        assert len(rig.simulator.submissions) == len(forms(rig)) - 1
        for again, expected in ((False, 2), (False, 2), (True, 3)):
            wanted = dead_letter_filter(rig.pipeline, replayed=again)
            plan = await plan_replay(rig.pipeline, wanted)
            await replay_dead_letters(rig.pipeline, plan)
            await rig.idle()
            assert max(requests(rig).values()) == expected
        assert len(rig.simulator.submissions) == len(forms(rig))
        assert rig.simulator.submissions.repeats == 1
