"""``verify``: marked events through one's own settings; nothing is left, nothing leaves."""

import json

import pytest

from claimx_pipeline import operations
from claimx_pipeline.errors import UsageError
from tests.rigs.whole_pipeline import whole_pipeline


def known_project(whole):
    """Return a project that the API knows."""
    whole.world.set_clock(whole.world.end(5))
    return str(whole.world.events(1)[0].project_id)


async def test_marked_events_come_through_and_nothing_is_left_behind(tmp_path):
    async with whole_pipeline(tmp_path) as whole:
        pipeline = whole.pipeline
        project = known_project(whole)
        before = {each for each in tmp_path.rglob("*") if "verify-" in str(each)}
        topics = {each.physical for each in await operations.list_topics(pipeline)}
        done = await operations.verify(pipeline, project, out=tmp_path / "out")
        assert done.ok, done.as_json()
        assert [each.subject.startswith(done.mark) for each in done.events] == [True, True]
        assert done.rows["claimx_events"] == 2
        assert done.rows["claimx_projects"] == 1
        assert (done.problems, done.timed_out, done.not_run) == ([], False, ["actions"])
        after = {each for each in tmp_path.rglob("*") if "verify-" in str(each)}
        assert after == before == set()
        assert {each.physical for each in await operations.list_topics(pipeline)} == topics
        rows = whole.rows("SELECT count(*) AS n FROM claimx_events")
        assert rows == [{"n": 0}], "the real tables have nothing of it"
        assert await whole.records("claimx.events.raw") == []
        json.dumps(done.as_json())


async def test_what_would_be_sent_is_written_as_files_unless_it_is_to_be_sent(tmp_path):
    folder = tmp_path / "plugins" / "caller"
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text("module: plugin\nclass: Caller\n")
    (folder / "plugin.py").write_text(
        "from claimx_pipeline import Plugin, PluginResult\n"
        "from claimx_pipeline.hooks import Webhook\n"
        "class Caller(Plugin):\n"
        "    name = 'caller'\n"
        "    def execute(self, context):\n"
        "        return PluginResult.ok('', Webhook(connection='hook', path='/x', body={'a': 1}))\n"
    )
    connections = 'hook: {base_url: "{simulator}/control/none"}'
    async with whole_pipeline(tmp_path, plugins="{dir: plugins}", connections=connections) as whole:
        project = known_project(whole)
        out = tmp_path / "out"
        done = await operations.verify(whole.pipeline, project, out=out)
        assert done.ok, done.as_json()
        assert [each.name for each in done.not_sent] == ["actions.jsonl"]
        lines = (out / "actions.jsonl").read_text().splitlines()
        assert {json.loads(each)["value"]["plugin"] for each in lines} == {"caller"}


async def test_an_unknown_project_and_a_time_that_is_over_are_not_ok(tmp_path):
    async with whole_pipeline(tmp_path) as whole:
        done = await operations.verify(whole.pipeline, "99999999", out=tmp_path / "out")
        assert not done.ok
        assert {now.state for each in done.events for now in each.now} == {"dead"}
        late = await operations.verify(whole.pipeline, "7", out=tmp_path / "out", timeout=0.01)
        assert (late.ok, late.timed_out) == (False, True)


async def test_an_event_that_is_not_valid_is_refused_and_nothing_is_left(load, tmp_path):
    pipeline = load(
        "claimx: {api: {base_url: 'http://127.0.0.1:1', token: t}}\n"
        "connections: {itel_cabinet_api: {base_url: 'file://x', auth_token: t}}\n"
    )
    with pytest.raises(UsageError, match="is not valid"):
        await operations.verify(pipeline, "7", out=tmp_path / "out", events=[b"nothing"])
    assert not list(tmp_path.rglob("verify-*"))


async def test_requests_to_itel_are_files_and_itel_gets_none(tmp_path):
    async with whole_pipeline(tmp_path) as whole:
        whole.world.set_clock(whole.world.end(120))
        tasks = [event.value for event in whole.world.events(120) if event.assignment_id]
        lines = [json.dumps(value).encode() for value in tasks]
        out = tmp_path / "out"
        done = await operations.verify(whole.pipeline, "0", out=out, events=lines, timeout=60)
        assert [each for each in done.not_sent if each.parent.name == "itel_cabinet_api"]
        assert len(whole.simulator.submissions) == 0


async def test_more_events_than_can_be_looked_at_one_by_one_are_refused(pipeline, tmp_path):
    with pytest.raises(UsageError, match="50 at most"):
        await operations.verify(pipeline, "7", out=tmp_path / "out", events=[b"{}"] * 51)
