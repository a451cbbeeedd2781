"""What a stage raises is the outcome of the records it was about, of whatever class."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from attrs import field, frozen

from claimx_pipeline import Category, Dead, Done, OutRecord, Received, RecordError, Retry
from claimx_pipeline.errors import ClaimxError, DecodeError
from claimx_pipeline.isolation import type_name
from claimx_pipeline.stages import Chain, ChainProcessor, RecordStage, StageSpec
from claimx_pipeline.testing import make_record
from tests.fakes.virtual_clock import VirtualClock


class PanicException(BaseException):
    """As libraries in Rust raise it."""


OF_ANY_CLASS = [
    PanicException("panicked"),
    SystemExit(3),
    asyncio.CancelledError("made up"),
    GeneratorExit(),
    BaseExceptionGroup("several", [PanicException("one")]),
    ValueError("odd"),
    RecordError("refused"),
]


@frozen
class Resources:
    """As much of them as a chain asks for."""

    clock: VirtualClock = field(factory=VirtualClock)


class Asking(RecordStage):
    """Reports every record it sees, as a stage does that calls a service."""

    async def process_one(self, item):
        item.reports.append(OutRecord("reports", item.record.value))
        item.data["seen"] = True


class AllAtOnce:
    """Raises for the batch, after it has spoilt its data."""

    def __init__(self, error: BaseException) -> None:
        self.error = error
        self.batches: list[list[int]] = []

    async def open(self, resources):
        """Nothing to open."""

    async def process(self, items):
        self.batches.append([item.data["n"] for item in items])
        assert all("spoilt" not in item.data for item in items)
        for item in items:
            item.data["spoilt"] = True
        if any(item.data["n"] == 2 for item in items):
            raise self.error

    async def close(self):
        """Nothing to close."""


class OneByOne(RecordStage):
    def __init__(self, error: BaseException) -> None:
        self.error = error

    async def process_one(self, item):
        if item.data["n"] == 2:
            raise self.error


def batch(count: int = 4) -> list[Received]:
    return [Received(make_record({"n": n}, offset=n), {"n": n}) for n in range(count)]


def expected(error: BaseException) -> type:
    return Dead if isinstance(error, RecordError) else Retry


@pytest.mark.incident("STR-43")
@pytest.mark.parametrize("error", OF_ANY_CLASS, ids=type_name)
@pytest.mark.parametrize("kind", [AllAtOnce, OneByOne])
async def test_whatever_a_stage_raises_is_one_records(error, kind):
    outcomes = await ChainProcessor([Asking(), kind(error)], Resources()).process(batch())
    assert [type(outcome) for outcome in outcomes] == [Done, Done, expected(error), Done]
    assert type_name(outcomes[2].error) == type(error).__name__
    assert f"in stage 2 ({kind.__name__})" in " ".join(outcomes[2].error.__notes__)


async def test_each_is_tried_alone_from_the_first_stage_and_reports_are_kept():
    stage = AllAtOnce(ValueError("odd"))
    outcomes = await ChainProcessor([Asking(), stage], Resources()).process(batch())
    assert stage.batches == [[0, 1, 2, 3], [0], [1], [2], [3]]
    reported = [msgspec.json.decode(each.value)["n"] for one in outcomes for each in one.reports]
    assert sorted(reported) == [0, 0, 1, 1, 2, 2, 3, 3], "of both times: each asked a service"


async def test_what_passes_by_itself_is_charged_to_all_at_once():
    stage = AllAtOnce(RecordError("away", Category.TRANSIENT))
    outcomes = await ChainProcessor([Asking(), stage], Resources()).process(batch())
    assert stage.batches == [[0, 1, 2, 3]]
    assert [type(outcome) for outcome in outcomes] == [Retry] * 4
    assert [len(outcome.reports) for outcome in outcomes] == [1] * 4


@pytest.mark.incident("STR-43")
async def test_the_workers_own_cancellation_passes_through_a_chain():
    class Waiting(RecordStage):
        async def process_one(self, item):
            began.set()
            await asyncio.Event().wait()

    began = asyncio.Event()
    task = asyncio.create_task(ChainProcessor([Waiting()], Resources()).process(batch(1)))
    await began.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.incident("STR-42")
def test_a_stage_that_could_only_fail_is_refused_when_the_worker_is_built():
    class Empty(RecordStage):
        def __init__(self, config):
            """No settings."""

    chain = Chain(lambda _: [StageSpec("empty", None)], worker="mine", registered={"empty": Empty})

    class WithSettings:
        settings = None

    with pytest.raises(ClaimxError, match=r"'mine'.*'empty' \(Empty\) has no method 'process_one'"):
        chain(WithSettings())


@pytest.mark.incident("STR-01")
@pytest.mark.parametrize(
    "value", [b"[" * 100_000, b'{"x":' * 100_000, b"\xff", b"", b"[]", b"1e999"]
)
def test_whatever_a_chain_reads_it_is_an_object_or_refused(value):
    with pytest.raises(DecodeError):
        ChainProcessor([], None).decode(make_record(value))
