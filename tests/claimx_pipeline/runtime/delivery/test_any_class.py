"""What a record makes its worker's code raise is that record's outcome, of whatever class."""

from __future__ import annotations

import asyncio

import pytest

from claimx_pipeline import DONE, Category, Done, OutRecord, RecordError
from claimx_pipeline.isolation import type_name
from claimx_pipeline.runtime.dead_letters.dead_letter import DeadLetter
from claimx_pipeline.runtime.delivery import alone
from claimx_pipeline.runtime.headers import DUE, GROUP, RETURN_TO, encoded
from claimx_pipeline.runtime.retry_ladder import RetryLadder
from claimx_pipeline.tables import TableRow
from tests.fakes.virtual_clock import VirtualClock
from tests.rigs import topics
from tests.rigs.until import until
from tests.rigs.worker import DEAD, FAMILY, IN, OUT, Rig, Scripted

RETRY = RetryLadder(FAMILY, (1.0,)).topics()[0]


class PanicException(BaseException):
    """As libraries in Rust raise it."""


class MuteError(Exception):
    def __str__(self):
        raise PanicException("no words")

    __repr__ = __str__


OF_ANY_CLASS = [
    PanicException("panicked"),
    SystemExit(3),
    KeyboardInterrupt("made up"),
    asyncio.CancelledError("made up"),
    GeneratorExit(),
    BaseExceptionGroup("several", [PanicException("one")]),
    OverflowError("date value out of range"),
    RecursionError("too deep"),
    MemoryError(),
    StopAsyncIteration(),
    MuteError(),
]


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
async def rig(tmp_path, clock) -> Rig:
    return await Rig.make(tmp_path, clock=clock)


@pytest.fixture(autouse=True)
def _signals_are_handled(monkeypatch):
    """As in every process of workers: nobody but a record raises KeyboardInterrupt then."""
    import signal

    before = signal.signal(signal.SIGINT, lambda number, frame: None)
    yield
    signal.signal(signal.SIGINT, before)


def echo(text: str) -> Done:
    return Done(publish=(OutRecord(OUT.name, text.encode(), b"k"),))


class Breaking(Scripted):
    """Raises for the whole batch if a bad record is in it; ``where`` says when."""

    def __init__(self, error: BaseException, where: str) -> None:
        super().__init__(echo)
        self.error, self.where = error, where
        self.batches: list[list[str]] = []

    def decode(self, record):
        text = super().decode(record)
        if self.where == "decode" and text == "bad":
            raise self.error
        return text

    async def process(self, batch):
        texts = [received.message for received in batch]
        self.batches.append(texts)
        if self.where == "process" and "bad" in texts:
            raise self.error
        return await super().process(batch)


@pytest.mark.incident("STR-43")
@pytest.mark.parametrize("where", ["decode", "process"])
@pytest.mark.parametrize("error", OF_ANY_CLASS, ids=type_name)
async def test_whatever_a_record_raises_it_is_dead_alone(rig, error, where):
    """Also the second time, with a worker that has no ladder."""
    processor = Breaking(error, where)
    loop = rig.loop(rig.failing(processor, family=None), asyncio.Event())
    await rig.publish("a", "bad", "b", "bad", "c")
    await rig.run_until(lambda: loop.metrics.records == 5, loop)
    assert sorted(await rig.published()) == ["a", "b", "c"]
    assert await rig.committed() == 5
    dead = [DeadLetter.read(each) for each in await rig.records(DEAD)]
    assert [each.error_type for each in dead] == [type(error).__name__] * 2
    assert {each.category for each in dead} == {"bug"}


@pytest.mark.incident("STR-43")
async def test_a_defect_is_tried_once_more_and_its_neighbours_are_not(rig, clock):
    processor = Breaking(PanicException("panicked"), "process")
    stop = asyncio.Event()
    worker, retry = rig.loop(rig.failing(processor), stop), rig.retrying(stop)
    await rig.publish("a", "bad", "b")
    tasks = [asyncio.create_task(loop.run()) for loop in (worker, retry)]
    await until(lambda: retry._paused.count() == 1, *tasks)
    assert await rig.published() == ["a", "b"]
    await clock.advance(1)
    await until(lambda: worker.metrics.records == 4, *tasks)
    stop.set()
    await asyncio.gather(*tasks)
    assert [DeadLetter.read(each).attempts for each in await rig.records(DEAD)] == [2]
    assert processor.batches == [["a", "bad", "b"], ["a"], ["bad"], ["b"], ["bad"]]


async def test_what_passes_by_itself_is_not_asked_record_by_record(rig):
    """A service that is away would cost a timeout for each of them."""
    processor = Breaking(RecordError("not now", Category.TRANSIENT), "process")
    loop = rig.loop(rig.failing(processor), asyncio.Event())
    await rig.publish("a", "bad", "b")
    await rig.run_until(lambda: loop.metrics.records == 3, loop)
    assert processor.batches == [["a", "bad", "b"]]
    assert len(await rig.records(RETRY)) == 3


async def test_who_has_not_been_tried_alone_in_time_waits_and_is_charged_nothing(
    rig, clock, monkeypatch
):
    monkeypatch.setattr(alone, "ALONE_SECONDS", 0.0)
    processor = Breaking(ValueError("bad"), "process")
    loop = rig.loop(rig.failing(processor, family=None), asyncio.Event())
    await rig.publish("a", "bad", "b", "c")
    await rig.run_until(lambda: loop.metrics.records == 4, loop)
    assert await rig.published() == ["a", "b", "c"]
    assert len(await rig.records(DEAD)) == 1


@pytest.mark.parametrize("wrong", [[], [DONE] * 4, [None], ["done"], None, 5])
async def test_a_processor_that_answers_wrongly_fails_the_records_it_was_asked_about(rig, wrong):
    class Wrong(Scripted):
        async def process(self, batch):
            good = [echo(each.message) for each in batch if each.message != "bad"]
            return good if len(good) == len(batch) else wrong

    loop = rig.loop(rig.failing(Wrong(), family=None), asyncio.Event())
    await rig.publish("a", "bad", "b")
    await rig.run_until(lambda: loop.metrics.records == 3, loop)
    assert await rig.published() == ["a", "b"]
    assert len(await rig.records(DEAD)) == 1


@pytest.mark.incident("STR-43")
async def test_the_workers_own_cancellation_is_no_ones_failure(rig):
    began = asyncio.Event()

    class Slow(Scripted):
        async def process(self, batch):
            began.set()
            await asyncio.Event().wait()

    loop = rig.loop(rig.failing(Slow()), asyncio.Event())
    await rig.publish("a")
    task = asyncio.create_task(loop.run())
    await asyncio.wait_for(began.wait(), 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await rig.committed() == 0
    assert await rig.records(DEAD) == []


async def test_a_row_of_an_undeclared_table_is_the_failure_of_its_record(rig):
    def act(text):
        return Done(rows=(TableRow("elsewhere", {}),)) if text == "bad" else echo(text)

    loop = rig.loop(rig.failing(Scripted(act)), asyncio.Event())
    await rig.publish("a", "bad", "b")
    await rig.run_until(lambda: loop.metrics.records == 3, loop)
    assert await rig.published() == ["a", "b"]
    (dead,) = await rig.records(DEAD)
    assert "'elsewhere', which it does not declare" in DeadLetter.read(dead).error


FOREIGN = {
    "no headers": {},
    "no way back": {DUE: "5"},
    "an unknown way back": {RETURN_TO: "elsewhere", DUE: "5"},
}


@pytest.mark.incident("STR-02")
@pytest.mark.parametrize("given", FOREIGN.values(), ids=FOREIGN)
async def test_what_others_put_into_a_retry_topic_is_a_dead_letter_of_its_family(rig, given):
    good = {RETURN_TO: IN.name, GROUP: "g"}
    await topics.publish(
        rig.broker(),
        [
            OutRecord(RETRY.name, b"foreign", b"k", encoded(given)),
            OutRecord(RETRY.name, b"good", b"k", encoded({**good, DUE: "5"})),
        ],
    )
    retry = rig.retrying(asyncio.Event())
    await rig.run_until(lambda: retry.metrics.records == 2, retry)
    assert [each.value for each in await rig.records(IN)] == [b"good"]
    (dead,) = await rig.records(DEAD)
    assert dead.value == b"foreign"
    assert DeadLetter.read(dead).worker == "retry"


@pytest.mark.incident("STR-02")
@pytest.mark.parametrize("due", ["²", "9" * 5000, "", "-1", str(2**63 - 1), str(253402300799999)])
async def test_a_record_whose_time_cannot_be_meant_returns_at_once(rig, due):
    """It would hold what is behind it for a thousand years."""
    good = {RETURN_TO: IN.name, GROUP: "g"}
    await topics.publish(
        rig.broker(),
        [
            OutRecord(RETRY.name, b"odd", b"k", encoded({**good, DUE: due})),
            OutRecord(RETRY.name, b"good", b"k", encoded({**good, DUE: "5"})),
        ],
    )
    retry = rig.retrying(asyncio.Event())
    await rig.run_until(lambda: retry.metrics.records == 2, retry)
    assert [each.value for each in await rig.records(IN)] == [b"odd", b"good"]


@pytest.mark.incident("STR-02")
@pytest.mark.parametrize(
    "odd",
    [
        {"claimx-origin": "elsewhere"},
        {"claimx-attempts": "²"},
        {"claimx-attempts": "9" * 5000},
        {"claimx-hops": "²"},
        {"claimx-first-failed": "yesterday"},
        {"claimx-origin-timestamp": "soon", "claimx-origin": "t/0/0"},
    ],
)
async def test_odd_headers_cost_neither_their_record_its_letter_nor_its_neighbour_its_turn(
    rig, odd
):
    await topics.publish(
        rig.broker(),
        [
            OutRecord(IN.name, b"undecodable", b"k", encoded(odd)),
            OutRecord(IN.name, b"flaky", b"k", encoded(odd)),
            OutRecord(IN.name, b"good", b"k", encoded(odd)),
        ],
    )

    def act(text):
        if text == "flaky":
            raise RecordError("not now", Category.TRANSIENT)
        return echo(text)

    class OneByOne(Scripted):
        async def process(self, batch):
            from claimx_pipeline.runtime.outcome import failure

            found = []
            for each in batch:
                try:
                    found.append(act(each.message))
                except RecordError as error:
                    found.append(failure(error))
            return found

    loop = rig.loop(rig.failing(OneByOne()), asyncio.Event())
    await rig.run_until(lambda: loop.metrics.records == 3, loop)
    assert await rig.published() == ["good"]
    assert len(await rig.records(DEAD)) == 1
    assert len(await rig.records(RETRY)) == 1
