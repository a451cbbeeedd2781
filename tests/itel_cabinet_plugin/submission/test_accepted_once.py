"""A form that iTel accepted is not sent again; what it did not answer goes out as it was."""

from __future__ import annotations

import asyncio
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from claimx_pipeline import OutRecord
from claimx_pipeline.broker.sqlite.broker import SqliteBroker
from claimx_pipeline.errors import BrokerUnavailableError, Category
from claimx_pipeline.runtime.outcome import Dead, Retry
from claimx_pipeline.settings.tree.broker import BrokerSettings
from claimx_pipeline.stages import TopicLog
from itel_cabinet_plugin.topics import ACCEPTED, SENDING
from tests.fakes.http_service import Reply
from tests.itel_cabinet_plugin.conftest import TOPOLOGY
from tests.rigs.itel_sender import VENDOR, YES, receiver, report, wanted
from tests.rigs.topics import admin_of, publish

HOUR = 3600.0


@pytest.fixture
async def itel(outside):
    async with receiver(outside.resources) as made:
        yield made


@pytest.fixture
async def vendor(outside):
    async with receiver(outside.resources, payload="vendor", vendor=VENDOR) as made:
        yield made


def said(item):
    return item.data["submission"]


def broken(*statuses):
    """Return answers: each of *statuses* in turn, then yes; None is an answer cut off."""
    left = list(statuses)

    def answer(_asked):
        if not left:
            return Reply(YES)
        status = left.pop(0)
        return (
            Reply(raw=b"HTTP/1.1 200 Said\r\ncontent-length: 99\r\n\r\n{")
            if status is None
            else (Reply({"message": "no"}, status))
        )

    return answer


def refuse(monkeypatch, topic):
    """Let the broker take nothing for *topic*."""
    usual = TopicLog.append

    async def append(log, records):
        if log.topic == topic:
            raise BrokerUnavailableError("it is down")
        await usual(log, records)

    monkeypatch.setattr(TopicLog, "append", append)


async def test_what_itel_accepted_is_done_and_not_sent_again(itel):
    (first,) = await itel.send(wanted())
    (second,) = await itel.send(wanted())
    assert len(itel.asked) == 1
    assert second.outcome is None
    assert second.reports == []
    assert said(first) == {**said(second), "already_accepted": False}
    assert said(second)["already_accepted"]
    assert said(second)["itel_task_id"] == "ITEL-1"


async def test_it_is_counted(itel, outside):
    await itel.send(wanted())
    await itel.send(wanted(), wanted())
    counted = outside.metrics.registry.get_sample_value(
        "claimx_plugin_metric_forms_already_accepted_total", {"plugin": "itel_cabinet_api"}
    )
    assert counted == 2


async def test_it_is_known_after_a_restart_and_by_whoever_takes_the_partition_over(itel):
    await itel.send(wanted(1))
    other = await itel.another()
    await other.process([wanted(2)])
    await itel.send(wanted(3))
    await other.process([wanted(1), wanted(2)])
    assert len(itel.asked) == 3
    # What the other one sent meanwhile is read when partitions change their owner.
    itel._stage.assigned()
    (item,) = await itel.send(wanted(2))
    assert said(item)["already_accepted"]
    assert len(itel.asked) == 3


async def test_nothing_is_read_per_event(itel, monkeypatch):
    await itel.send(wanted())
    monkeypatch.setattr(TopicLog, "news", None)
    (item,) = await itel.send(wanted())
    assert said(item)["already_accepted"]


async def test_a_corrected_form_goes_out_under_another_key(itel):
    await itel.send(wanted())
    await itel.send(wanted(assignor="someone.else@example.com"))
    await itel.restart()
    await itel.send(wanted(assignor="someone.else@example.com"), wanted())
    first, second = itel.keys()
    assert second.startswith(f"{first}/")
    assert len(set(itel.bodies())) == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"dateAssigned": "2026-01-12T09:05:31.204-05:00"},
        {"dateAssigned": 1768226731204},
        {"assignmentId": 7001234.0},
        {"projectId": "8800456"},
    ],
)
async def test_the_same_content_written_otherwise_is_the_same_form(itel, changes):
    await itel.send(wanted())
    await itel.send(wanted(**changes))
    assert len(itel.asked) == 1


async def test_replayed_again_it_is_sent_all_the_same(itel):
    await itel.send(wanted())
    (item,) = await itel.send(wanted(again=True))
    assert len(itel.asked) == 2
    assert not said(item)["already_accepted"]
    assert len(set(itel.keys())) == len(set(itel.bodies())) == 1
    await itel.send(wanted())
    assert len(itel.asked) == 2


async def test_signed_links_are_no_other_content(vendor):
    await vendor.send(wanted())
    await vendor.clock.advance(2 * HOUR)
    await vendor.restart()
    (item,) = await vendor.send(wanted())
    assert said(item)["already_accepted"]
    assert len(vendor.asked) == 1
    assert len(vendor.claimx.asked) == 1, "ClaimX is not asked for links of what is not sent"


@pytest.mark.incident("STR-25")
@pytest.mark.parametrize("status", [503, 500, 408, None])
@pytest.mark.parametrize("restarted", [True, False])
async def test_the_same_body_goes_out_under_one_key_while_its_links_live(vendor, status, restarted):
    vendor.answer = broken(status, status)
    for _ in range(3):
        (item,) = await vendor.send(wanted())
        await vendor.clock.advance(HOUR / 4)
        if restarted:
            await vendor.restart()
    assert item.outcome is None
    assert len(vendor.asked) == 3
    assert len(set(vendor.bodies())) == 1
    assert len(set(vendor.keys())) == 1


@pytest.mark.incident("STR-25")
@pytest.mark.parametrize("status", [503, None])
async def test_what_was_not_answered_is_held_back_once_its_links_have_ended(vendor, status):
    vendor.answer = broken(status)
    await vendor.send(wanted())
    await vendor.clock.advance(2 * HOUR)
    await vendor.restart()
    (item,) = await vendor.send(wanted())
    assert isinstance(item.outcome, Dead)
    assert "iTel may have form" in str(item.outcome.error)
    assert "dlq replay --again" in str(item.outcome.error)
    (told,) = report(item)
    assert told["outcome"] == "unanswered"
    assert len(vendor.asked) == 1
    (again,) = await vendor.send(wanted(again=True))
    assert again.outcome is None
    first, second = vendor.keys()
    assert first != second
    assert len(set(vendor.bodies())) == 2


@pytest.mark.incident("STR-25")
@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 429])
async def test_a_refused_form_goes_out_as_it_was_while_its_links_live(vendor, status):
    vendor.answer = broken(status)
    await vendor.send(wanted())
    await vendor.send(wanted())
    assert len(set(vendor.keys())) == len(set(vendor.bodies())) == 1


@pytest.mark.incident("STR-25")
async def test_a_refused_form_goes_out_with_new_links_under_a_new_key(vendor):
    vendor.answer = broken(422)
    await vendor.send(wanted())
    await vendor.clock.advance(2 * HOUR)
    await vendor.restart()
    (item,) = await vendor.send(wanted())
    assert item.outcome is None
    assert len(set(vendor.keys())) == len(set(vendor.bodies())) == 2


@pytest.mark.incident("STR-25")
async def test_a_receiver_that_was_not_reached_has_surely_done_nothing(outside):
    async with receiver(outside.resources, payload="vendor", vendor=VENDOR) as vendor:
        url = vendor.itel.url
        vendor.itel.url = "http://127.0.0.1:1"
        (item,) = await vendor.send(wanted())
        assert isinstance(item.outcome, Retry)
        assert report(item)[0]["outcome"] == "failed"
        await vendor.clock.advance(2 * HOUR)
        vendor.itel.url = url
        await vendor.restart()
        (item,) = await vendor.send(wanted())
        assert item.outcome is None


async def test_a_batch_whose_answer_was_lost_goes_out_again_as_it_was(outside):
    async with receiver(outside.resources, batch_size=3) as itel:
        itel.answer = broken(None)
        await itel.send(wanted(1), wanted(2), wanted(3))
        await itel.restart()
        (item,) = await itel.send(wanted(2))
        assert item.outcome is None
        assert len(set(itel.bodies())) == len(set(itel.keys())) == 1
        # All of them are accepted now.
        items = await itel.send(wanted(1), wanted(3), wanted(4))
        assert [said(each)["already_accepted"] for each in items] == [True, True, False]
        assert len(itel.asked) == 3
        assert {each["assignment_id"] for each in await itel.reported()} >= {1, 2, 3}


async def test_a_batch_that_surely_did_nothing_may_go_out_with_others(outside):
    async with receiver(outside.resources, batch_size=3) as itel:
        itel.answer = broken(429)
        await itel.send(wanted(1), wanted(2))
        await itel.send(wanted(1), wanted(2), wanted(3))
        assert json.loads(itel.bodies()[1])["batch_size"] == 3


async def test_two_batches_under_way_at_once_send_a_form_once(itel):
    stage = await itel.restart()
    await asyncio.gather(*(stage.process([wanted(1), wanted(each)]) for each in (2, 3, 4)))
    assert len(itel.asked) == 4


async def test_a_form_is_sent_only_once_its_request_is_kept(itel, monkeypatch):
    refuse(monkeypatch, SENDING)
    (item,) = await itel.send(wanted())
    assert isinstance(item.outcome, Retry)
    assert item.outcome.error.outage, "it waits for the broker and no try is counted"
    assert itel.asked == []


async def test_an_acceptance_that_the_broker_does_not_take_is_published_later(itel, monkeypatch):
    refuse(monkeypatch, ACCEPTED)
    (item,) = await itel.send(wanted())
    assert item.outcome is None
    assert ACCEPTED.name in {each.topic for each in item.reports}
    (again,) = await itel.send(wanted())
    assert said(again)["already_accepted"]


async def test_the_topics_are_created_where_an_older_installation_lacks_them(itel, outside):
    older = SqliteBroker(f"{outside.broker.url}-older", BrokerSettings())
    outside.broker = itel.resources.broker = older
    async with admin_of(outside.broker) as admin:
        await admin.create_topics(
            [
                each
                for each in TOPOLOGY.new_topics()
                if each.name not in (ACCEPTED.name, SENDING.name)
            ]
        )
    await itel.restart()
    await itel.send(wanted())
    await itel.restart()
    await itel.send(wanted())
    assert len(itel.asked) == 1


def _settings():
    from claimx_pipeline.settings.tree.broker import BrokerSettings

    return BrokerSettings()


def _topics():
    from tests.itel_cabinet_plugin.conftest import TOPOLOGY

    return TOPOLOGY.new_topics()


async def test_memory_is_bounded(outside):
    async with receiver(outside.resources, accepted_remembered=2) as itel:
        for each in (1, 2, 3):
            await itel.send(wanted(each))
        ledger = itel._stage._ledger
        assert len(ledger._accepted) == 2
        ledger.waiting_bytes = 1
        itel.answer = broken(503, 503)
        await itel.send(wanted(5))
        await itel.send(wanted(6))
        assert list(ledger._waiting) == ["itel/6/6a1f4b8890fe12dc34ab56cd"]


async def test_a_message_that_cannot_be_read_costs_nothing_else(itel, outside):

    await itel.send(wanted())
    odd = [b"", b"{", b"[]", b"{}", b"\xff", None, b'{"form": 1}']
    for topic in (ACCEPTED.name, SENDING.name):
        await publish(outside.broker, [OutRecord(topic, each) for each in odd])
    await itel.restart()
    (item,) = await itel.send(wanted())
    assert said(item)["already_accepted"]


ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["event", "corrected", "restart", "hour"]),
        st.sampled_from([200, 503, 422, None]),
    ),
    max_size=8,
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(actions=ACTIONS, number=st.integers(1, 2**40), payload=st.sampled_from(["v1", "vendor"]))
async def test_whatever_happens_a_key_has_one_body_and_an_accepted_form_is_not_sent(
    outside, actions, number, payload
):
    async with receiver(outside.resources, payload=payload, vendor=VENDOR) as itel:
        accepted: set[str] = set()
        for action, status in actions:
            if action == "restart":
                await itel.restart()
                continue
            if action == "hour":
                await itel.clock.advance(HOUR)
                continue
            itel.answer = broken(*([] if status == 200 else [status]))
            before = len(itel.asked)
            await itel.send(wanted(number, assignor=f"{action}@example.com"))
            sent = len(itel.asked) - before
            assert sent == 0 or action not in accepted
            if sent and status == 200:
                accepted.add(action)
        bodies: dict[str, bytes] = {}
        for each in itel.asked:
            assert bodies.setdefault(each.headers["idempotency-key"], each.body) == each.body


@pytest.mark.incident("STR-24")
@pytest.mark.parametrize(
    ("reply", "category"),
    [
        (Reply(b"<html><body>Sign in</body></html>"), Category.TRANSIENT),
        (Reply(b'{"success": tr'), Category.TRANSIENT),
        (Reply(b""), Category.TRANSIENT),
        (Reply([{"success": True}]), Category.TRANSIENT),
        (Reply("ok"), Category.TRANSIENT),
        (Reply({"success": None}), Category.TRANSIENT),
        (Reply({"success": False, "message": "no such claim"}), Category.PERMANENT),
        (Reply({"success": "false", "error": "no such claim"}), Category.PERMANENT),
        (Reply({"errors": ["no such claim"]}), Category.PERMANENT),
        (Reply({"success": False, "message": "no such claim"}, 202), Category.PERMANENT),
    ],
)
async def test_what_is_no_yes_is_not_told_as_one(itel, reply, category):
    itel.answer = lambda _asked: reply
    (item,) = await itel.send(wanted())
    assert item.outcome.error.category is category
    assert {each["outcome"] for each in report(item)} <= {"failed", "refused"}
    if category is Category.PERMANENT:
        assert isinstance(item.outcome, Dead)
        assert "no such claim" in str(item.outcome.error)
    itel.answer = lambda _asked: Reply(YES)
    (item,) = await itel.send(wanted())
    assert item.outcome is None
    assert len(set(itel.keys())) == 1


@pytest.mark.incident("STR-24")
@pytest.mark.parametrize(
    "reply",
    [Reply(b"", 204), Reply(b"", 202), Reply({}), Reply({"itel_task_id": 7}, 201), Reply(YES)],
)
async def test_what_is_a_yes(itel, reply):
    itel.answer = lambda _asked: reply
    (item,) = await itel.send(wanted())
    assert item.outcome is None
    assert (await itel.reported())[0]["outcome"] == "accepted"


@pytest.mark.incident("STR-24")
async def test_the_vendor_says_of_a_repetition_that_it_has_the_form(vendor):
    vendor.answer = lambda _asked: Reply({"message": "Claim already exists"}, 400)
    (item,) = await vendor.send(wanted())
    assert item.outcome is None
    assert (await vendor.reported())[0]["outcome"] == "accepted"


async def test_a_batch_of_which_something_exists_is_sent_form_by_form(outside):
    async with receiver(outside.resources, payload="vendor", vendor=VENDOR, batch_size=3) as vendor:

        def answer(asked):
            tasks = asked.json()["tasks"]
            if "2" in [task["integration_test_id"] for task in tasks]:
                return Reply({"message": "Assignment 2 already exists"}, 400)
            return Reply(YES)

        vendor.answer = answer
        items = await vendor.send(wanted(1), wanted(2), wanted(3))
        assert [item.outcome for item in items] == [None] * 3
        assert len(vendor.asked) == 4
        rules = {
            each["assignment_id"]: each.get("accepted_by")
            for each in await vendor.reported()
            if each["outcome"] == "accepted"
        }
        assert {name for name, rule in rules.items() if rule} == {2}
        assert set(rules) == {1, 2, 3}


async def test_what_is_not_the_brokers_error_is_not_taken_for_one(itel, monkeypatch):
    usual = TopicLog.append

    async def append(log, records):
        if log.topic == ACCEPTED:
            raise AssertionError("a mistake in the code")
        await usual(log, records)

    monkeypatch.setattr(TopicLog, "append", append)
    with pytest.raises(AssertionError, match="a mistake"):
        await itel.send(wanted())


@pytest.mark.parametrize("response", ["a b", "line\r\nX-Injected: 1", "schön", "50%", "x" * 60])
async def test_whatever_the_forms_id_is_it_is_one_header(itel, response):
    (item,) = await itel.send(wanted(formResponseId=response))
    assert item.outcome is None
    (key,) = itel.keys()
    assert key.isascii()
    assert "x-injected" not in itel.asked[0].headers
    assert json.loads(itel.bodies()[0])["formResponseId"] == response


async def test_an_id_as_long_as_a_text_is_not_kept_whole(itel):
    itel.answer = lambda _asked: Reply({"success": True, "itel_task_id": "x" * 10_000})
    (item,) = await itel.send(wanted())
    assert said(item)["itel_task_id"] == "x" * 200
