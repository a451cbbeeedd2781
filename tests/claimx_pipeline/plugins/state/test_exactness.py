"""Why each change counts once: the rules one by one, and over the embedded broker."""

import asyncio
import time

import pytest

from claimx_pipeline import Plugin, PluginResult
from claimx_pipeline.broker.sqlite.log import StoredRecord
from claimx_pipeline.plugins.state import compaction, repetitions
from claimx_pipeline.plugins.state.compaction import Compaction
from claimx_pipeline.plugins.state.entries import NOTHING, Applied, Entry, record_of
from claimx_pipeline.plugins.state.repetitions import Repetitions
from claimx_pipeline.plugins.state.view import PluginState, StateView
from claimx_pipeline.stages.topic_log import TopicLog
from claimx_pipeline.telemetry.health import Health
from claimx_pipeline.topics import PLUGIN_STATES


def change(offset, timestamp=1000, partition=0, **headers):
    pairs = tuple((name.replace("_", "-"), value.encode()) for name, value in headers.items())
    return StoredRecord("changes", partition, offset, b"k", b"", pairs, timestamp)


def stored(key, entry, offset, partition=0):
    record = record_of(key, entry)
    return StoredRecord("states", partition, offset, record.key, record.value, (), 0)


def test_a_change_that_is_part_of_a_value_is_known_by_its_position():
    entry = NOTHING.changed(b"1", change(5, 1000)).changed(b"2", change(9, 900))
    assert [entry.has(change(offset, 900)) for offset in (4, 5, 9, 10)] == [True, True, True, False]
    assert entry.applied == {0: Applied(9, 1000)}


def test_a_change_of_a_topic_that_was_made_again_counts():
    entry = NOTHING.changed(b"1", change(500, 1000))
    assert not entry.has(change(0, 2000))
    again = entry.changed(b"2", change(0, 2000))
    assert again.has(change(0, 2000))
    assert again.order > entry.order


def test_what_an_owner_publishes_that_is_none_any_more_is_left_aside():
    view, key = StateView(), ("p", "k")
    old = NOTHING.changed(b"1", change(1))
    new = old.changed(b"2", change(2))
    for offset, entry in enumerate((old, new, old)):
        view.take(stored(key, entry, offset))
    assert PluginState(view, "p")["k"] == 2


def test_what_is_no_state_on_the_topic_is_passed_over(caplog):
    view = StateView()
    view.take(StoredRecord("states", 0, 0, b"k", b"{broken", (), 0))
    assert view.plugins == {}
    assert "states[0] offset 0 is passed over" in caplog.text


def test_a_forgotten_key_is_not_there_and_may_come_again():
    view = StateView()
    gone = NOTHING.changed(b"1", change(1)).changed(None, change(2))
    view.take(stored(("p", "k"), gone, 0))
    state = PluginState(view, "p")
    assert (list(state), len(state), "k" in state, state.get("k", 7)) == ([], 0, False, 7)
    view.take(stored(("p", "k"), gone.changed(b"[3]", change(3)), 1))
    assert dict(state) == {"k": [3]}
    state["k"].append("not kept")
    assert state["k"] == [3]


class Log:
    """A partition that can be read."""

    def __init__(self, *records):
        self.records = records

    async def begin_offsets(self, topic):
        return {0: self.records[0].offset if self.records else 0}

    async def read(self, at, start, stop, *, max_records):
        return [each for each in self.records if start <= each.offset < stop][:max_records]


async def test_a_repetition_is_found_by_each_owner_whenever_it_looks(monkeypatch):
    monkeypatch.setattr(repetitions, "REMEMBERED", 10)
    first, again = change(3, claimx_id="a"), change(9, claimx_id="a")
    taken_over = Repetitions("changes", Log(first))
    await taken_over.load(0, 4)
    assert [taken_over.is_one(each) for each in (change(4, claimx_id="b"), again)] == [False, True]
    assert taken_over.is_one(again)
    assert not taken_over.is_one(change(20, claimx_id="a")), "further back than is remembered"
    assert not taken_over.is_one(change(21)), "what has no id is known by its position"


async def test_a_change_that_is_worked_on_again_is_no_repetition_of_itself():
    fresh = Repetitions("changes", Log())
    await fresh.load(0, 0)
    assert [fresh.is_one(change(3, claimx_id="a")) for _ in range(2)] == [False, False]


async def test_a_replay_is_another_try_and_the_same_replay_is_not():
    fresh = Repetitions("changes", Log())
    await fresh.load(0, 0)
    tries = (
        change(1, claimx_id="a"),
        change(2, claimx_id="a", claimx_replay="dlq/0/1"),
        change(3, claimx_id="a", claimx_replay="dlq/0/1"),
        change(4, claimx_id="a", claimx_replay="dlq/0/2"),
    )
    assert [fresh.is_one(each) for each in tries] == [False, False, True, False]


class Remembers(Plugin):
    """Is slow at first, then lists what it was given."""

    name = "remembers"
    event_types = frozenset({"PROJECT_CREATED"})
    slow = 1

    def change_state(self, key, value, change):
        if type(self).slow:
            type(self).slow -= 1
            time.sleep(1)  # longer than its limit
        return [*(value or []), change]

    def execute(self, context):
        results = [PluginResult.change_state("all", number) for number in range(5)]
        first, *others = results
        for other in others:
            first = first.and_then(other)
        return first


async def test_the_topic_of_states_is_kept_short_and_loses_nothing(claimx_sandbox, monkeypatch):
    monkeypatch.setattr(compaction, "SPARE_RECORDS", 5)
    claimx_sandbox.install(Remembers)
    pipeline = claimx_sandbox.pipeline
    resources = pipeline.resources(pipeline.broker(), Health(pipeline.clock))
    states, view, admin = TopicLog(PLUGIN_STATES), StateView(), resources.broker.admin()
    states.open(resources)
    for number in range(20):
        values = {key: Entry(b"%d" % number, {0: Applied(number, 1000)}) for key in "ab"}
        values["gone"] = Entry(None, {0: Applied(number, 1000)})
        await states.append([record_of(("p", key), entry) for key, entry in values.items()])
    async for record in states.news():
        view.take(record)
    await Compaction("claimx.plugins.states", states, view, admin, pipeline.clock).run()
    again = StateView()
    begin = await admin.begin_offsets("claimx.plugins.states")
    assert sum(begin.values()) == 60
    for record in await asyncio.to_thread(claimx_sandbox.records, "claimx.plugins.states"):
        again.take(record)
    assert dict(PluginState(again, "p")) == {"a": 19, "b": 19}
    assert again.count("p") == 2, "what was forgotten long ago need not be known"
    await states.close()
    await admin.close()


@pytest.mark.parametrize("hangs", [0, 1])
def test_changes_of_a_plugin_that_hangs_wait_and_none_overtakes(claimx_sandbox, hangs):
    Remembers.slow = hangs
    claimx_sandbox.install(Remembers)
    claimx_sandbox.configure("plugins: {remembers: {timeout_seconds: 0.3, required: true}}")
    claimx_sandbox.configure("workers: {plugin-state: {batch_size: 2}}")
    claimx_sandbox.happen(2)
    claimx_sandbox.run("ingest", "enrichment")
    claimx_sandbox.run("plugin-state")
    newest = claimx_sandbox.messages("claimx.plugins.states")[-1]
    assert newest["value"] == [0, 1, 2, 3, 4]
    assert claimx_sandbox.dead_letters() == []
