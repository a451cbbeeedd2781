"""Whose request is next when all slots are in use."""

import asyncio

from claimx_pipeline.connections.slots import FairSlots


class Line:
    """Requests that hold a slot until they are ended, by name."""

    def __init__(self, slots: int):
        self.slots = FairSlots(slots)
        self.begun: list[str] = []
        self.ends: dict[str, asyncio.Event] = {}
        self.tasks: dict[str, asyncio.Task] = {}

    async def ask(self, *names: str) -> None:
        """Let requests come; the subject is the letter that a name begins with."""
        for name in names:
            self.ends[name] = asyncio.Event()
            self.tasks[name] = asyncio.create_task(self._one(name))
            await asyncio.sleep(0)

    async def _one(self, name: str) -> None:
        async with self.slots.slot(name[0]):
            self.begun.append(name)
            await self.ends[name].wait()

    async def end(self, name: str) -> None:
        self.ends[name].set()
        await self.tasks[name]
        await asyncio.sleep(0)

    async def end_all(self) -> list[str]:
        for name in self.begun:  # grows meanwhile
            await self.end(name)
        return self.begun


async def test_subjects_take_turns_and_each_keeps_its_order():
    line = Line(1)
    await line.ask("a1", "a2", "a3", "a4", "b1", "c1", "b2")
    assert await line.end_all() == ["a1", "a2", "b1", "c1", "a3", "b2", "a4"]
    assert line.slots.free == 1


async def test_no_more_are_under_way_than_there_are_slots():
    line = Line(2)
    await line.ask("a1", "a2", "a3", "b1")
    assert line.begun == ["a1", "a2"]
    await line.end("a2")
    assert line.begun == ["a1", "a2", "a3"]
    await line.end_all()
    assert line.slots.free == 2


async def test_one_that_stops_waiting_costs_no_slot():
    line = Line(1)
    await line.ask("a1", "b1", "b2", "c1")
    line.tasks["b1"].cancel()
    await asyncio.gather(line.tasks["b1"], return_exceptions=True)
    await line.end("a1")
    assert line.begun == ["a1", "b2"]
    # Cancelled in the moment in which it gets the slot: the next one has it.
    line.ends["b2"].set()
    await line.tasks["b2"]
    line.tasks["c1"].cancel()
    await asyncio.gather(line.tasks["c1"], return_exceptions=True)
    assert line.slots.free == 1
    await line.ask("d1")
    assert line.begun[-1] == "d1"
    await line.end("d1")
