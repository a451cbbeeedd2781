"""``trace``: an event at each station, one that died, one that waits, and what is said of it."""

import json
import uuid

import pytest

from claimx_pipeline import OutRecord, operations
from claimx_pipeline.broker.protocol import NewTopic
from claimx_pipeline.errors import UsageError
from claimx_pipeline.operations.topics import open_admin
from claimx_pipeline.operations.tracing import searching
from claimx_pipeline.settings.tree.health import HealthSettings
from claimx_pipeline.simulator.faults import Fault
from claimx_pipeline.telemetry.server import HealthServer
from tests.rigs import topics
from tests.rigs.whole_pipeline import whole_pipeline

RAW = "claimx.events.raw"
SLOW = (600, 1200, 2400, 4800)
"""Delays of retry topics, longer than any test."""


@pytest.fixture
async def whole(tmp_path):
    async with whole_pipeline(tmp_path, delays=SLOW) as whole:
        yield whole


async def published(whole, count=12):
    """Publish the first events of the world; return the first with a file."""
    await whole.publish(count)
    return [event.value for event in whole.world.events(count)]


def kinds(trace):
    return [station.kind for station in trace.stations]


def said(trace):
    return " / ".join(f"{now.state}: {now.what}" for now in trace.now)


async def test_an_event_is_found_at_every_station_until_it_is_in_the_tables(whole):
    pipeline = whole.pipeline
    events = await published(whole)
    event_id = (await ids_of(pipeline, events[:1]))[0]

    first = await operations.trace(pipeline, event_id)
    assert kinds(first) == ["raw event"]
    assert "worker 'ingest' has not read" in said(first)
    assert "start it: 'claimx-run worker ingest'" in first.now[0].remedy
    assert {reader.worker for reader in first.stations[0].readers} == {"ingest", "events"}

    await operations.run_until_idle(pipeline, "ingest", "events")
    second = await operations.trace(pipeline, event_id)
    assert kinds(second) == ["raw event", "task to enrich", "row"]
    assert "'enrichment' has not read the task to enrich" in said(second)
    assert second.stations[-1].where == "claimx_events@1"

    await operations.run_until_idle(pipeline, "enrichment")
    third = await operations.trace(pipeline, event_id)
    assert "rows to store" in kinds(third)
    assert "'entities' has not read the rows to store" in said(third)

    await operations.run_until_idle(pipeline, *pipeline.workers)
    last = await operations.trace(pipeline, event_id)
    assert [now.state for now in last.now] == ["done"]
    assert {"claimx_events", "claimx_event_log", "claimx_projects"} <= {
        station.where.partition("@")[0] for station in last.stations if station.kind == "row"
    }
    times = [station.at for station in last.stations if station.at]
    assert times == sorted(times)
    assert last.events == [event_id]
    json.dumps(last.as_json())

    by_project = await operations.trace(pipeline, str(events[0]["projectId"]))
    assert event_id in by_project.events
    assert len(by_project.stations) >= len(last.stations)


async def ids_of(pipeline, events):
    """Return the ids that the pipeline gives to raw events, in the order of their publishing."""
    (domain,) = pipeline.domains.values()
    decode = domain.reading(pipeline.settings)
    return [
        decode(record.value, record.timestamp, lambda: "").event_id
        async for record in operations.read_records(pipeline, RAW)
        if json.loads(record.value) in events
    ]


async def test_an_event_whose_id_is_derived_is_found_with_its_raw_record(whole):
    pipeline = whole.pipeline
    value = {"eventType": "PROJECT_CREATED", "projectId": whole.world.events(1)[0].project_id}
    value["ingestedAt"] = "2026-01-15T12:00:00Z"
    await operations.publish(pipeline, RAW, [value], keys=[str(value["projectId"])])
    await operations.run_until_idle(pipeline, "ingest")
    (task,) = await operations.read_topic(pipeline, "claimx.enrichment.pending")
    event_id = json.loads(task.value)["event_id"]
    assert event_id.encode() not in (await operations.read_topic(pipeline, RAW))[0].value
    assert kinds(await operations.trace(pipeline, event_id)) == ["raw event", "task to enrich"]


async def test_a_file_is_followed_to_where_it_is_stored(whole):
    pipeline = whole.pipeline
    events = await published(whole, 60)
    media = next(event["mediaId"] for event in events if event.get("mediaId"))
    await operations.run_until_idle(pipeline, *pipeline.workers)
    found = await operations.trace(pipeline, str(media))
    assert {"file to fetch", "fetched file", "result of a file", "row"} <= {*kinds(found)}
    result = next(each for each in found.stations if each.kind == "result of a file")
    assert "completed" in result.about
    assert any(each.where.startswith("claimx_attachment_metadata") for each in found.stations)


@pytest.mark.kafka
async def test_on_kafka_as_well_it_is_found_where_it_waits_where_it_died_and_where_it_is(
    tmp_path, kafka_url
):
    prefix = f"trace{uuid.uuid4().hex[:8]}."
    async with whole_pipeline(tmp_path, url=kafka_url, prefix=prefix, delays=SLOW) as whole:
        pipeline = whole.pipeline
        await operations.create_topics(pipeline)
        events = await published(whole)
        dying = {"eventId": "dead-1", "eventType": "PROJECT_CREATED", "projectId": 99999999}
        dying["ingestedAt"] = "2026-01-15T12:00:00Z"
        await operations.publish(pipeline, RAW, [dying], keys=["99999999"])
        event_id = (await ids_of(pipeline, events[:1]))[0]
        async with open_admin(pipeline) as admin:
            await admin.create_topics([NewTopic(f"others{prefix}events", 1)])
        others = OutRecord(f"others{prefix}events", json.dumps({"id": event_id}).encode())
        await topics.publish(pipeline.broker(), [others])
        first = await operations.trace(pipeline, event_id)
        assert kinds(first) == ["raw event"], "what is others' is not looked at"
        assert "worker 'ingest' has not read" in said(first)
        await operations.run_until_idle(pipeline, *pipeline.workers)
        last = await operations.trace(pipeline, event_id)
        assert [now.state for now in last.now] == ["done"]
        assert {"raw event", "task to enrich", "rows to store", "row"} <= {*kinds(last)}
        dead = await operations.trace(pipeline, "dead-1")
        assert "dead letter" in kinds(dead)
        assert "dead" in {now.state for now in dead.now}


async def test_one_that_died_says_of_what_and_how_to_replay_it(whole):
    pipeline = whole.pipeline
    value = {"eventId": "dead-1", "eventType": "PROJECT_CREATED", "projectId": 99999999}
    await operations.publish(pipeline, RAW, [{**value, "ingestedAt": "2026-01-15T12:00:00Z"}])
    await operations.run_until_idle(pipeline, *pipeline.workers)
    found = await operations.trace(pipeline, "dead-1")
    (dead,) = [each for each in found.stations if each.kind == "dead letter"]
    assert said(found).startswith("dead: it is dead at enrichment, permanent: ")
    assert f"dlq replay {dead.where}" in found.now[0].remedy
    status = await operations.look_at_status(pipeline, probes=["http://127.0.0.1:9"])
    assert [(cause.worker, cause.count) for cause in status.dead] == [("enrichment", 1)]
    assert "99999999" in status.dead[0].example, "a whole example, not a pattern"

    plan = await operations.plan_replay(pipeline)
    await operations.replay_dead_letters(pipeline, plan)
    again = await operations.trace(pipeline, "dead-1")
    assert "dead" not in {now.state for now in again.now}
    assert "'enrichment' has not read" in said(again)


async def test_one_in_a_retry_tier_says_when_it_is_due_and_for_which_worker(whole):
    pipeline = whole.pipeline
    whole.simulator.faults.add(Fault(kind="half_body", path="/service", times=1))
    events = await published(whole, 1)
    (event_id,) = await ids_of(pipeline, events)
    whole.start()
    async with open_admin(pipeline) as admin:
        tiers = [each for each in await admin.topics() if ".retry." in each]

        async def waits() -> bool:
            return any([sum((await admin.end_offsets(topic)).values()) for topic in tiers])

        await whole.until(waits)
    await whole.stop()
    found = await operations.trace(pipeline, event_id)
    (retry,) = [each for each in found.stations if each.kind == "retry"]
    waiting = next(now for now in found.now if "it waits in" in now.what)
    assert retry.where.rsplit("/", 2)[0] in waiting.what
    assert (
        f"until {retry.facts['due']:%Y-%m-%d %H:%M:%S} UTC, for worker 'enrichment'" in waiting.what
    )
    assert "start worker 'retry'" in waiting.remedy
    (tier,) = (await operations.look_at_status(pipeline, probes=["http://127.0.0.1:9"])).tiers
    assert (tier.waiting, tier.next_due) == (1, retry.facts["due"])


async def test_one_that_waits_for_a_service_says_so_as_probes_and_metrics_do(whole):
    pipeline = whole.pipeline
    whole.simulator.faults.add(Fault(kind="error", path="/service", status=503))
    events = await published(whole, 60)
    event_id = (await ids_of(pipeline, events))[-1]
    whole.start()
    await whole.until(
        lambda: "waiting" in str(whole.health.ready()[1]["workers"].get("enrichment"))
    )
    server = HealthServer(HealthSettings(), whole.health, whole.process.metrics)
    await server.start()
    try:
        url = f"http://127.0.0.1:{server.port}"
        found = await operations.trace(pipeline, event_id, probes=[url])
        status = await operations.look_at_status(pipeline, probes=[url])
    finally:
        await server.close()
    (now,) = [each for each in found.now if "'enrichment'" in each.what]
    assert "holds the task to enrich" in now.what
    assert "503 Service Unavailable" in now.what
    state = next(each for each in status.workers if each.worker == "enrichment")
    ready, details = whole.health.ready()
    assert (state.state, status.ready) == ("waiting", ready) == ("waiting", False)
    assert state.reason in str(details["workers"]["enrichment"])
    parked = whole.process.metrics.registry.get_sample_value(
        "claimx_records_waiting", {"worker": "enrichment"}
    )
    assert 0 < parked <= state.lag
    await whole.stop()


async def test_what_nothing_names_says_how_long_topics_keep(whole):
    found = await operations.trace(whole.pipeline, "never-seen-1")
    assert not found.found
    assert "no record and no row names 'never-seen-1'" in said(found)
    assert "claimx.events.raw keeps 168 hours" in found.now[0].remedy
    with pytest.raises(UsageError, match="too short"):
        await operations.trace(whole.pipeline, "7")


async def test_an_id_that_is_part_of_another_is_not_taken_for_it(whole):
    values = [{"eventId": f"e-{n}", "eventType": "X", "projectId": 70010 + n} for n in (1, 10)]
    await operations.publish(whole.pipeline, RAW, values)
    found = await operations.trace(whole.pipeline, "e-1")
    assert (found.events, len(found.stations)) == (["e-1"], 1)


def with_long_ids(count):
    """Return events whose ids begin as that of the last does."""
    kind = {"event_type": "PROJECT_CREATED", "project_id": 700100}
    return [{"event_id": f"x1{n}", **kind} for n in range(count)] + [{"event_id": "x1", **kind}]


async def test_an_id_that_many_others_begin_with_is_found_behind_them(whole, monkeypatch):
    monkeypatch.setattr(searching, "MOST", 5)
    await operations.publish(whole.pipeline, RAW, with_long_ids(40))
    await operations.run_until_idle(whole.pipeline, "ingest", "events")
    trace = await operations.trace(whole.pipeline, "x1")
    assert kinds(trace) == ["raw event", "task to enrich", "row"]
    assert not trace.cut
    assert "'enrichment' has not read the task to enrich" in said(trace)


async def test_what_was_not_looked_at_is_not_called_done(whole, monkeypatch):
    monkeypatch.setattr(searching, "MOST", 5)
    monkeypatch.setattr(searching, "MOST_LOOKED", 10)
    await operations.publish(whole.pipeline, RAW, with_long_ids(40))
    await operations.run_until_idle(whole.pipeline, "ingest", "events")
    trace = await operations.trace(whole.pipeline, "x1")
    assert trace.cut
    assert [now.state for now in trace.now] == ["unknown"]
    assert "than are looked at" in trace.now[0].what


async def test_without_an_inspector_the_same_is_found_record_by_record(whole, monkeypatch):
    from claimx_pipeline.operations.tracing import trace as module

    values = [{"eventId": f"e-{n}", "eventType": "X", "projectId": 7001} for n in range(30)]
    await operations.publish(whole.pipeline, RAW, values)
    fast = await operations.trace(whole.pipeline, "e-17")
    monkeypatch.setattr(module, "inspector_of", lambda broker: None)
    monkeypatch.setattr(searching, "PAGE", 3)
    slow = await operations.trace(whole.pipeline, "e-17")
    assert slow.stations == fast.stations != []
