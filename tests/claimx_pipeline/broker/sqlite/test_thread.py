"""The thread of the embedded broker ends, whoever waits for that."""

import asyncio
import threading

import pytest

from claimx_pipeline.broker.sqlite.thread import SqliteThread
from claimx_pipeline.clock import SystemClock
from tests.rigs.until import until


async def test_a_caller_that_stops_waiting_for_the_end_does_not_disturb_it(tmp_path):
    thread = SqliteThread(tmp_path / "broker.db", 30.0, SystemClock(), 60.0)
    busy, free = threading.Event(), threading.Event()

    def work(_connection):
        busy.set()
        free.wait(30)

    thread.use()
    working = asyncio.create_task(thread.run(work, create=True))
    await until(busy.is_set)
    leaving = asyncio.create_task(thread.leave())
    await until(lambda: not thread._jobs.empty())
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    free.set()
    await working
    await until(thread._ended.done)
    assert not thread._ended.cancelled()
