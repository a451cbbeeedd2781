"""The worker loop: what is published, written and committed, and in which order."""

import asyncio

import pytest

from claimx_pipeline import Done, OutRecord, RecordError
from claimx_pipeline.runtime.delivery.batch import RecordFailedError
from claimx_pipeline.runtime.outcome import Dead
from claimx_pipeline.tables import TableRow
from tests.rigs.worker import OUT, Rig, Scripted


@pytest.fixture
async def rig(tmp_path) -> Rig:
    return await Rig.make(tmp_path)


def echo(text: str) -> Done:
    return Done(publish=(OutRecord(OUT.name, text.encode(), b"k"),))


async def test_every_record_is_processed_published_and_committed(rig):
    texts = [f"m{number}" for number in range(250)]
    await rig.publish(*texts)
    processor = Scripted(echo)
    loop = rig.loop(rig.spec(processor), asyncio.Event())
    await rig.run_until(lambda: loop.metrics.records == 250, loop)
    assert processor.seen == texts
    assert await rig.published() == texts
    assert await rig.committed() == 250


async def test_a_member_opens_and_closes_its_processor_once(rig):
    processor = Scripted()
    loop = rig.loop(rig.spec(processor), asyncio.Event())
    await rig.run_until(lambda: processor.opened == 1, loop)
    assert (processor.opened, processor.closed) == (1, 1)


@pytest.mark.incident("OFF-05")
async def test_a_dead_record_with_nowhere_to_go_stops_the_worker_and_is_not_passed_over(rig):
    await rig.publish("a", "b", "bad", "c")
    dead = Dead(RecordError("never works"))
    processor = Scripted(lambda text: dead if text == "bad" else echo(text))
    loop = rig.loop(rig.spec(processor), asyncio.Event())
    with pytest.raises(RecordFailedError) as stopped:
        await rig.run_until(lambda: False, loop)
    assert "offset 2 (permanent, dead): never works" in str(stopped.value)
    assert await rig.committed() == 2
    assert await rig.published() == ["a", "b"], "nothing behind the failure was published"


async def test_what_was_not_committed_comes_again_at_the_next_start(rig):
    await rig.publish("a", "bad", "c")
    first = Scripted(lambda text: Dead(RecordError("no")) if text == "bad" else echo(text))
    with pytest.raises(RecordFailedError):
        await rig.run_until(lambda: False, rig.loop(rig.spec(first), asyncio.Event()))
    second = Scripted(echo)
    loop = rig.loop(rig.spec(second), asyncio.Event())
    await rig.run_until(lambda: loop.metrics.records == 2, loop)
    assert second.seen == ["bad", "c"]
    assert await rig.published() == ["a", "bad", "c"]


async def test_a_failure_in_one_partition_does_not_hold_back_the_commit_of_another(rig):
    await rig.publish("bad", "x1", key=b"k")
    for number in range(20):
        await rig.publish(f"y{number}", key=str(number).encode())
    processor = Scripted(lambda text: Dead(RecordError("no")) if text == "bad" else echo(text))
    loop = rig.loop(rig.spec(processor), asyncio.Event())
    with pytest.raises(RecordFailedError):
        await rig.run_until(lambda: False, loop)
    assert await rig.committed() == len(await rig.published()) > 0


async def test_an_undecodable_record_fails_alone(rig):
    await rig.publish("a", "undecodable", "c")
    processor = Scripted(echo)
    loop = rig.loop(rig.spec(processor), asyncio.Event())
    with pytest.raises(RecordFailedError, match="'undecodable' is no message"):
        await rig.run_until(lambda: False, loop)
    assert processor.seen == ["a", "c"]
    assert await rig.committed() == 1


@pytest.mark.incident("RET-08")
async def test_a_processor_that_breaks_is_a_bug_and_commits_nothing(rig):
    await rig.publish("a")

    def breaks(_: str) -> Done:
        raise KeyError("forgotten")

    loop = rig.loop(rig.spec(Scripted(breaks)), asyncio.Event())
    with pytest.raises(RecordFailedError, match=r"\(bug, dead\): KeyError\('forgotten'\)"):
        await rig.run_until(lambda: False, loop)
    assert await rig.committed() == 0


def event_row(text: str) -> TableRow:
    return TableRow(
        "claimx_events",
        {
            "event_id": text,
            "event_type": "T",
            "project_id": "1",
            "ingested_at": "2026-01-12T08:00:00Z" if text != "bad" else "yesterday",
            "event_date": "2026-01-12",
        },
    )


def rows_in(rig: Rig) -> list[str]:
    from claimx_pipeline.delta.querying.query import run_query

    found = run_query(rig.pipeline.table_store, "SELECT event_id FROM claimx_events ORDER BY 1")
    return found.column("event_id").to_pylist()


def writer(rig: Rig, **changes):
    rig.pipeline.table_store.create("claimx_events")
    return rig.spec(
        Scripted(lambda text: Done(rows=(event_row(text),))), tables=("claimx_events",), **changes
    )


@pytest.mark.incident("DEL-01")
async def test_a_row_that_the_table_refuses_stops_at_its_record_and_what_was_before_is_written(rig):
    await rig.publish("a", "b", "bad", "c")
    with pytest.raises(RecordFailedError, match="offset 2 .* table 'claimx_events' refuses it"):
        await rig.run_until(lambda: False, rig.loop(writer(rig), asyncio.Event()))
    assert rows_in(rig) == ["a", "b"]
    assert await rig.committed() == 2


@pytest.mark.incident("OFF-02")
async def test_a_record_written_again_after_a_lost_commit_is_one_row(rig):
    """The commit is lost by reading with a second group: every record comes again."""
    texts = [f"e{number:02}" for number in range(30)]
    await rig.publish(*texts)
    for group in ("first", "second"):
        loop = rig.loop(writer(rig, group=group), asyncio.Event())
        await rig.run_until(lambda loop=loop: loop.metrics.records == 30, loop)
    assert rows_in(rig) == texts


async def test_a_success_message_comes_only_after_its_row(rig):
    """The row is refused, so nobody may be told that it is there."""
    rig.pipeline.table_store.create("claimx_events")
    told = OutRecord(OUT.name, b"told", b"k")
    processor = Scripted(lambda text: Done(rows=(event_row(text),), confirm=(told,)))
    await rig.publish("good", "bad")
    loop = rig.loop(rig.spec(processor, tables=("claimx_events",)), asyncio.Event())
    with pytest.raises(RecordFailedError):
        await rig.run_until(lambda: False, loop)
    assert await rig.published() == ["told"]


@pytest.mark.incident("DEL-07")
async def test_a_batch_waits_for_its_linger_and_no_longer(rig):
    """Single records a moment apart become one batch; it does not wait to be full."""
    batches: list[int] = []

    class Counting(Scripted):
        async def process(self, batch):
            batches.append(len(batch))
            return await Scripted.process(self, batch)

    loop = rig.loop(rig.spec(Counting(), linger_seconds=1.0, batch_size=1000), asyncio.Event())

    async def publish() -> None:
        for number in range(5):
            await rig.publish(f"m{number}")

    publishing = asyncio.create_task(publish())
    await rig.run_until(lambda: loop.metrics.records == 5, loop)
    await publishing
    assert len(batches) < 5


async def test_a_record_that_comes_after_a_pause_does_not_wait_for_the_linger(rig):
    """The commit before it was longer ago than the linger, so no more than before are made."""
    loop = rig.loop(rig.spec(Scripted(), linger_seconds=3600.0, batch_size=1000), asyncio.Event())
    await rig.publish("m0")
    await rig.run_until(lambda: loop.metrics.records == 1, loop)
    assert await rig.committed() == 1


async def test_two_members_share_the_partitions_and_lose_nothing(rig):
    first, second = Scripted(echo), Scripted(echo)
    stop = asyncio.Event()
    loops = [rig.loop(rig.spec(processor), stop) for processor in (first, second)]

    async def publish() -> None:
        number = 0
        while not (first.seen and second.seen):
            await rig.publish(f"m{number}", key=str(number).encode())
            number += 1

    publishing = asyncio.create_task(publish())
    await rig.run_until(
        lambda: (
            publishing.done()
            and sum(loop.metrics.records for loop in loops) >= len({*first.seen, *second.seen})
        ),
        *loops,
    )
    await publishing
    assert {*first.seen, *second.seen} <= set(await rig.published())


@pytest.mark.incident("SHD-01")
@pytest.mark.incident("DEL-07")
async def test_a_stopped_member_finishes_its_batch(rig):
    """A stop in the middle of a batch lets it reach its commit."""
    await rig.publish("a", "b")
    began, go_on = asyncio.Event(), asyncio.Event()

    class Slow(Scripted):
        async def process(self, batch):
            began.set()
            await go_on.wait()
            return await Scripted.process(self, batch)

    loop = rig.loop(rig.spec(Slow(echo)), asyncio.Event())
    running = asyncio.create_task(loop.run())
    await began.wait()
    loop.stop.set()
    go_on.set()
    await running
    assert await rig.committed() == 2


async def test_a_row_of_an_undeclared_table_is_a_mistake_of_the_worker(rig):
    await rig.publish("a")
    processor = Scripted(lambda _: Done(rows=(TableRow("elsewhere", {}),)))
    with pytest.raises(RecordFailedError, match="row of table 'elsewhere', which it does not decl"):
        await rig.run_until(lambda: False, rig.loop(rig.spec(processor), asyncio.Event()))
    assert await rig.committed() == 0
