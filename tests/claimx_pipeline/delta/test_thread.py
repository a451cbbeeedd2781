import asyncio
import subprocess
import sys
import textwrap
import threading

import pytest

from claimx_pipeline.delta.faults import TableWriteError
from claimx_pipeline.delta.thread import TableThread
from claimx_pipeline.errors import Category
from tests.rigs.delta_tables import Gate


class PanicException(BaseException):
    pass


def raises(error):
    raise error


@pytest.mark.incident("DEL-10")
async def test_all_work_of_a_table_runs_in_one_thread_of_its_own():
    thread = TableThread("events", 10)
    found = {await thread.run(threading.get_ident) for _ in range(5)}
    assert len(found) == 1
    assert found != {threading.get_ident()}
    thread.abandon()


@pytest.mark.incident("REB-06")
async def test_work_that_overruns_its_limit_is_left_to_itself():
    thread, gate = TableThread("events", 0.05), Gate()
    with pytest.raises(
        TableWriteError, match=r"'events': no answer within 0.05 s, outcome unknown"
    ) as caught:
        await thread.run(gate.wait)
    assert caught.value.category is Category.TRANSIENT
    # The next work does not wait for it, and does not share its thread.
    assert await thread.run(lambda: 7) == 7
    gate.opened.set()
    thread.abandon()


@pytest.mark.incident("REB-03")
@pytest.mark.incident("REB-07")
async def test_the_loop_goes_on_while_a_table_works():
    """It opens the gate for which the table waits."""
    thread, gate = TableThread("events", 60), Gate()

    def wait() -> bool:
        gate.entered.set()
        return gate.opened.wait(10)

    work = asyncio.create_task(thread.run(wait))
    while not gate.entered.is_set():
        await asyncio.sleep(0)
    gate.opened.set()
    assert await work, "the loop waited for the table"
    thread.abandon()


@pytest.mark.incident("DEL-10")
async def test_a_panic_becomes_an_error_that_handlers_see():
    thread = TableThread("events", 10)
    with pytest.raises(TableWriteError, match="'events': index out of bounds") as caught:
        await thread.run(lambda: raises(PanicException("index out of bounds")))
    assert caught.value.category is Category.BUG
    thread.abandon()


@pytest.mark.parametrize("error", [ValueError("x"), TimeoutError("own limit")])
async def test_an_error_of_the_work_passes_as_it_is(error):
    thread = TableThread("events", 10)
    with pytest.raises(type(error), match=str(error)):
        await thread.run(lambda: raises(error))
    thread.abandon()


HANGING = """
    import asyncio, threading
    from claimx_pipeline.delta.faults import TableWriteError
    from claimx_pipeline.delta.thread import TableThread

    async def main():
        try:
            await TableThread("events", 0.05).run(threading.Event().wait)
        except TableWriteError as error:
            print(error)

    asyncio.run(main())
"""


@pytest.mark.incident("REB-06")
@pytest.mark.incident("SHD-01")
def test_work_that_never_ends_does_not_keep_the_process_from_ending():
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(HANGING)], capture_output=True, text=True, timeout=60
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "no answer within 0.05 s" in ended.stdout
