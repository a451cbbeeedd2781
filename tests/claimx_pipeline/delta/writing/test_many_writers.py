"""Many writers, many rows, storage that is slow or refuses: what the tables hold in the end."""

import asyncio
import subprocess
import sys
import textwrap
import threading
import time
from datetime import timedelta

import pytest

from claimx_pipeline.delta.faults import TableWriteError
from claimx_pipeline.delta.handle import KeptHandle
from claimx_pipeline.delta.writing.append import AppendWriter
from claimx_pipeline.errors import Category
from claimx_pipeline.settings.secret import Secret
from tests.fakes.http_service import Reply, http_service
from tests.rigs import processes
from tests.rigs.delta_tables import (
    EVENTS,
    NOON,
    PROJECTS,
    acquired,
    event,
    make_store,
    minutes,
    send,
    stored,
    write,
    writer_of,
)

PROCESS = """
    import asyncio, sys
    from tests.rigs.delta_tables import PROJECTS, EVENTS, acquired, event, make_store, minutes, send
    from claimx_pipeline.clock import SystemClock

    async def main(folder, seed, batches):
        specs = {"events": EVENTS, "projects": PROJECTS}
        store = make_store(folder, specs, created=False, clock=SystemClock())
        events, projects = await acquired(store, "events"), await acquired(store, "projects")
        for batch in range(batches):
            await send(events, *(event(f"{seed}-{batch}-{n}", minutes(batch)) for n in range(20)))
            at = minutes(batch * 4 + seed)
            await send(projects, *({"project_id": str(n), "city": f"{batch * 4 + seed}", "answered_at": at} for n in range(10)))
        await events.close()
        await projects.close()

    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
"""
WRITERS, BATCHES = 4, 15


@pytest.mark.incident("DEL-06")
def test_four_processes_that_append_and_merge_give_nothing_up(tmp_path):
    """No row is lost or doubled, no batch given up, and no more is committed than batches."""
    specs = {"events": EVENTS, "projects": PROJECTS}
    store = make_store(tmp_path, specs)
    command = [sys.executable, "-c", textwrap.dedent(PROCESS), str(tmp_path)]
    running = [
        subprocess.Popen([*command, str(seed), str(BATCHES)], env=processes.importing())
        for seed in range(WRITERS)
    ]
    assert [process.wait(180) for process in running] == [0] * WRITERS
    found = [row["event_id"] for row in stored(store, "events")]
    assert sorted(found) == sorted(
        f"{seed}-{batch}-{n}"
        for seed in range(WRITERS)
        for batch in range(BATCHES)
        for n in range(20)
    )
    assert {row["city"] for row in stored(store, "projects")} == {str(BATCHES * 4 - 1)}
    assert store.open("events").version() == WRITERS * BATCHES
    assert store.open("projects").version() <= WRITERS * BATCHES


@pytest.mark.incident("DEL-10")
async def test_five_hundred_writes_to_slow_storage_keep_to_one_thread(tmp_path, monkeypatch):
    """Others look at the table meanwhile; its handle stays where it is."""
    store = make_store(tmp_path, {"events": EVENTS})
    real, users = KeptHandle.table, set()
    commit, count = AppendWriter.commit, 0

    def table(self):
        users.add(threading.get_ident())
        return real(self)

    def slow(self, prepared, claim):
        nonlocal count
        count += 1
        time.sleep(0.002 + 0.006 * (count % 7) / 7)
        return commit(self, prepared, claim)

    monkeypatch.setattr(KeptHandle, "table", table)
    monkeypatch.setattr(AppendWriter, "commit", slow)
    sink, looks = await acquired(store, "events"), 0

    async def look() -> None:
        nonlocal looks
        while True:
            facts = await asyncio.to_thread(store.facts, "events")
            looks += facts.rows >= 0
            await asyncio.sleep(0.1)

    looking = asyncio.create_task(look())
    for number in range(500):
        assert (await send(sink, event(f"e{number}", minutes(number)))).written == 1
    looking.cancel()
    await asyncio.gather(looking, return_exceptions=True)
    await sink.close()
    assert len(stored(store, "events")) == 500
    assert len(users) == 1
    assert looks > 0


@pytest.mark.incident("OFF-08")
def test_rows_of_one_instant_are_told_apart_by_key(tmp_path):
    """2,500 share an instant; ten more lie 300 ns apart, less than a time can say."""
    store = make_store(tmp_path, {"events": EVENTS})
    same = [event(f"e{number}") for number in range(2500)]
    close = [
        event(f"n{number}", NOON + timedelta(microseconds=300 * number // 1000))
        for number in range(10)
    ]
    writer = writer_of(store, "events")
    for start in range(0, 2500, 1000):
        write(writer, *same[start : start + 1000])
    write(writer, *close)
    again = writer_of(store, "events")
    assert write(again, *same, *close).written == 0
    found = [row["event_id"] for row in stored(store, "events")]
    assert len(found) == len(set(found)) == 2510


def store_on(url):
    """Return tables on an object store that is asked once more at most."""
    options = {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "k",
        "AWS_SECRET_ACCESS_KEY": "k",
        "AWS_REGION": "us-east-1",
        "AWS_ALLOW_HTTP": "true",
        "max_retries": "1",
        "retry_timeout": "2s",
    }
    secret = {name: Secret(value) for name, value in options.items()}
    return make_store("s3://lake/tables", created=False, storage_options=secret)


@pytest.mark.incident("DEL-09")
@pytest.mark.incident("LAT-18")
@pytest.mark.parametrize("status", [403, 500, 503])
async def test_storage_that_refuses_is_waited_for_whatever_it_says(status):
    """A real object store's protocol; the digits in its text decide nothing."""
    body = b"<Error><Code>project 1404233 v302</Code></Error>"
    async with http_service(lambda _asked: Reply(body, status)) as storage:
        store = store_on(storage.url)
        with pytest.raises(TableWriteError, match="table 'events': ") as caught:
            await acquired(store, "events")
    assert caught.value.category is Category.TRANSIENT
    assert storage.asked


@pytest.mark.incident("REB-06")
async def test_storage_that_never_answers_costs_its_time_limit_and_no_more():
    async def silence(_asked):
        await asyncio.Event().wait()

    async with http_service(silence) as storage:
        store = store_on(storage.url)
        store.time_limit = 0.3
        for _ in range(2):
            with pytest.raises(TableWriteError, match="no answer within 0.3 s"):
                await acquired(store, "events")
