"""Failed records: the ladder, dead letters, outages; on real topics, with a moved clock."""

import asyncio

import pytest
from attrs import evolve

from claimx_pipeline import Category, Done, OutRecord, RecordError
from claimx_pipeline.connections.answer import Answer, RequestFailedError, refusal
from claimx_pipeline.runtime.dead_letters.dead_letter import DeadLetter
from claimx_pipeline.runtime.headers import PLUGIN, attempts_of, encoded, header
from claimx_pipeline.runtime.outcome import Dead, Held, Retry, failure
from claimx_pipeline.runtime.retry_ladder import RetryLadder, label
from tests.fakes.virtual_clock import VirtualClock
from tests.rigs.until import until
from tests.rigs.worker import DEAD, FAMILY, IN, OUT, Rig, Scripted

FLAKY = RecordError("not now", Category.TRANSIENT)


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
async def rig(tmp_path, clock) -> Rig:
    return await Rig.make(tmp_path, clock=clock)


def echo(text: str) -> Done:
    return Done(publish=(OutRecord(OUT.name, text.encode(), b"k"),))


def fails(text_that_fails: str, outcome):
    return Scripted(lambda text: outcome if text == text_that_fails else echo(text))


class Watch:
    """Runs loops beside the test and waits for conditions."""

    def __init__(self, *loops):
        self.loops = loops
        self.tasks = [asyncio.create_task(loop.run()) for loop in loops]

    async def until(self, condition):
        await until(condition, *self.tasks)

    async def stop(self):
        for loop in self.loops:
            loop.stop.set()
        await asyncio.gather(*self.tasks)


def parked(loop) -> int:
    return loop._paused.count()


@pytest.mark.incident("LAT-05")
@pytest.mark.incident("RET-03")
async def test_a_failing_record_is_tried_once_more_than_there_are_delays_then_dead_once(rig, clock):
    """With delays 1, 2, 3 it is tried at 0, 1, 3 and 6 seconds, never earlier."""
    tried: list[float] = []

    def act(text):
        tried.append(clock.monotonic())
        return Retry(FLAKY)

    await rig.publish("bad")
    stop = asyncio.Event()
    worker, retry = rig.loop(rig.failing(Scripted(act)), stop), rig.retrying(stop)
    watch = Watch(worker, retry)
    for number, delay in enumerate((1.0, 2.0, 3.0), 1):
        await watch.until(lambda number=number: len(tried) == number and parked(retry) == 1)
        await clock.advance(delay - 0.01)
        before = retry.metrics.records
        await watch.until(lambda: parked(retry) == 1)
        assert len(tried) == number, "nothing comes early"
        assert retry.metrics.records == before
        await clock.advance(0.01)
    await watch.until(lambda: worker.metrics.records == 4)
    await watch.stop()
    assert tried == pytest.approx([0, 1, 3, 6])
    (letter,) = await rig.records(DEAD)
    told = DeadLetter.read(letter)
    assert (told.attempts, told.category) == (4, "transient")
    assert told.first_failed < told.last_failed
    assert str(told.origin).startswith("test.in/")


@pytest.mark.incident("OFF-05")
async def test_a_dead_letter_is_the_record_itself_with_what_is_known_beside_it(rig):
    """Good ones go on; the poison is byte-identical, with its coordinates; lag is 0."""
    await rig.publish("good", "undecodable \x00é", "bad", "good")
    processor = fails("bad", Dead(RecordError("never works")))
    loop = rig.loop(rig.failing(processor), asyncio.Event())
    await rig.run_until(lambda: loop.metrics.records == 4, loop)
    assert await rig.published() == ["good", "good"]
    assert await rig.committed() == 4
    letters = await rig.records(DEAD)
    assert [letter.value.decode() for letter in letters] == ["undecodable \x00é", "bad"]
    assert [letter.key for letter in letters] == [b"k", b"k"]
    told = [DeadLetter.read(letter) for letter in letters]
    assert [one.origin.offset for one in told] == [1, 2]
    assert [one.error_type for one in told] == ["DecodeError", "RecordError"]
    assert {one.worker for one in told} == {"scripted"}
    assert {one.group for one in told} == {"scripted"}


async def test_original_headers_survive_the_ladder_and_the_dead_letter(rig, clock):
    producer = rig.broker().producer()
    await producer.start()
    given = (("traceparent", b"00-1"), ("x", b"\xff"), ("x", b"2"))
    await producer.publish([OutRecord(IN.name, b"bad", b"k", given)])
    await producer.close()
    stop = asyncio.Event()
    worker = rig.loop(rig.failing(Scripted(lambda _: Retry(FLAKY))), stop)
    retry = rig.retrying(stop)
    watch = Watch(worker, retry)
    for number in range(1, 4):
        await watch.until(lambda n=number: worker.metrics.records == n and parked(retry) == 1)
        await clock.advance(3)
    await watch.until(lambda: worker.metrics.records == 4)
    await watch.stop()
    (letter,) = await rig.records(DEAD)
    assert tuple(letter.headers)[:3] == given


@pytest.mark.incident("RET-08")
async def test_a_bug_is_tried_once_more_and_then_dead_with_its_traceback(rig, clock):
    def act(_):
        return Retry(raised())

    def raised() -> Exception:
        try:
            {}["forgotten"]
        except KeyError as error:
            return error

    await rig.publish("bad")
    stop = asyncio.Event()
    worker, retry = rig.loop(rig.failing(Scripted(act)), stop), rig.retrying(stop)
    watch = Watch(worker, retry)
    await watch.until(lambda: parked(retry) == 1)
    await clock.advance(1)
    await watch.until(lambda: worker.metrics.records == 2)
    await watch.stop()
    (letter,) = await rig.records(DEAD)
    told = DeadLetter.read(letter)
    assert (told.category, told.attempts) == ("bug", 2)
    assert '{}["forgotten"]' in told.traceback


async def test_a_longer_retry_after_takes_the_delay_that_covers_it(rig):
    error = RecordError("busy", Category.TRANSIENT, retry_after=1.5)
    await rig.publish("bad")
    loop = rig.loop(rig.failing(fails("bad", Retry(error))), asyncio.Event())
    await rig.run_until(lambda: loop.metrics.records == 1, loop)
    topics = RetryLadder(FAMILY, (1.0, 2.0, 3.0)).topics()
    assert [len(await rig.records(topic)) for topic in topics] == [0, 1, 0]


async def test_a_returning_record_is_settled_untouched_by_every_other_group(rig):
    producer = rig.broker().producer()
    await producer.start()
    for group in ("scripted", "somebody-else"):
        headers = encoded({"claimx-group": group, "claimx-attempts": "1"})
        await producer.publish([OutRecord(IN.name, group.encode(), b"k", headers)])
    await producer.close()
    processor = Scripted(echo)
    loop = rig.loop(rig.failing(processor), asyncio.Event())
    await rig.run_until(lambda: loop.metrics.records == 2, loop)
    assert processor.seen == ["scripted"]
    assert await rig.committed() == 2


@pytest.mark.incident("RET-01")
@pytest.mark.incident("RET-06")
async def test_waiting_records_are_delivered_at_their_time_whatever_came_before(rig, clock):
    """Delays 3, 1 and 2 seconds, published in that order, return after 1, 2 and 3."""
    returned: list[tuple[str, float]] = []
    waits = {"slow": 2.5, "quick": 0, "middle": 1.5}

    def act(text):
        if text not in tried:
            tried.add(text)
            return Retry(RecordError("later", Category.TRANSIENT, retry_after=waits[text]))
        returned.append((text, clock.monotonic()))
        return echo(text)

    tried: set[str] = set()
    await rig.publish("slow", "quick", "middle")
    stop = asyncio.Event()
    worker, retry = rig.loop(rig.failing(Scripted(act)), stop), rig.retrying(stop)
    watch = Watch(worker, retry)
    for number in range(3):
        left = 3 - number
        await watch.until(lambda n=number, left=left: parked(retry) == left and len(returned) == n)
        await clock.advance(1)
    await watch.until(lambda: len(returned) == 3)
    await watch.stop()
    assert returned == [("quick", 1), ("middle", 2), ("slow", 3)]


@pytest.mark.incident("LAT-14")
@pytest.mark.incident("RET-06")
async def test_what_waits_survives_the_death_of_the_retry_worker(rig, clock):
    """Nothing is in memory only: a new member finds the record ten minutes late, once."""
    await rig.publish("bad")
    stop = asyncio.Event()
    seen: list[str] = []

    def act(text):
        seen.append(text)
        return Retry(FLAKY) if len(seen) == 1 else echo(text)

    worker, retry = rig.loop(rig.failing(Scripted(act)), stop), rig.retrying(asyncio.Event())
    first = Watch(worker, retry)
    await first.until(lambda: parked(retry) == 1)
    first.tasks[1].cancel()
    await asyncio.gather(first.tasks[1], return_exceptions=True)
    await clock.advance(600)
    again = Watch(rig.retrying(stop))
    await until(lambda: len(seen) >= 2)
    await again.stop()
    await asyncio.gather(first.tasks[0])
    assert (seen, await rig.published()) == (["bad", "bad"], ["bad"])


@pytest.mark.incident("LAT-11")
@pytest.mark.incident("API-03")
async def test_an_outage_holds_records_and_costs_them_nothing(rig, clock):
    """401: not ready, nothing dead, no attempt counted; it resumes by itself, in order."""
    away = True

    def act(text):
        refused = RecordError("the credential is refused", Category.AUTH, outage=True)
        return Retry(refused) if away else echo(text)

    texts = [f"m{number}" for number in range(20)]
    await rig.publish(*texts)
    loop = rig.loop(rig.failing(Scripted(act)), asyncio.Event())
    watch = Watch(loop)
    for _ in range(5):
        await watch.until(lambda: parked(loop) == 20)
        await clock.advance(40)
    ready, states = loop.resources.health.ready()
    assert not ready
    assert "the credential is refused" in states["workers"]["scripted"]
    assert await rig.committed() == 0
    away = False
    await clock.advance(40)
    await watch.until(lambda: loop.metrics.records == 20)
    await watch.until(lambda: loop.resources.health.ready()[0])
    await watch.stop()
    assert await rig.published() == texts
    assert await rig.records(DEAD) == []


async def test_with_outage_dead_letter_an_outage_climbs_the_ladder(rig):
    refused = RecordError("refused", Category.AUTH, outage=True)
    await rig.publish("bad")
    loop = rig.loop(
        rig.failing(fails("bad", Retry(refused)), outage="dead_letter"), asyncio.Event()
    )
    await rig.run_until(lambda: loop.metrics.records == 1, loop)
    assert len(await rig.records(RetryLadder(FAMILY, (1.0,)).topics()[0])) == 1


async def test_with_outage_detour_what_waits_for_a_service_lets_others_pass(rig, clock):
    """Its tries are not counted, however often the service is still away."""
    away, tried = True, []

    def act(text):
        if text == "b" and away:
            tried.append(text)
            return Retry(RecordError("refused", Category.AUTH, outage=True))
        return echo(text)

    await rig.publish("a", "b", "c")
    stop = asyncio.Event()
    worker = rig.loop(rig.failing(Scripted(act), outage="detour"), stop)
    retry = rig.retrying(stop)
    watch = Watch(worker, retry)
    for number in range(1, 7):
        await watch.until(lambda n=number: len(tried) == n and parked(retry) == 1)
        assert parked(worker) == 0
        if number == 6:
            away = False
            assert await rig.published() == ["a", "c"]
        await clock.advance(1)
    # a and c, b's six tries, and the one that went well.
    await watch.until(lambda: worker.metrics.records == 9)
    await watch.stop()
    assert await rig.published() == ["a", "c", "b"]
    assert await rig.records(DEAD) == []


async def test_with_outage_detour_the_failures_beside_an_outage_are_not_the_records(rig):
    """The service went away in the middle of the batch."""
    gone = RequestFailedError("gone", Category.TRANSIENT, outage=True, connection="hook")
    beside = RequestFailedError("lost", Category.TRANSIENT, connection="hook")
    await rig.publish("gone", "beside", "fine")
    answers = {"gone": Retry(gone), "beside": Retry(beside)}
    processor = Scripted(lambda text: answers.get(text) or echo(text))
    loop = rig.loop(rig.failing(processor, outage="detour"), asyncio.Event())
    await rig.run_until(lambda: loop.metrics.records == 3, loop)
    waiting = await rig.records(RetryLadder(FAMILY, (1.0,)).topics()[0])
    assert [attempts_of(record) for record in waiting] == [0, 0]
    assert await rig.published() == ["fine"]


@pytest.mark.incident("STR-61")
async def test_what_was_missing_before_all_was_missing_waits_as_well(rig, clock):
    """Four were taken for dead before the fifth showed that nothing is there."""
    texts = [f"r{number}" for number in range(8)]
    away = True

    def act(text):
        if not away:
            return echo(text)
        answer = Answer(404, {}, b"", clock.now(), "GET http://x/y")
        error = refusal(answer, connection="api")
        if texts.index(text) < 4:
            return failure(error)
        return failure(evolve(error, category=Category.TRANSIENT, outage=True))

    await rig.publish(*texts)
    loop = rig.loop(rig.failing(Scripted(act)), asyncio.Event())
    watch = Watch(loop)
    await watch.until(lambda: parked(loop) == len(texts))
    assert await rig.records(DEAD) == []
    away = False
    await clock.advance(60)
    await watch.until(lambda: loop.metrics.records == len(texts))
    await watch.stop()
    assert await rig.published() == texts


@pytest.mark.incident("STR-61")
async def test_one_missing_thing_beside_an_outage_of_another_kind_is_dead(rig, clock):
    def act(text):
        answer = Answer(404 if text == "gone" else 503, {}, b"", clock.now(), "GET http://x/y")
        error = refusal(answer, connection="api")
        return failure(error if text == "gone" else evolve(error, outage=True))

    await rig.publish("gone", "waits")
    loop = rig.loop(rig.failing(Scripted(act)), asyncio.Event())
    watch = Watch(loop)
    await watch.until(lambda: parked(loop) == 1)
    await watch.stop()
    assert [letter.value for letter in await rig.records(DEAD)] == [b"gone"]


async def test_what_came_back_for_one_plugin_stays_that_plugins(rig):
    """Also when it has to be tried again, or dies."""
    headers = encoded({PLUGIN: "mine"})
    producer = rig.broker().producer()
    await producer.start()
    await producer.publish([OutRecord(IN.name, text, b"k", headers) for text in (b"later", b"no")])
    await producer.close()
    answers = {"later": Retry(FLAKY), "no": Dead(RecordError("no"))}
    loop = rig.loop(rig.failing(Scripted(answers.get)), asyncio.Event())
    await rig.run_until(lambda: loop.metrics.records == 2, loop)
    (waiting,) = await rig.records(RetryLadder(FAMILY, (1.0,)).topics()[0])
    assert header(waiting.headers, PLUGIN) == "mine"
    (letter,) = await rig.records(DEAD)
    told = DeadLetter.read(letter)
    assert (told.kind, told.plugin) == ("plugin", "mine")


async def test_a_held_record_holds_its_own_partition_only(rig):
    await rig.publish("bad", "behind", key=b"k")
    for number in range(20):
        await rig.publish(f"y{number}", key=str(number).encode())
    loop = rig.loop(rig.failing(fails("bad", Held(FLAKY))), asyncio.Event())
    watch = Watch(loop)
    await watch.until(lambda: parked(loop) >= 2 and loop.metrics.records > 0)
    await watch.stop()
    assert "behind" not in await rig.published()


async def test_a_worker_without_ladder_waits_for_what_passes(rig, clock):
    attempts = 0

    def act(text):
        nonlocal attempts
        attempts += 1
        return Retry(FLAKY) if attempts < 3 else echo(text)

    await rig.publish("a")
    loop = rig.loop(rig.failing(Scripted(act), family=None), asyncio.Event())
    watch = Watch(loop)
    for number in (1, 2):
        await watch.until(lambda n=number: attempts == n and parked(loop) == 1)
        await clock.advance(40)
    await watch.until(lambda: loop.metrics.records == 1)
    await watch.stop()
    assert await rig.published() == ["a"]


@pytest.mark.incident("RET-09")
async def test_received_is_settled_plus_parked(rig):
    """The counters add up: nothing disappears between poll and outcome."""
    await rig.publish("a", "bad", "undecodable", "flaky", "held", "behind")
    outcomes = {
        "bad": Dead(RecordError("no")),
        "flaky": Retry(FLAKY),
        "held": Held(RecordError("away", Category.AUTH)),
    }
    processor = Scripted(lambda text: outcomes.get(text) or echo(text))
    loop = rig.loop(rig.failing(processor), asyncio.Event())
    watch = Watch(loop)
    await watch.until(lambda: loop.metrics.records == 4)

    def count(name: str, **labels: str) -> float:
        return rig.metrics.registry.get_sample_value(name, {"worker": "scripted", **labels}) or 0

    settled = {
        outcome: count("claimx_records_committed_total", outcome=outcome)
        for outcome in ("done", "skipped", "retry", "dead")
    }
    held = count("claimx_records_waiting")
    await watch.stop()
    assert settled == {"done": 1, "skipped": 0, "retry": 1, "dead": 2}
    assert count("claimx_records_received_total") == sum(settled.values()) + held == 6


@pytest.mark.parametrize(
    ("seconds", "name"), [(300, "5m"), (2400, "40m"), (90, "90s"), (1.0, "1s"), (0.25, "250ms")]
)
def test_retry_topics_are_named_by_their_delay(seconds, name):
    assert label(seconds) == name
