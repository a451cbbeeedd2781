"""A chain of stages: what its messages carry on."""

import pytest

from claimx_pipeline import Dead, Done, OutRecord, Received
from claimx_pipeline.broker.sqlite.log import StoredRecord
from claimx_pipeline.claimx.domain import CLAIMX
from claimx_pipeline.stages import ChainProcessor, Item, RecordStage
from claimx_pipeline.workers.ingest import TaskMaker


class Publishing(RecordStage):
    """Publishes and confirms every record."""

    async def process_one(self, item: Item) -> None:
        item.publish.append(OutRecord("out", b"1", None, (("x", b"y"),)))
        item.confirm.append(OutRecord("ok", b"1"))


def received(hops: int | None) -> Received:
    headers = () if hops is None else (("claimx-hops", str(hops).encode()),)
    return Received(StoredRecord("in", 0, 0, None, b"{}", headers, 0), {})


@pytest.mark.parametrize(("hops", "expected"), [(None, b"1"), (0, b"1"), (7, b"8")])
async def test_messages_count_how_many_led_to_them(hops, expected):
    (outcome,) = await ChainProcessor([Publishing()], None).process([received(hops)])
    assert isinstance(outcome, Done)
    assert outcome.publish[0].headers == (("x", b"y"), ("claimx-hops", expected))
    assert outcome.confirm[0].headers == (("claimx-hops", expected),)


async def test_a_circle_of_plugin_messages_ends_as_a_dead_letter():
    (outcome,) = await ChainProcessor([Publishing()], None).process([received(8)])
    assert isinstance(outcome, Dead)
    assert "round in a circle" in str(outcome.error)


async def test_who_publishes_nothing_is_in_no_circle():
    assert await ChainProcessor([], None).process([received(8)]) == [Done()]


def test_an_event_that_a_plugin_led_to_keeps_the_count():
    from datetime import UTC, datetime

    from claimx_pipeline import Event

    event = Event("e", "PROJECT_CREATED", "1", datetime(2026, 1, 1, tzinfo=UTC))
    made = TaskMaker(CLAIMX, event.ingested_at)
    assert dict(made(event, 3).headers)["claimx-hops"] == b"3"
    assert "claimx-hops" not in dict(made(event).headers)
