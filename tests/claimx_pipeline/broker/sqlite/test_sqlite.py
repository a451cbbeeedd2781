"""What the embedded broker promises beyond the contract."""

from __future__ import annotations

import asyncio
import os
import resource
import sqlite3
import subprocess
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from claimx_pipeline import Done
from claimx_pipeline.broker.protocol import NewTopic, OutRecord
from claimx_pipeline.broker.sqlite.broker import SqliteBroker
from claimx_pipeline.errors import (
    BrokerUnavailableError,
    FencedError,
    SettingsError,
    UnknownTopicError,
)
from claimx_pipeline.runtime.dead_letters.dead_letter import DeadLetter
from claimx_pipeline.settings.tree.broker import BrokerSettings
from tests.rigs import processes, sqlite_process
from tests.rigs.worker import DEAD, OUT, Rig, Scripted

PATIENCE_SECONDS = 20.0


class ShiftedClock:
    """The machine's clock, set wrong by a fixed time."""

    def __init__(self, ahead: timedelta = timedelta()) -> None:
        self.ahead = ahead

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class StoppedClock(ShiftedClock):
    """A clock on which no wait ever ends: its owner hangs."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.Event().wait()


@pytest.fixture
def url(tmp_path) -> str:
    return f"sqlite:///{tmp_path}/data/broker.db"


@pytest.fixture
async def broker(url) -> AsyncIterator[SqliteBroker]:
    broker = broker_at(url)
    admin = broker.admin()
    await admin.create_topics([NewTopic("t", 2)])
    yield broker
    await admin.close()


def broker_at(url: str, deadline: float = 10.0, **options) -> SqliteBroker:
    return SqliteBroker(url, BrokerSettings(url=url, deadline_seconds=deadline), **options)


def run_process(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        processes.command(sqlite_process, *arguments),
        stdout=subprocess.PIPE,
        text=True,
        env=processes.importing(),
    )


async def publish(broker: SqliteBroker, *records: OutRecord) -> None:
    producer = broker.producer()
    await producer.start()
    await producer.publish(records)
    await producer.close()


async def read_all(broker: SqliteBroker, topic: str = "t") -> list[tuple[int, int, bytes]]:
    admin, consumer = broker.admin(), broker.consumer(group="reader", topics=[topic])
    expected = sum((await admin.end_offsets(topic)).values())
    await consumer.start()
    found: list[tuple[int, int, bytes]] = []
    while len(found) < expected:
        batches = await consumer.poll(max_records=1000, timeout=1)
        assert batches, f"only {len(found)} of {expected} records are there"
        found += [(r.partition, r.offset, r.value) for b in batches for r in b.records]
    await consumer.close()
    await admin.close()
    return found


async def eventually(question, answer) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while (found := await question()) != answer:
        assert time.monotonic() < end, found
        await asyncio.sleep(0.02)


def files_beside(url: str) -> list[str]:
    return sorted(path.name for path in Path(url.removeprefix("sqlite:///")).parent.iterdir())


def assert_no_gaps(records: list[tuple[int, int, bytes]]) -> None:
    for partition in {p for p, _, _ in records}:
        offsets = sorted(o for p, o, _ in records if p == partition)
        assert offsets == list(range(len(offsets)))


@pytest.mark.incident("OFF-02")
async def test_a_process_killed_while_appending_loses_nothing_acknowledged(broker, url):
    for round_number in range(3):
        name = f"w{round_number}"
        process = run_process("append", url, "t", name, "1000000")
        acknowledged = -1
        for line in process.stdout:
            acknowledged = int(line)
            if acknowledged > 500:
                break
        process.kill()
        # What it had written to the pipe before it died is acknowledged, too.
        acknowledged = max([acknowledged, *(int(n) for n in process.stdout.read().split())])
        process.wait()
        process.stdout.close()
        records = await read_all(broker)
        assert_no_gaps(records)
        mine = [int(v.split()[1]) for _, _, v in records if v.startswith(name.encode())]
        assert mine[: acknowledged + 1] == list(range(acknowledged + 1))
        assert len(mine) % sqlite_process.BATCH == 0, "half a batch is stored"
    with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


async def test_several_processes_append_at_once_without_gaps(broker, url):
    names = ["a", "b", "c"]
    processes = [run_process("append", url, "t", name, "600") for name in names]
    await asyncio.gather(*(asyncio.to_thread(process.communicate) for process in processes))
    assert [process.returncode for process in processes] == [0, 0, 0]
    records = await read_all(broker)
    assert_no_gaps(records)
    for name in names:
        mine = [int(v.split()[1]) for _, _, v in records if v.startswith(name.encode())]
        assert mine == list(range(600))


async def test_the_partitions_of_a_killed_process_are_taken_over_before_its_lease_ends(broker, url):
    process = run_process("hold", url, "t", "g")
    assert process.stdout.readline() == "2\n"
    process.kill()
    process.wait()
    process.stdout.close()
    consumer = broker.consumer(group="g", topics=["t"])
    await consumer.start()
    assert len(consumer.assignments()) == 2
    await consumer.close()


async def test_an_expired_lease_is_taken_over_and_the_old_owner_is_fenced(broker, url):
    hung = broker_at(url, clock=StoppedClock()).consumer(group="g", topics=["t"])
    await hung.start()
    await publish(broker, *(OutRecord("t", b"x", bucket=n) for n in range(10)))
    (batch, *_) = await hung.poll(max_records=10, timeout=1)
    await hung.commit({batch.assignment: 1})

    within = broker_at(url, clock=ShiftedClock(timedelta(seconds=10)))
    late = broker_at(url, clock=ShiftedClock(timedelta(seconds=16)))
    early_bird, heir = (b.consumer(group="g", topics=["t"]) for b in (within, late))
    await early_bird.start()
    assert early_bird.assignments() == frozenset(), "the lease still ran"
    await early_bird.close()
    await heir.start()
    assert {a.partition for a in heir.assignments()} == {0, 1}

    with pytest.raises(FencedError):
        await hung.commit({batch.assignment: 5})
    admin = broker.admin()
    assert await admin.committed("g", "t") == {batch.assignment.partition: 1}
    await admin.close()
    await heir.close()
    await hung.close()


async def test_a_member_that_lost_its_lease_learns_of_it(broker, url):
    revoked = []

    async def on_revoked(assignments):
        revoked.extend(assignments)

    member = broker.consumer(group="g", topics=["t"], on_revoked=on_revoked)
    await member.start()
    before = member.assignments()
    heir = broker_at(url, clock=ShiftedClock(timedelta(minutes=1))).consumer(
        group="g", topics=["t"]
    )
    await heir.start()
    end = time.monotonic() + PATIENCE_SECONDS
    while before & member.assignments() and time.monotonic() < end:
        await member.poll(max_records=1, timeout=0.05)
    assert set(revoked) >= before
    await heir.close()
    await member.close()


async def test_kept_partitions_keep_their_epoch_when_another_joins(broker):
    first = broker.consumer(group="g", topics=["t"])
    await first.start()
    before = first.assignments()
    second = broker.consumer(group="g", topics=["t"])
    await second.start()
    end = time.monotonic() + PATIENCE_SECONDS
    while not second.assignments() and time.monotonic() < end:
        await second.poll(max_records=1, timeout=0.05)
    assert len(first.assignments()) == 1
    assert first.assignments() < before
    await first.close()
    await second.close()


async def test_old_records_are_deleted_and_the_rest_stay(url):
    hours = timedelta(hours=3)
    broker = broker_at(url)
    admin = broker.admin()
    await admin.create_topics([NewTopic("short", 1, retention_hours=1), NewTopic("long", 1)])
    records = [OutRecord(name, b"old") for name in ("short", "long") for _ in range(6000)]
    await publish(broker, *records)
    later = broker_at(url, clock=ShiftedClock(hours), tidy_seconds=0.01)
    producer = later.producer()
    await producer.start()
    await producer.publish([OutRecord("short", b"new"), OutRecord("long", b"new")])

    await eventually(lambda: admin.begin_offsets("short"), {0: 6000})
    assert await admin.begin_offsets("long") == {0: 0}
    assert await admin.end_offsets("short") == {0: 6001}
    consumer = broker.consumer(group="g", topics=["short"])
    await consumer.start()
    (batch,) = await consumer.poll(max_records=10, timeout=1)
    assert [(r.offset, r.value) for r in batch.records] == [(6000, b"new")]
    for thing in (consumer, producer, admin):
        await thing.close()


async def test_the_oldest_records_go_when_a_partition_holds_too_many_bytes(url):
    """In slices, also in a file of the version before, which did not count bytes."""
    broker = broker_at(url, tidy_seconds=0.01)
    admin = broker.admin()
    limit = NewTopic("limited", 1, retention_bytes=100_000)
    await admin.create_topics([limit, NewTopic("free", 1)])
    await admin.close()
    with sqlite3.connect(url.removeprefix("sqlite:///")) as file:
        for table, column in (("topic", "retention_bytes"), ("partition", "bytes")):
            file.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
        file.execute("PRAGMA user_version = 1")
    file.close()
    await publish(broker, OutRecord("limited", b"x" * 100))
    with sqlite3.connect(url.removeprefix("sqlite:///")) as file:
        assert file.execute("SELECT bytes FROM partition ORDER BY log").fetchall()[0] == (100,)
        file.execute("UPDATE topic SET retention_bytes = 100000 WHERE name = 'limited'")
    file.close()
    records = [OutRecord(name, b"x" * 100) for name in ("limited", "free") for _ in range(8000)]
    producer = broker.producer()
    await producer.start()
    await producer.publish(records)
    await eventually(lambda: admin.begin_offsets("limited"), {0: 7001})
    assert await admin.end_offsets("limited") == {0: 8001}
    assert await admin.begin_offsets("free") == {0: 0}
    for thing in (producer, admin):
        await thing.close()


async def test_without_a_file_nothing_is_there_and_nothing_is_created(url, tmp_path):
    broker = broker_at(url)
    admin, producer = broker.admin(), broker.producer()
    consumer = broker.consumer(group="g", topics=["t"])
    assert await admin.topics() == {}
    with pytest.raises(UnknownTopicError, match="'t'"):
        await consumer.start()
    await producer.start()
    with pytest.raises(UnknownTopicError, match="'t'"):
        await producer.publish([OutRecord("t", b"x")])
    for ask in (admin.end_offsets("t"), admin.begin_offsets("t"), admin.committed("g", "t")):
        with pytest.raises(UnknownTopicError):
            await ask
    assert list(tmp_path.iterdir()) == []

    # What was opened before the file was made sees it afterwards.
    await admin.create_topics([NewTopic("t", 1)])
    await producer.publish([OutRecord("t", b"x")])
    assert await admin.end_offsets("t") == {0: 1}
    for thing in (admin, producer, consumer):
        await thing.close()


async def test_records_of_other_processes_arrive_within_milliseconds(broker, url):
    other = broker_at(url).producer()
    await other.start()
    consumer = broker.consumer(group="g", topics=["t"])
    await consumer.start()
    delays = []
    for _ in range(20):
        waiting = asyncio.create_task(consumer.poll(max_records=10, timeout=5))
        await asyncio.sleep(0.03)
        await other.publish([OutRecord("t", b"x")])
        published = time.monotonic()
        assert await waiting
        delays.append(time.monotonic() - published)
    assert sorted(delays)[10] < 0.06
    await consumer.close()
    await other.close()


async def test_a_file_held_by_another_program_ends_in_one_sentence(url, broker):
    impatient = broker_at(url, deadline=0.3).producer()
    await impatient.start()
    holder = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    started = time.monotonic()
    with pytest.raises(BrokerUnavailableError, match=r"broker\.db"):
        await impatient.publish([OutRecord("t", b"x")])
    assert time.monotonic() - started < 3
    holder.execute("ROLLBACK")
    holder.close()
    await impatient.publish([OutRecord("t", b"y")])
    await impatient.close()
    assert b"y" in {value for _, _, value in await read_all(broker)}


@pytest.mark.parametrize("content", ["text", "other"])
async def test_a_file_of_another_kind_is_refused_and_left_alone(tmp_path, content):
    path = tmp_path / "broker.db"
    if content == "text":
        path.write_text("not a database, but long enough to look like one" * 50)
    else:
        connection = sqlite3.connect(path)
        connection.execute("CREATE TABLE theirs (x)")
        connection.commit()
        connection.close()
    before = path.read_bytes()
    admin = broker_at(f"sqlite:///{path}").admin()
    with pytest.raises(SettingsError, match=r"broker\.url: .*broker\.db"):
        await admin.create_topics([NewTopic("t", 1)])
    await admin.close()
    assert path.read_bytes() == before


async def test_the_last_one_out_closes_the_file_and_the_next_one_opens_it_again(url):
    other = broker_at(url)
    admin, producer = other.admin(), other.producer()
    await admin.create_topics([NewTopic("t", 1)])
    await producer.start()
    await admin.close()
    # SQLite removes its log when the last connection closes.
    assert files_beside(url) == ["broker.db", "broker.db-shm", "broker.db-wal"]
    await producer.close()
    assert files_beside(url) == ["broker.db"]
    again = other.producer()
    await again.start()
    await again.publish([OutRecord("t", b"x")])
    await again.close()


async def test_a_full_disk_ends_in_one_sentence_and_nothing_of_a_call_is_stored(url, broker):
    """Files may not grow; when they may again, the same call succeeds."""
    admin, producer = broker.admin(), broker.producer()
    await admin.create_topics([NewTopic("full", 1)])
    await producer.start()
    records = [OutRecord("full", os.urandom(5_000)) for _ in range(100)]
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (65_536, before[1]))
    try:
        with pytest.raises(BrokerUnavailableError, match="cannot be used now"):
            await producer.publish(records)
        assert await admin.end_offsets("full") == {0: 0}
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    await producer.publish(records)
    assert await admin.end_offsets("full") == {0: 100}
    await producer.close()
    await admin.close()


async def test_a_record_over_the_limit_kills_the_record_behind_it_alone(tmp_path):
    rig = await Rig.make(tmp_path)
    limit = rig.pipeline.settings.broker.largest_record

    def act(text: str) -> Done:
        value = bytes(limit) if text == "b" else text.encode()
        return Done(publish=(OutRecord(OUT.name, value, b"k"),))

    await rig.publish("a", "b", "c")
    loop = rig.loop(rig.failing(Scripted(act)), asyncio.Event())
    await rig.run_until(lambda: loop.metrics.records == 3, loop)
    assert await rig.published() == ["a", "c"]
    (dead,) = await rig.records(DEAD)
    assert dead.value == b"b"
    assert "broker.max_record_bytes" in DeadLetter.read(dead).error
    assert await rig.committed() == 3
