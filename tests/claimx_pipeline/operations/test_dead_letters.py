"""Dead letters from Python: looked at, shown, exported, planned and replayed."""

import asyncio
import io
import json
from datetime import timedelta

import pytest

from claimx_pipeline import Category, UsageError, operations
from claimx_pipeline.broker.sqlite.log import StoredRecord
from claimx_pipeline.errors import BrokerError, DeadLetterError
from claimx_pipeline.operations.topics import open_producer
from claimx_pipeline.runtime.dead_letters.dead_letter import DeadLetter
from claimx_pipeline.runtime.headers import Origin

RAW, DEAD = "claimx.events.raw", "claimx.events.dlq"


@pytest.fixture
async def poisoned(ready):
    """Two bad events, each a dead letter of two workers."""
    await operations.publish(ready, RAW, [b"no event", b"\xff\xfe{"])
    await operations.run_until_idle(ready, "ingest", "events")
    return ready


async def count(pipeline, **options):
    wanted = operations.dead_letter_filter(pipeline, **options)
    return (await operations.look_at_dead_letters(pipeline, wanted)).groups.count


async def all_of(pipeline, **options):
    """Return where each dead letter is, by the worker that failed."""
    out = io.BytesIO()
    await operations.export_dead_letters(
        pipeline, out, operations.dead_letter_filter(pipeline, **options)
    )
    return [json.loads(line) for line in out.getvalue().splitlines()]


async def test_those_of_one_cause_are_one_group(poisoned):
    look = await operations.look_at_dead_letters(poisoned)
    groups = look.groups.largest_first()
    assert (look.groups.count, look.hidden) == (4, 0)
    workers = {worker for group in groups for worker in group.as_json()["workers"]}
    assert workers == {"ingest", "events"}
    assert {group.as_json()["category"] for group in groups} == {"permanent"}
    assert [group.count for group in groups] == sorted((g.count for g in groups), reverse=True)


async def test_each_filter_leaves_what_it_says(poisoned):
    now = poisoned.clock.now()
    (group, *_) = (await operations.look_at_dead_letters(poisoned)).groups.largest_first()
    one = group.as_json()["fingerprint"]
    assert await count(poisoned, worker="ingest") == 2
    assert await count(poisoned, category=Category.PERMANENT) == 4
    assert await count(poisoned, category=Category.BUG) == 0
    assert await count(poisoned, kind="plugin") == 0
    assert await count(poisoned, topic=DEAD) == 4
    assert await count(poisoned, fingerprint=one[:6]) == group.count
    assert await count(poisoned, since="1h") == 4
    assert await count(poisoned, since=now + timedelta(hours=1)) == 0
    assert await count(poisoned, until=now - timedelta(hours=1)) == 0
    assert await count(poisoned, event_id="no event") == 0


async def test_one_is_shown_with_its_value_and_failure(poisoned):
    (first, *_) = await all_of(poisoned, worker="ingest")
    shown = await operations.show_dead_letter(poisoned, first["letter"])
    assert shown.value in (b"no event", b"\xff\xfe{")
    assert shown.as_json() == first
    assert "Traceback" in first["traceback"]


async def test_an_export_has_everything_and_bytes_are_base64(poisoned):
    found = await all_of(poisoned)
    assert {(each["value"], each["value_encoding"]) for each in found} == {
        ("no event", "utf-8"),
        ("//57", "base64"),
    }
    out = io.BytesIO()
    assert await operations.export_dead_letters(poisoned, out) == 4


async def test_a_plan_changes_nothing_and_its_replay_marks_what_it_sent(poisoned):
    plan = await operations.plan_replay(poisoned)
    assert (plan.count, plan.hidden, plan.refused) == (4, 0, [])
    assert await count(poisoned) == 4
    done = await operations.replay_dead_letters(poisoned, plan)
    assert (done.groups.count, done.interrupted, done.error) == (4, False, None)
    assert await count(poisoned) == 0
    assert await count(poisoned, replayed=True) == 4
    again = await operations.plan_replay(poisoned)
    assert (again.count, again.hidden) == (0, 4)
    await operations.run_until_idle(poisoned, "ingest", "events")
    assert await count(poisoned) == 4, "what is still wrong fails again"


async def test_a_limit_and_named_locations_leave_the_rest(poisoned):
    plan = await operations.plan_replay(poisoned, limit=3)
    assert (await operations.replay_dead_letters(poisoned, plan)).groups.count == 3
    (left,) = await all_of(poisoned)
    plan = await operations.plan_replay(poisoned, locations=[left["letter"], left["letter"]])
    assert (await operations.replay_dead_letters(poisoned, plan)).groups.count == 1


async def test_what_died_after_the_plan_is_not_part_of_its_replay(poisoned):
    plan = await operations.plan_replay(poisoned)
    await operations.publish(poisoned, RAW, [b"one more"])
    await operations.run_until_idle(poisoned, "ingest")
    assert (await operations.replay_dead_letters(poisoned, plan)).groups.count == 4
    assert await count(poisoned) == 1


async def test_a_replay_that_is_stopped_goes_on_with_the_next_call(poisoned):
    stop = asyncio.Event()
    stop.set()
    plan = await operations.plan_replay(poisoned)
    done = await operations.replay_dead_letters(poisoned, plan, stop=stop)
    assert (done.groups.count, done.interrupted) == (0, True)
    assert (await operations.replay_dead_letters(poisoned, plan)).groups.count == 4


async def test_what_no_worker_would_take_up_is_refused_with_the_reason(poisoned):
    await operations.publish(poisoned, DEAD, [b"foreign"])
    plan = await operations.plan_replay(poisoned)
    done = await operations.replay_dead_letters(poisoned, plan)
    (refused,) = done.refused
    assert "lacks the headers of a dead letter" in refused.reason
    assert (plan.count, done.groups.count) == (4, 4)


async def test_a_broker_that_fails_ends_the_replay_and_its_error_is_in_the_result(
    poisoned, load, tmp_path
):
    plan = await operations.plan_replay(poisoned)
    (tmp_path / "claimx-data" / "broker.db").unlink()  # its topics with it
    done = await operations.replay_dead_letters(load(), plan)
    assert isinstance(done.error, BrokerError)
    assert done.groups.count == 0


async def test_what_is_not_there_or_not_valid_is_said(poisoned):
    with pytest.raises(DeadLetterError, match="there is none"):
        await operations.show_dead_letter(poisoned, f"{DEAD}/0/99")
    with pytest.raises(DeadLetterError, match="there is none"):
        await operations.plan_replay(poisoned, locations=[f"{DEAD}/0/0", f"{DEAD}/0/99"])
    with pytest.raises(UsageError, match="write TOPIC/PARTITION/OFFSET"):
        await operations.show_dead_letter(poisoned, "nonsense")
    with pytest.raises(UsageError, match="is not a topic of dead letters; there are claimx"):
        await operations.show_dead_letter(poisoned, f"{RAW}/0/0")
    with pytest.raises(UsageError, match="is not a valid time; give ISO 8601"):
        operations.dead_letter_filter(poisoned, since="yesterday")


async def test_where_nothing_was_created_there_are_none_and_nothing_is_created(pipeline, tmp_path):
    assert await count(pipeline) == 0
    assert (await operations.plan_replay(pipeline)).count == 0
    assert not (tmp_path / "claimx-data").exists()


async def test_conditions_on_what_is_in_them_leave_only_those(poisoned):
    (first, *_) = (await operations.look_at_dead_letters(poisoned)).groups.largest_first()
    name = first.newest.failure.worker
    worker = f"headers.claimx-dlq-worker={name}"
    assert await count(poisoned, where=[worker]) >= first.workers[name]
    assert await count(poisoned, where=[worker, f"offset={first.newest.record.offset}"]) >= 1
    assert await count(poisoned, where=["headers.claimx-dlq-worker=another"]) == 0


async def test_a_group_shows_one_whole_error_beside_its_pattern(poisoned):
    for group in (await operations.look_at_dead_letters(poisoned)).groups.largest_first():
        shown = group.as_json()
        assert shown["example"] == group.newest.failure.error
        assert "<n>" not in shown["example"]


async def test_a_transform_is_previewed_and_what_it_cannot_change_is_not_replayed(ready):
    topic = "claimx.enrichment.pending"
    worker = ready.workers["enrichment"]
    dead_letters = ready.topology.physical(worker.dead_letters.name)
    failure = DeadLetter(
        origin=Origin(topic, 0, 0),
        group=ready.topology.group(worker.group),
        worker="enrichment",
        category="permanent",
        error_type="RecordError",
        error="project 7 is unknown",
        attempts=1,
        first_failed="2026-01-15T12:00:00+00:00",
        last_failed="2026-01-15T12:00:00+00:00",
    )
    values = (b'{"projectId": 7, "old": 1, "amount": 2.00}', b"nothing")
    records = [StoredRecord(topic, 0, at, b"7", value, (), 0) for at, value in enumerate(values)]
    async with open_producer(ready) as producer:
        await producer.publish([failure.to_record(each, dead_letters) for each in records])
    transform = operations.RecordTransform.parse(["project.id=@projectId", "n=1.50", "old="])
    plan = await operations.plan_replay(ready, transform=transform)
    (preview,) = plan.previews
    assert preview.before == b'{"projectId": 7, "old": 1, "amount": 2.00}'
    assert preview.after == b'{"projectId":7,"amount":2.00,"project":{"id":7},"n":1.50}'
    (refused,) = plan.refused
    assert "not JSON" in refused.reason
    done = await operations.replay_dead_letters(ready, plan)
    assert (done.groups.count, len(done.refused)) == (1, 1)
    values = [each.value for each in await operations.read_topic(ready, topic)]
    assert values == [preview.after]
    assert (await operations.look_at_dead_letters(ready)).groups.count == 1
