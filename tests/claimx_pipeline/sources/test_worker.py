"""A source's worker: everything is published, nothing is skipped, and it goes on where it was."""

import asyncio
import gzip
import json
import signal
import subprocess

import pytest

from claimx_pipeline.broker.protocol import OutRecord
from claimx_pipeline.errors import SettingsError
from claimx_pipeline.operations import create_all, create_topics, run_until_idle
from claimx_pipeline.sources import SourceError, SourceRecord, SourceSpec
from claimx_pipeline.sources.intake import SourceIntake
from claimx_pipeline.sources.positions import Position, newest_position, position_record
from claimx_pipeline.telemetry.metrics import Metrics
from claimx_pipeline.workers.source import worker_of
from tests.rigs import members, topics
from tests.rigs.command import CLEAN, PROGRAM
from tests.rigs.sources import event, lines, pipeline_of, raw_ids, raw_records
from tests.rigs.until import until

POSITIONS = "claimx.sources.old.position"


class Numbers:
    """A source of numbered events, some of which do as a test says."""

    def __init__(self, count, page=10, fail=None, fault=None):
        self.count, self.page, self.fail, self.fault = count, page, fail or {}, fault
        self.asked = []

    async def read(self, position):
        first = position or 0
        self.asked.append(first)
        if error := self.fail.get(first):
            raise error
        numbers = range(first, min(first + self.page, self.count))
        return [self.record(number) for number in numbers], first + len(numbers)

    def record(self, number):
        value = json.dumps(event(number)).encode()
        fault = "it is unlucky" if number == self.fault else ""
        return SourceRecord(value=value, at=f"number {number}", fault=fault)

    async def close(self):
        pass


def member(pipeline, source, stop, metrics=None, **changes):
    spec = SourceSpec(
        name="old", summary="", build=lambda _: source, **{"poll_seconds": 0.1, **changes}
    )
    topics_of_others = {each.name: each for each in pipeline.topology.topics.values()}
    worker = worker_of(spec, topics_of_others, pipeline.domains)
    return members.member(pipeline, worker, stop, metrics or Metrics())


@pytest.fixture
async def pipeline(tmp_path):
    made = pipeline_of(tmp_path, type="files", path=str(tmp_path / "nothing"))
    await create_topics(made)
    return made


async def position_of(pipeline):
    async with topics.admin_of(pipeline.broker()) as admin:
        found = await newest_position(admin, POSITIONS)
    return found[0] if found else Position()


async def test_files_are_read_in_order_and_on_from_where_it_ended(tmp_path):
    files = tmp_path / "in"
    files.mkdir()
    (files / "b.jsonl").write_text(lines(range(1500, 1700)))
    (files / "a.jsonl").write_text(lines(range(1500)))
    pipeline = pipeline_of(tmp_path, type="files", path=str(files))
    await create_all(pipeline)
    (run,) = await run_until_idle(pipeline, "source-old")
    assert run.records == 1700
    with (files / "b.jsonl").open("a") as more:
        more.write(lines([1700]))
    (run,) = await run_until_idle(pipeline, "source-old")
    assert run.records == 1
    assert await raw_ids(pipeline) == [f"e{number}" for number in range(1701)]
    keys = {
        record.key: json.loads(record.value)["project_id"] for record in await raw_records(pipeline)
    }
    assert keys == {project.encode(): project for project in "0123456"}


@pytest.mark.incident("OFF-07")
async def test_after_a_kill_at_most_a_page_comes_again_and_none_is_left_out(tmp_path):
    """The process is killed at work, five times; the position is nowhere but on the broker."""
    (tmp_path / "a.jsonl").write_text(lines(range(20_000)))
    pipeline = pipeline_of(tmp_path, type="files", path=str(tmp_path / "a.jsonl"), rate=4000)
    await create_topics(pipeline)
    command = [*PROGRAM, "worker", "source-old"]
    for kill in range(1, 6):
        process = subprocess.Popen(
            command, cwd=tmp_path, env=CLEAN, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
        try:
            async with topics.admin_of(pipeline.broker()) as admin:

                async def enough(least=kill * 2500, admin=admin):
                    return sum((await admin.end_offsets("claimx.events.raw")).values()) >= least

                await until(enough, seconds=120)
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
    await run_until_idle(pipeline, "source-old")
    found = await raw_ids(pipeline)
    assert set(found) == {f"e{number}" for number in range(20_000)}
    # What is in flight of a page is committed with the page: five batches and two pages at most.
    assert len(found) <= 20_000 + 5 * 4500
    assert (await position_of(pipeline)).records >= 20_000


async def test_a_position_is_kept_only_once_its_events_are_acknowledged(pipeline, tmp_path):
    """Events that the broker refuses to take for a while are published before any position."""
    source, stop = Numbers(25), asyncio.Event()
    loop = member(pipeline, source, stop)

    async def read_all():
        return (await position_of(pipeline)).drained

    await members.run_until(read_all, loop)
    assert await raw_ids(pipeline) == [f"e{number}" for number in range(25)]
    kept = [
        json.loads(record.value) for record in await topics.records(pipeline.broker(), POSITIONS)
    ]
    assert [each["position"] for each in kept][-1] == 25
    assert [each["sequence"] for each in kept] == [*range(1, len(kept) + 1)]


async def test_of_two_members_one_reads(pipeline):
    """The group of the positions' topic decides who."""
    first, second, stop = Numbers(5000, page=50), Numbers(5000, page=50), asyncio.Event()
    loops = [member(pipeline, each, stop, rate=5000.0) for each in (first, second)]

    async def read_all():
        return (await position_of(pipeline)).drained

    await members.run_until(read_all, *loops)
    assert set(await raw_ids(pipeline)) == {f"e{number}" for number in range(5000)}
    assert {*first.asked} & {*second.asked} <= {5000, *first.asked[-10:], *second.asked[:1]}


@pytest.mark.incident("OFF-01")
async def test_a_position_never_moves_back(pipeline, caplog):
    """Another owner, frozen meanwhile, wakes up and keeps an older position."""
    old = Position(sequence=3, records=10, position=10)
    new = Position(sequence=7, records=40, position=40)
    records = [position_record(POSITIONS, "old", each) for each in (new, old)]
    junk = OutRecord(POSITIONS, b"not a position", b"old")
    await topics.publish(pipeline.broker(), [*records, junk])
    source = Numbers(50)

    async def read_all():
        return (await position_of(pipeline)).drained

    await members.run_until(read_all, member(pipeline, source, asyncio.Event()))
    assert source.asked[0] == 40
    assert "holds a position that is behind" in caplog.text
    assert "does not hold a position" in caplog.text


async def test_a_record_that_can_never_be_published_is_a_dead_letter(pipeline):
    source = Numbers(30, fault=7)

    async def read_all():
        return (await position_of(pipeline)).drained

    await members.run_until(read_all, member(pipeline, source, asyncio.Event()))
    assert len(await raw_ids(pipeline)) == 29
    (dead,) = await topics.records(pipeline.broker(), "claimx.sources.dlq")
    assert json.loads(dead.value)["event_id"] == "e7"
    headers = dict(dead.headers)
    assert headers["claimx-source"] == b"number 7"
    assert b"unlucky" in headers["claimx-dlq-error"]


async def test_an_event_that_is_too_large_is_a_dead_letter_and_costs_no_other(tmp_path):
    large = json.dumps(event(1, payload="x" * 200_000))
    (tmp_path / "a.jsonl").write_text(lines([0]) + large + "\n" + lines([2]))
    limit = {"broker": {"max_record_bytes": 100_000}}
    pipeline = pipeline_of(tmp_path, limit, type="files", path=str(tmp_path / "a.jsonl"))
    await create_topics(pipeline)
    (run,) = await run_until_idle(pipeline, "source-old")
    assert (run.done, run.dead) == (2, 1)
    assert await raw_ids(pipeline) == ["e0", "e2"]


async def test_what_passes_is_tried_again(pipeline):
    """A source that cannot be reached is waited for, as a broker is."""
    source = Numbers(30)
    source.fail = {10: ConnectionRefusedError("no route")}

    async def read_all():
        if len(source.asked) > 3:
            source.fail.clear()
        return (await position_of(pipeline)).drained

    await members.run_until(read_all, member(pipeline, source, asyncio.Event()))
    assert len(await raw_ids(pipeline)) == 30


async def test_what_does_not_pass_is_said_and_gone_on_with_once_it_is_repaired(pipeline, caplog):
    source = Numbers(30)
    source.fail = {10: SourceError("page 2 is torn; mend it")}

    async def read_all():
        if "does nothing until this is put right" in caplog.text:
            source.fail.clear()
        return (await position_of(pipeline)).drained

    await members.run_until(read_all, member(pipeline, source, asyncio.Event()))
    assert "page 2 is torn; mend it" in caplog.text
    assert len(set(await raw_ids(pipeline))) == 30


async def test_a_run_until_idle_ends_with_the_sentence(tmp_path):
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(lines(range(5)).encode())[:-9])
    pipeline = pipeline_of(tmp_path, type="files", path=str(tmp_path / "a.jsonl.gz"))
    await create_topics(pipeline)
    with pytest.raises(Exception, match="cut off"):
        await run_until_idle(pipeline, "source-old")


async def test_a_rate_is_held(pipeline):
    """Within 5 %, over what was published after the first half second."""
    source, clock = Numbers(10_000, page=500), pipeline.clock
    seen: list[tuple[float, int]] = []

    async def long_enough():
        async with topics.admin_of(pipeline.broker()) as admin:
            ends = await admin.end_offsets("claimx.events.raw")
        seen.append((clock.monotonic(), sum(ends.values())))
        return seen[-1][1] >= 1500

    await members.run_until(long_enough, member(pipeline, source, asyncio.Event(), rate=200.0))
    begun = next(each for each in seen if each[1] >= 100)
    seconds = seen[-1][0] - begun[0]
    assert (seen[-1][1] - begun[1]) / seconds == pytest.approx(200, rel=0.05)


def test_a_type_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(SettingsError, match=r"there is no type of sources 'file'; did you mean"):
        _ = pipeline_of(tmp_path, type="file", path="x").workers


def test_a_topic_that_no_worker_reads_is_named(tmp_path):
    with pytest.raises(SettingsError, match="did you mean 'claimx.events.raw'"):
        _ = pipeline_of(tmp_path, type="files", path="x", topic="claimx.event.raw").workers


def test_a_source_has_its_worker_and_its_topic(tmp_path):
    pipeline = pipeline_of(tmp_path, type="files", path="x", rate=500)
    worker = pipeline.workers["source-old"]
    assert isinstance(worker.intake, SourceIntake)
    assert worker.intake.source.rate == 500
    assert [topic.name for topic in worker.reads] == [POSITIONS]
    assert pipeline.topology.without_reader() == pipeline.topology.without_writer() == []
    assert [each.name for each in tmp_path.iterdir()] == ["claimx.yaml"]
