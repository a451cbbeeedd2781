"""A partition with a long backlog: others pass it, and its own order stays."""

import asyncio

import pytest

from claimx_pipeline import Done, OutRecord
from tests.rigs import topics
from tests.rigs.until import until
from tests.rigs.worker import IN, OUT, Rig, Scripted

BATCH, ROOM = 10, 30


class OneGate(Scripted):
    """Lets each batch that has records of the long partition wait until the gate opens."""

    def __init__(self):
        super().__init__(echo)
        self.gate = asyncio.Event()

    async def process(self, batch):
        outcomes = await Scripted.process(self, batch)
        if any(received.message.startswith("long") for received in batch):
            await self.gate.wait()
        return outcomes


def echo(text: str) -> Done:
    return Done(publish=(OutRecord(OUT.name, text.encode(), b"k"),))


async def publish(rig: Rig, bucket: int, *texts: str) -> None:
    records = [OutRecord(IN.name, text.encode(), bucket=bucket) for text in texts]
    await topics.publish(rig.broker(), records)


@pytest.mark.incident("PRF-04")
async def test_what_is_new_in_another_partition_passes_all_that_is_in_flight_of_a_long_one(
    tmp_path,
):
    rig, processor = await Rig.make(tmp_path), OneGate()
    long = [f"long{number}" for number in range(80)]
    await publish(rig, 0, *long)
    loop = rig.loop(rig.spec(processor, batch_size=BATCH, in_flight=ROOM), asyncio.Event())
    running = asyncio.create_task(loop.run())
    await until(lambda: len(processor.seen) == ROOM)
    for round_ in range(3):
        short = [f"short{round_}-{number}" for number in range(3)]
        await publish(rig, 1, *short)
        await until(lambda count=3 * (round_ + 1): loop.metrics.records == count)
        assert (await rig.published())[-3:] == short
    assert await rig.committed() == 9
    assert len(processor.seen) == ROOM + 9, "the long one got no more room than it has"
    processor.gate.set()
    await until(lambda: loop.metrics.records == 89)
    loop.stop.set()
    await running
    assert [text for text in await rig.published() if text in long] == long
    assert await rig.committed() == 89


async def test_records_polled_together_with_a_long_run_do_not_wait_for_it(tmp_path):
    """A full batch is worked on in two parts: the run that took more than its share, and the rest."""
    rig, processor = await Rig.make(tmp_path), OneGate()
    long, short = [f"long{number}" for number in range(40)], ["short0", "short1"]
    await publish(rig, 1, *short)
    await publish(rig, 0, *long)
    loop = rig.loop(rig.spec(processor, batch_size=BATCH, in_flight=ROOM), asyncio.Event())
    running = asyncio.create_task(loop.run())
    await until(lambda: loop.metrics.records == 2)
    assert await rig.published() == short
    processor.gate.set()
    await until(lambda: loop.metrics.records == 42)
    loop.stop.set()
    await running
    assert await rig.published() == [*short, *long]


async def test_partitions_that_are_alike_do_not_crowd_each_other(tmp_path):
    rig, processor = await Rig.make(tmp_path), OneGate()
    for bucket in (0, 1):
        await publish(rig, bucket, *(f"long{bucket}-{number}" for number in range(40)))
    loop = rig.loop(rig.spec(processor, batch_size=BATCH, in_flight=ROOM), asyncio.Event())
    running = asyncio.create_task(loop.run())
    await until(lambda: len(processor.seen) == ROOM)
    assert loop._in_flight.crowding(loop._consumer.assignments()) == frozenset()
    processor.gate.set()
    await until(lambda: loop.metrics.records == 80)
    loop.stop.set()
    await running
