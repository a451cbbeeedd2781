"""Several batches in flight: what overlaps, what keeps its order, and that all adds up."""

import asyncio
import signal

import pytest

from claimx_pipeline import Done, OutRecord, RecordError
from claimx_pipeline.broker.protocol import Assignment
from claimx_pipeline.runtime import polling
from claimx_pipeline.runtime.delivery.batch import BatchRecord
from claimx_pipeline.runtime.delivery.paused import LOOK_SECONDS, PausedPartitions
from claimx_pipeline.runtime.outcome import Held
from claimx_pipeline.runtime.polling import Polling
from tests.rigs.until import until
from tests.rigs.worker import IN, OUT, Rig, Scripted


@pytest.fixture
async def rig(tmp_path) -> Rig:
    return await Rig.make(tmp_path)


def echo(text: str) -> Done:
    return Done(publish=(OutRecord(OUT.name, text.encode(), b"k"),))


class Gated(Scripted):
    """Lets a batch with *stopped* in it wait until the gate opens."""

    def __init__(self, act, stopped: str):
        super().__init__(act)
        self.stopped = stopped
        self.gate = asyncio.Event()

    async def process(self, batch):
        outcomes = await Scripted.process(self, batch)
        if self.stopped in [received.message for received in batch]:
            await self.gate.wait()
        return outcomes


async def finish(loop, running) -> None:
    loop.stop.set()
    await running


def counted(rig: Rig) -> dict[str, float]:
    """Return what the counters of the worker say."""
    found = dict.fromkeys(("received", "committed", "revoked", "waiting", "in_flight"), 0.0)
    for metric in rig.metrics.registry.collect():
        for sample in metric.samples:
            name = sample.name.removeprefix("claimx_records_").removesuffix("_total")
            if name in found:
                found[name] += sample.value
    return found


def assert_adds_up(rig: Rig) -> None:
    found = counted(rig)
    received = found.pop("received")
    assert received == sum(found.values()), found
    assert min(found.values()) >= 0, found


@pytest.mark.incident("OFF-03")
@pytest.mark.incident("PRF-03")
async def test_batches_behind_a_slow_one_are_worked_on_and_none_is_settled_before_it(rig):
    texts = [f"m{number}" for number in range(40)]
    await rig.publish(*texts)
    processor = Gated(echo, "m3")
    loop = rig.loop(rig.spec(processor, batch_size=10, in_flight=30), asyncio.Event())
    running = asyncio.create_task(loop.run())
    await until(lambda: len(processor.seen) == 30)
    assert (await rig.committed(), await rig.published()) == (0, [])
    assert_adds_up(rig)
    assert counted(rig)["in_flight"] == 30, "and no more than was allowed"
    processor.gate.set()
    await until(lambda: loop.metrics.records == 40)
    await finish(loop, running)
    assert await rig.published() == texts
    assert await rig.committed() == 40
    assert counted(rig)["in_flight"] == 0


@pytest.mark.incident("PRF-04")
async def test_a_partition_waits_when_too_much_of_it_is_in_flight_and_others_go_on(
    rig, monkeypatch
):
    monkeypatch.setattr(polling, "FARTHEST", 100)
    producer = rig.broker().producer()
    await producer.start()
    for bucket in (0, 1):
        records = [
            OutRecord(IN.name, f"{bucket}-{number}".encode(), bucket=bucket)
            for number in range(300)
        ]
        await producer.publish(records)
    await producer.close()
    processor = Gated(echo, "0-0")
    loop = rig.loop(rig.spec(processor, batch_size=20, in_flight=10_000), asyncio.Event())
    running = asyncio.create_task(loop.run())
    await until(lambda: sum(text.startswith("1-") for text in processor.seen) >= 100)
    await until(lambda: loop.metrics.records == 300)
    far = sum(text.startswith("0-") for text in processor.seen)
    assert 100 <= far <= 100 + 2 * 20, "it is at most so far ahead"
    processor.gate.set()
    await until(lambda: loop.metrics.records == 600)
    await finish(loop, running)
    assert await rig.committed() == 600


async def fill(rig: Rig, *counts: int) -> None:
    """Publish so many records to each partition: ``0-0``, ``0-1`` and so on."""
    producer = rig.broker().producer()
    await producer.start()
    for bucket, count in enumerate(counts):
        texts = (f"{bucket}-{number}" for number in range(count))
        await producer.publish([OutRecord(IN.name, each.encode(), bucket=bucket) for each in texts])
    await producer.close()


async def test_one_long_partition_keeps_no_other_waiting(rig):
    """It fills the room and gets nowhere; what comes in the other partition is committed."""
    await fill(rig, 300)
    processor = Gated(echo, "0-0")
    loop = rig.loop(rig.spec(processor, batch_size=10, in_flight=40), asyncio.Event())
    running = asyncio.create_task(loop.run())
    await until(lambda: len(processor.seen) == 40)
    await fill(rig, 0, 25)
    await until(lambda: loop.metrics.records == 25)
    assert_adds_up(rig)
    assert await rig.committed() == 25
    assert await rig.published() == [f"1-{number}" for number in range(25)]
    assert len([text for text in processor.seen if text.startswith("0-")]) == 40, "no more room"
    processor.gate.set()
    await until(lambda: loop.metrics.records == 325)
    await finish(loop, running)
    assert await rig.committed() == 325
    published = await rig.published()
    assert [text for text in published if text.startswith("0-")] == [f"0-{n}" for n in range(300)]


async def test_after_a_batch_of_one_partition_alone_the_others_go_first(rig):
    await fill(rig, 200, 5)
    processor = Scripted(echo)
    loop = rig.loop(rig.spec(processor, batch_size=20, in_flight=20), asyncio.Event())
    await rig.run_until(lambda: loop.metrics.records == 205, loop)
    assert max(processor.seen.index(f"1-{number}") for number in range(5)) < 45


async def test_a_held_record_holds_what_is_in_flight_behind_it_and_its_work_is_done_once(rig):
    """What was done for the batches behind is kept; only the held record is tried again."""
    away = True

    def act(text: str):
        return Held(RecordError("away")) if text == "m0" and away else echo(text)

    texts = [f"m{number}" for number in range(30)]
    await rig.publish(*texts)
    processor = Gated(act, "m5")
    loop = rig.loop(rig.spec(processor, batch_size=10, in_flight=30), asyncio.Event())
    running = asyncio.create_task(loop.run())
    await until(lambda: len(processor.seen) == 30)
    processor.gate.set()
    await until(lambda: counted(rig)["waiting"] == 30)
    assert_adds_up(rig)
    assert await rig.committed() == 0
    away = False
    await until(lambda: loop.metrics.records == 30)
    await finish(loop, running)
    assert await rig.published() == texts
    assert [text for text in processor.seen if text != "m0"] == texts[1:], "each once"


@pytest.mark.incident("RET-09")
@pytest.mark.incident("REB-01")
async def test_the_counters_add_up_at_every_moment_of_a_rebalance(rig):
    """A second member joins and leaves; received = committed + revoked + waiting + in flight."""
    attempts: dict[str, int] = {}

    def act(text: str):
        attempts[text] = attempts.get(text, 0) + 1
        held = text == "m50" and attempts[text] == 1
        return Held(RecordError("not yet")) if held else echo(text)

    texts = [f"m{number}" for number in range(400)]
    producer = rig.broker().producer()
    await producer.start()
    await producer.publish([OutRecord(IN.name, text.encode(), text.encode()) for text in texts])
    await producer.close()
    first = rig.loop(rig.spec(Scripted(act), batch_size=10), asyncio.Event())
    second = rig.loop(rig.spec(Scripted(act), batch_size=10), asyncio.Event())
    tasks = [asyncio.create_task(first.run())]
    joined = False

    def done() -> bool:
        nonlocal joined
        assert_adds_up(rig)
        if not joined and first.metrics.records > 20:
            joined = True
            tasks.append(asyncio.create_task(second.run()))
        if second.metrics.records > 20:
            second.stop.set()
        return attempts.keys() == set(texts) and counted(rig)["in_flight"] == 0

    await until(done)
    await until(lambda: not counted(rig)["waiting"])
    first.stop.set()
    second.stop.set()
    await asyncio.gather(*tasks)
    assert_adds_up(rig)
    assert set(await rig.published()) == set(texts)
    assert await rig.committed() == 400


@pytest.mark.incident("LAT-12")
@pytest.mark.incident("REB-05")
async def test_a_worker_with_a_batch_that_never_ends_is_alive_at_first_and_stuck_later(
    tmp_path,
):
    """Its loop goes round all the time; what is in flight does not."""
    from tests.fakes.virtual_clock import VirtualClock

    clock = VirtualClock()
    rig = await Rig.make(tmp_path, clock=clock)
    await rig.publish("a", "b")
    processor = Gated(echo, "a")
    loop = rig.loop(rig.spec(processor, batch_size=1), asyncio.Event())
    running = asyncio.create_task(loop.run())
    await until(lambda: processor.seen == ["a", "b"])
    health = loop.resources.health

    async def later(seconds: float) -> bool:
        await clock.advance(seconds)
        before = clock.monotonic()
        # The loop notices that time has passed as soon as its poll ends.
        await until(lambda: loop._pulse._beat >= before)
        return health.live()[0]

    assert await later(240)
    assert not await later(61)
    processor.gate.set()
    await until(lambda: loop.metrics.records == 2)
    await until(lambda: health.live()[0])
    await finish(loop, running)


async def test_a_batch_that_never_ends_shows_although_others_are_committed(tmp_path):
    from tests.fakes.virtual_clock import VirtualClock

    clock = VirtualClock()
    rig = await Rig.make(tmp_path, clock=clock)
    await fill(rig, 1)
    processor = Gated(echo, "0-0")
    loop = rig.loop(rig.spec(processor, batch_size=1), asyncio.Event())
    running = asyncio.create_task(loop.run())
    await until(lambda: processor.seen)
    for count in (1, 2, 3):
        await clock.advance(110)
        await fill(rig, 0, 1)
        await until(lambda count=count: loop.metrics.records == count)
    before = clock.monotonic()
    await until(lambda: loop._pulse._beat >= before)
    assert not loop.resources.health.live()[0]
    loop.stop.set()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


@pytest.fixture
def hang_ends():
    """End a test that keeps the event loop from everything else; no timeout would run there."""

    def end(*_: object) -> None:
        raise AssertionError("the event loop was kept from everything else")

    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, 30)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.usefixtures("hang_ends")
async def test_a_record_that_is_due_behind_what_is_in_flight_does_not_keep_the_loop_busy(
    rig, monkeypatch
):
    """It cannot be looked at again before; polls without a wait would starve what is in flight."""
    held = True

    def act(text: str):
        return Held(until=rig.pipeline.clock.now()) if text == "m0" and held else echo(text)

    texts = [f"m{number}" for number in range(20)]
    await rig.publish(*texts)
    processor = Gated(act, "m5")
    behind = asyncio.Event()
    process = processor.process

    async def gated(batch):
        outcomes = await process(batch)
        if "m15" in [received.message for received in batch]:
            await behind.wait()
        return outcomes

    processor.process = gated
    loop = rig.loop(rig.spec(processor, batch_size=10, in_flight=40), asyncio.Event())
    running = asyncio.create_task(loop.run())
    await until(lambda: len(processor.seen) == 20)
    processor.gate.set()
    await until(lambda: counted(rig)["waiting"] == 10)
    assert counted(rig)["in_flight"] == 10
    collect, polls = Polling.collect, 0

    async def counting(self, **how):
        nonlocal polls
        polls += 1
        return await collect(self, **how)

    monkeypatch.setattr(Polling, "collect", counting)
    await until(lambda: polls >= 3)
    held = False
    behind.set()
    await until(lambda: loop.metrics.records == 20)
    await finish(loop, running)
    assert await rig.published() == texts


async def test_what_is_due_in_flight_is_looked_at_now_and_then(rig):
    clock = rig.pipeline.clock
    paused = PausedPartitions(clock)
    assignment = Assignment("topic", 0, 1)
    paused.add(assignment, [BatchRecord(None, None, held=Held(until=clock.now()))])
    assert paused.seconds_to_next(0.5) == 0
    assert paused.seconds_to_next(0.5, {assignment: 0}) == LOOK_SECONDS
    assert paused.seconds_to_next(0.01, {assignment: 0}) == 0.01
