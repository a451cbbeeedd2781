"""The worker ``maintenance``: by its schedule, once, on one instance, whatever fails."""

import asyncio
import json
from datetime import timedelta

import pytest

from claimx_pipeline import Pipeline, operations
from claimx_pipeline.delta.maintenance import Maintenance
from claimx_pipeline.workers import maintenance
from claimx_pipeline.workers.maintenance import Schedule
from tests.fakes.virtual_clock import VirtualClock
from tests.rigs.delta_tables import NOON, append_from_elsewhere
from tests.rigs.until import until

FAST = {"every_hours": 0.0003, "retention_days": {"claimx_events": 30}}

OLD, NEW = NOON - timedelta(days=3000), NOON + timedelta(days=30_000)


@pytest.fixture(autouse=True)
def looks_often(monkeypatch):
    monkeypatch.setattr(maintenance, "POLL_SECONDS", 0.1)


def pipeline_of(folder, **given):
    settings = {"maintenance": {**FAST, **given}, "health": {"port": 0}}
    (folder / "claimx.yaml").write_text(json.dumps(settings))
    return Pipeline.load(environ={}, cwd=folder)


def event(number, at):
    return {
        "event_id": f"e{number}",
        "event_type": "PROJECT_CREATED",
        "project_id": "7",
        "ingested_at": at,
        "event_date": at.date(),
    }


def ids(pipeline):
    return sorted(
        operations.query(pipeline, "SELECT event_id FROM claimx_events")["event_id"].to_pylist()
    )


async def prepared(pipeline):
    """Return a pipeline with six files of events, three of them old."""
    await operations.create_all(pipeline)
    store = pipeline.table_store
    for number in range(3):
        append_from_elsewhere(store, "claimx_events", event(number, OLD))
        append_from_elsewhere(store, "claimx_events", event(number + 3, NEW))
    return pipeline


@pytest.mark.parametrize("hour", [0.0, 2.0, 23.5])
async def test_a_schedule_has_each_table_once_at_each_beginning(tmp_path, hour):
    clock = VirtualClock()
    settings = pipeline_of(tmp_path, every_hours=24.0, at_hour=hour).settings.maintenance
    schedule = Schedule(settings, clock, ["a", "b"])
    records, position = await schedule.read(None)
    assert records == []
    assert await schedule.read(position) == ([], position)
    seen = []
    for _ in range(48):
        await clock.advance(3600)
        records, after = await schedule.read(position)
        again, _ = await schedule.read(position)
        assert records == again
        seen += [record.value for record in records]
        position = after
    assert seen == [b"a", b"b"] * 2


async def test_old_rows_go_and_small_files_are_joined_while_two_instances_run(tmp_path):
    """The tables are looked after by one of the two, again and again."""
    pipeline = await prepared(pipeline_of(tmp_path))
    other = Pipeline.load(environ={}, cwd=tmp_path)
    async with operations.running(pipeline, "maintenance") as one:
        async with operations.running(other, "maintenance") as two:
            await until(lambda: ids(pipeline) == ["e3", "e4", "e5"], seconds=90)
            two.stop()
            await two.until_ended()
        append_from_elsewhere(pipeline.table_store, "claimx_events", event(9, OLD))
        await until(lambda: "e9" not in ids(pipeline), seconds=90)
        one.stop()
        await one.until_ended()


async def test_a_table_that_fails_keeps_no_other_from_its_turn(tmp_path, monkeypatch, caplog):
    pipeline = await prepared(pipeline_of(tmp_path))
    real = Maintenance.maintain

    def failing(self, **options):
        if self.location.table == "claimx_attachments":
            raise OSError("no space left on device")
        return real(self, **options)

    monkeypatch.setattr(Maintenance, "maintain", failing)
    async with operations.running(pipeline, "maintenance") as work:
        await until(lambda: ids(pipeline) == ["e3", "e4", "e5"], seconds=90)
        work.stop()
        await work.until_ended()
    assert "table 'claimx_attachments' was not maintained" in caplog.text
    assert "no space left on device" in caplog.text


async def test_by_hand_the_settings_count_as_well(tmp_path):
    pipeline = await prepared(pipeline_of(tmp_path))
    (would,) = await operations.maintain_tables(pipeline, "claimx_events", dry_run=True)
    assert would.expired == 3
    assert len(ids(pipeline)) == 6
    (done,) = await operations.maintain_tables(pipeline, "claimx_events")
    assert done.expired == 3
    assert await asyncio.to_thread(ids, pipeline) == ["e3", "e4", "e5"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("claimx_event", "did you mean 'claimx_events'"),
        ("claimx_projects", "it keeps the latest state of each key, so it has no retention"),
    ],
)
def test_a_retention_that_cannot_be_is_found_at_the_check(tmp_path, name, said):
    problems = pipeline_of(tmp_path, retention_days={name: 5}).check()
    assert any(said in str(each) and "retention_days" in str(each) for each in problems), problems
