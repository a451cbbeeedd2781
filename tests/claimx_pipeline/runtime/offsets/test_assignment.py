"""Tables follow the partitions that a worker owns, and nothing is written before they do."""

import asyncio
import sqlite3
import uuid
from pathlib import Path

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.protocol.admin import DeleteGroupsRequest

from claimx_pipeline import Done, OutRecord
from claimx_pipeline.broker.protocol import NewTopic
from claimx_pipeline.broker.sqlite import log as sqlite_log
from claimx_pipeline.delta.querying.query import run_query
from claimx_pipeline.errors import BrokerError
from claimx_pipeline.runtime.loop import WorkerLoop
from claimx_pipeline.runtime.offsets.repair import WorkerOffsets
from claimx_pipeline.runtime.offsets.start_checks import StartRefusedError, Verdict
from claimx_pipeline.tables import TableRow
from tests.rigs.delta_tables import place
from tests.rigs.until import until
from tests.rigs.worker import DEAD, IN, Rig, Scripted

TABLE = "claimx_events"


@pytest.fixture
async def rig(tmp_path):
    rig = await Rig.make(tmp_path)
    rig.pipeline.table_store.create(TABLE)
    return rig


def row(text: str) -> TableRow:
    values = {
        "event_id": text,
        "event_type": "T",
        "project_id": "1",
        "ingested_at": "2026-01-12T08:00:00Z",
        "event_date": "2026-01-12",
    }
    return TableRow(TABLE, values)


def spec(rig: Rig, act=None, **changes):
    act = act or (lambda text: Done(rows=(row(text),)))
    return rig.spec(Scripted(act), **{"tables": (TABLE,), "dead_letters": DEAD, **changes})


def loop(rig: Rig, act=None) -> WorkerLoop:
    return rig.loop(spec(rig, act), asyncio.Event())


async def work(rig: Rig, count: int, act=None) -> WorkerLoop:
    """Run one member until it has settled *count* records."""
    member = loop(rig, act)
    await rig.run_until(lambda: member.metrics.records >= count, member)
    return member


async def refused(rig: Rig, **changes) -> str:
    with pytest.raises(StartRefusedError) as caught:
        await rig.run_until(lambda: False, rig.loop(spec(rig, **changes), asyncio.Event()))
    return str(caught.value)


def rows_in(rig: Rig) -> list[str]:
    found = run_query(rig.pipeline.table_store, f"SELECT event_id FROM {TABLE} ORDER BY 1")
    return found.column("event_id").to_pylist()


async def publish(rig: Rig, *texts: str, bucket: int = 0) -> None:
    """Publish to one partition."""
    producer = rig.broker().producer()
    await producer.start()
    await producer.publish([OutRecord(IN.name, text.encode(), bucket=bucket) for text in texts])
    await producer.close()


async def repaired(rig: Rig, repair, **changes) -> None:
    admin = rig.broker().admin()
    worker = spec(rig, **changes)
    try:
        async with asyncio.timeout(30):
            while True:
                try:
                    return await repair(
                        WorkerOffsets(
                            worker, rig.pipeline.topology, rig.pipeline.table_store, admin
                        )
                    )
                except BrokerError as error:
                    # A refused member has just left; Kafka needs a moment to see its group empty.
                    if rig.broker().url.startswith("sqlite") or "has members" not in str(error):
                        raise
                    await asyncio.sleep(0.5)
    finally:
        await admin.close()


def stored(rig: Rig) -> dict[int, int]:
    places = [place(0, IN.name), place(1, IN.name)]
    found = rig.pipeline.table_store.positions(TABLE, "scripted", places).positions
    return {at.partition: offset for at, offset in found.offsets.items()}


async def committed(rig: Rig) -> dict[int, int]:
    admin = rig.broker().admin()
    found = await admin.committed("scripted", IN.name)
    await admin.close()
    return dict(found)


def broker_file(rig: Rig) -> Path:
    return Path(rig.broker().url.removeprefix("sqlite:///"))


async def topic_recreated(rig: Rig) -> None:
    for file in broker_file(rig).parent.glob("broker.db*"):
        file.unlink()
    admin = rig.broker().admin()
    await admin.create_topics([NewTopic(IN.name, 2), NewTopic(DEAD.name, 1)])
    await admin.close()


def forget_group(rig: Rig) -> None:
    with sqlite3.connect(broker_file(rig)) as connection:
        connection.execute("DELETE FROM ownership")
    connection.close()


@pytest.mark.incident("OFF-09")
async def test_a_new_group_commits_where_it_starts_before_it_writes(rig):
    await publish(rig, "a", "b")
    seen = []

    def act(text):
        with sqlite3.connect(broker_file(rig)) as connection:
            seen.append(connection.execute("SELECT next FROM ownership ORDER BY log").fetchall())
        connection.close()
        return Done(rows=(row(text),))

    await work(rig, 2, act)
    assert seen[0] == [(0,), (0,)]
    assert stored(rig) == {0: 2, 1: 0}


@pytest.mark.incident("OFF-01")
@pytest.mark.incident("OFF-07")
@pytest.mark.incident("OFF-02")
async def test_a_crash_between_table_and_group_repeats_no_row(rig, monkeypatch):
    await publish(rig, "a", "b", "c")
    await work(rig, 3)
    with sqlite3.connect(broker_file(rig)) as connection:
        connection.execute("UPDATE ownership SET next = 1 WHERE next = 3")
    connection.close()
    await publish(rig, "d")
    member = await work(rig, 3)
    assert rows_in(rig) == ["a", "b", "c", "d"]
    assert member.metrics.records == 3
    assert await committed(rig) == {0: 4, 1: 0}


async def test_a_group_that_was_reset_is_refused_until_it_is_set_to_the_table(rig):
    await publish(rig, "a", "b")
    await work(rig, 2)
    forget_group(rig)
    assert "group 'scripted' has no offset there" in await refused(rig)

    async def to_table(offsets):
        await offsets.rewind(await offsets.of_tables())

    await repaired(rig, to_table)
    assert await committed(rig) == {0: 2, 1: 0}
    await publish(rig, "c")
    await work(rig, 1)
    assert rows_in(rig) == ["a", "b", "c"]


async def test_a_topic_that_was_recreated_is_refused_until_it_is_adopted(rig):
    await publish(rig, "a", "b", "c")
    await work(rig, 3)
    await topic_recreated(rig)
    await publish(rig, "d")
    assert "up to offset 3, but the topic ends at 1, so it was recreated" in await refused(rig)
    # With as many records as before nothing but the missing offset tells.
    await publish(rig, "e", "f", "g")
    assert "if the topic was recreated, go on with the new one" in await refused(rig)
    await repaired(rig, lambda offsets: offsets.adopt())
    await work(rig, 4)
    assert rows_in(rig) == list("abcdefg")
    assert stored(rig) == {0: 4, 1: 0}


async def test_records_deleted_before_they_were_read_are_told_until_that_is_accepted(rig):
    await publish(rig, "a")
    await work(rig, 1)
    await publish(rig, "b", "c")
    with sqlite3.connect(broker_file(rig), isolation_level=None) as connection:
        connection.execute("UPDATE topic SET retention_ms = 0")
        sqlite_log.delete_expired(connection, 2**60)
        connection.execute("UPDATE topic SET retention_ms = NULL")
    connection.close()
    await publish(rig, "d")
    told = await refused(rig)
    assert "the topic begins at 3, so retention deleted 2 records that were never read" in told

    async def to_earliest(offsets):
        await offsets.rewind(await offsets.earliest())

    await repaired(rig, to_earliest)
    await work(rig, 1)
    assert rows_in(rig) == ["a", "d"]


async def test_a_restored_table_is_filled_again_from_where_its_rows_end(rig):
    for texts in ("ab", "cd", "ef"):
        await publish(rig, *texts)
        await work(rig, 2)
    rig.pipeline.table_store.open(TABLE).restore(1)
    assert "put back an older one, so rows are missing" in await refused(rig)

    async def to_table(offsets):
        await offsets.rewind(await offsets.of_tables())

    await repaired(rig, to_table)
    assert (await committed(rig), stored(rig)) == ({0: 2, 1: 0}, {0: 2, 1: 0})
    await work(rig, 4)
    assert rows_in(rig) == list("abcdef")


async def test_a_restored_table_may_be_accepted_as_it_is(rig):
    for texts in ("ab", "cd"):
        await publish(rig, *texts)
        await work(rig, 2)
    rig.pipeline.table_store.open(TABLE).restore(1)
    await repaired(rig, lambda offsets: offsets.adopt())
    await publish(rig, "e")
    await work(rig, 1)
    assert rows_in(rig) == ["a", "b", "e"]


KEYED = "claimx_task_templates"


def template(text: str) -> Done:
    number, title = text.split("=")
    return Done(rows=(TableRow(KEYED, {"task_id": int(number), "name": title}),))


def keyed(rig: Rig):
    return rig.spec(Scripted(template), tables=(KEYED,), dead_letters=DEAD)


async def work_keyed(rig: Rig, count: int) -> WorkerLoop:
    member = rig.loop(keyed(rig), asyncio.Event())
    await rig.run_until(lambda: member.metrics.records >= count, member)
    return member


async def refused_keyed(rig: Rig) -> str:
    with pytest.raises(StartRefusedError) as caught:
        await rig.run_until(lambda: False, rig.loop(keyed(rig), asyncio.Event()))
    return str(caught.value)


async def repaired_keyed(rig: Rig, repair) -> None:
    admin = rig.broker().admin()
    store, topology = rig.pipeline.table_store, rig.pipeline.topology
    await repair(WorkerOffsets(keyed(rig), topology, store, admin))
    await admin.close()


def titles(rig: Rig) -> dict[int, str]:
    found = run_query(rig.pipeline.table_store, f"SELECT task_id, name FROM {KEYED}")
    return {row["task_id"]: row["name"] for row in found.to_pylist()}


@pytest.fixture
async def restored(rig):
    """A keyed table with three rows that was set back to its first."""
    rig.pipeline.table_store.create(KEYED)
    for text in ("1=a", "2=b", "3=c"):
        await publish(rig, text)
        await work_keyed(rig, 1)
    rig.pipeline.table_store.open(KEYED).restore(1)
    assert titles(rig) == {1: "a"}
    return rig


async def test_a_restored_keyed_table_is_refused_until_its_rows_are_merged_again(restored):
    for _ in range(2):  # asking does not make it go away
        told = await refused_keyed(restored)
        assert f"version 4 of table '{KEYED}' put back an older one" in told
        assert "'claimx-run offsets rewind scripted --to-earliest'" in told

    async def to_start(offsets):
        assert [each.verdict for each in await offsets.checks()] == [Verdict.RESTORED] * 2
        await offsets.rewind(await offsets.earliest())

    await repaired_keyed(restored, to_start)
    await work_keyed(restored, 3)
    assert titles(restored) == {1: "a", 2: "b", 3: "c"}
    await publish(restored, "4=d")
    await work_keyed(restored, 1)


async def test_a_restored_keyed_table_may_be_accepted_as_it_is(restored):
    await repaired_keyed(restored, lambda offsets: offsets.adopt())
    await publish(restored, "4=d")
    await work_keyed(restored, 1)
    assert titles(restored) == {1: "a", 4: "d"}


async def test_rows_taken_back_while_a_worker_runs_stop_it_until_they_are_merged_again(rig):
    rig.pipeline.table_store.create(KEYED)
    await publish(rig, "1=a")
    await publish(rig, "2=b")
    await work_keyed(rig, 2)
    member = rig.loop(keyed(rig), asyncio.Event())
    running = asyncio.create_task(member.run())
    await publish(rig, "3=c")
    await until(lambda: member.metrics.records >= 1)
    rig.pipeline.table_store.open(KEYED).restore(0)
    await publish(rig, "4=d")
    health = member.resources.health
    await until(lambda: "put back an older one" in str(health.ready()), running)
    assert not health.ready()[0]

    async def to_start(offsets):
        await offsets.rewind(await offsets.earliest())

    await repaired_keyed(rig, to_start)
    await until(lambda: len(titles(rig)) == 4, running)
    member.stop.set()
    await running


async def test_rows_that_are_there_are_not_doubled_by_going_back(rig):
    await publish(rig, "a", "b", "c")
    await work(rig, 3)

    async def to_start(offsets):
        await offsets.rewind(await offsets.earliest())

    await repaired(rig, to_start)
    assert stored(rig) == {0: 0, 1: 0}
    await work(rig, 3)
    assert rows_in(rig) == ["a", "b", "c"]


async def test_a_running_group_is_not_moved(rig):
    await publish(rig, "a")
    member = loop(rig)
    running = asyncio.create_task(member.run())
    await until(lambda: member.metrics.records, running)

    async def to_start(offsets):
        await offsets.rewind(await offsets.earliest())

    with pytest.raises(BrokerError, match="has members"):
        await repaired(rig, to_start)
    member.stop.set()
    await running


async def test_a_fenced_member_drops_its_batch_and_joins_again(rig, caplog):
    """While it works on its first batch, a successor nobody told it of writes the same rows."""
    await publish(rig, "a", "b")
    store = rig.pipeline.table_store
    meddled = []

    def act(text):
        if not meddled:
            meddled.append(text)
            places = [place(0, IN.name), place(1, IN.name)]
            held = store.positions(TABLE, "scripted", places).positions
            store.set_positions(TABLE, held.advanced({places[0]: 1}))
        return Done(rows=(row(text),))

    member = loop(rig, act)
    await rig.run_until(lambda: member.metrics.records >= 2, member)
    told = [each.message for each in caplog.records if "joins its group again" in each.message]
    assert len(told) == 1
    assert "test.in[0] is at offset 1 there and at 0 here" in told[0]
    assert rows_in(rig) == ["b"]
    assert await committed(rig) == {0: 2, 1: 0}


async def test_two_members_share_a_table_while_partitions_change_hands(rig, caplog):
    """One joins while the other is at work, then leaves: every row is there once.

    Neither is fenced, since each tells the table which partitions it owns now.
    """
    texts = [f"m{number:03}" for number in range(120)]
    first, second = loop(rig), loop(rig)
    running = asyncio.create_task(first.run())
    joined = None
    for number in range(0, 120, 10):
        await publish(rig, *texts[number : number + 5])
        await publish(rig, *texts[number + 5 : number + 10], bucket=1)
        if number == 40:
            joined = asyncio.create_task(second.run())
            async with asyncio.timeout(20):
                while not second.metrics.records:
                    await publish(rig, texts[number], bucket=0)
                    await publish(rig, texts[number], bucket=1)
                    await asyncio.sleep(0.1)
        if number == 80:
            second.stop.set()
            await joined
    await until(lambda: len(rows_in(rig)) >= 120, running)
    first.stop.set()
    await running
    assert rows_in(rig) == texts
    assert not [each.message for each in caplog.records if "joins its group again" in each.message]


async def test_a_dead_letter_is_published_before_the_table_moves_past_its_record(rig):
    """Had it died of something that passes, it would never be looked at again."""
    from claimx_pipeline.errors import RecordError
    from claimx_pipeline.runtime.outcome import Dead

    await publish(rig, "a", "dead", "b")
    letters_then = []
    sink_writes = rig.pipeline.table_store.sink(TABLE, "x").__class__.write

    async def write(self, rows, sources, after):
        letters_then.append(len(await rig.records(DEAD)))
        return await sink_writes(self, rows, sources, after)

    def act(text):
        return Dead(RecordError("no")) if text == "dead" else Done(rows=(row(text),))

    member = loop(rig, act)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("claimx_pipeline.delta.writing.sink.DeltaSink.write", write)
        await rig.run_until(lambda: member.metrics.records >= 3, member)
    assert letters_then == [1]
    assert len(await rig.records(DEAD)) == 1
    assert rows_in(rig) == ["a", "b"]


NO_TABLES = {"tables": (), "dead_letters": None}


async def work_without_tables(rig: Rig, count: int) -> list[str]:
    processor = Scripted()
    member = rig.loop(rig.spec(processor), asyncio.Event())
    await rig.run_until(lambda: member.metrics.records >= count, member)
    return processor.seen


async def test_a_worker_without_tables_is_refused_on_a_topic_that_was_recreated(rig):
    """Else it would wait until the new topic is as long as the old one was."""
    await publish(rig, "a", "b", "c")
    await work_without_tables(rig, 3)
    with sqlite3.connect(broker_file(rig)) as connection:
        connection.execute("UPDATE ownership SET next = 9 WHERE next = 3")
    connection.close()
    told = await refused(rig, **NO_TABLES)
    assert "has read test.in[0] up to offset 9, but the topic ends at 3" in told
    assert "'claimx-run offsets adopt scripted'" in told
    await repaired(rig, lambda offsets: offsets.adopt(), **NO_TABLES)
    assert await work_without_tables(rig, 3) == ["a", "b", "c"]


@pytest.mark.kafka
async def test_on_kafka_a_worker_that_retention_overtook_is_refused(tmp_path, kafka_url):
    """Kafka itself would let it go on at the oldest record kept, without a word."""
    prefix = f"{uuid.uuid4().hex}."
    rig = await Rig.make(tmp_path, kafka_url, prefix)
    await rig.publish("a")
    assert await work_without_tables(rig, 1) == ["a"]
    await rig.publish("b", "c", "d")
    partition = next(at for at, end in (await ends(rig)).items() if end)
    client = AIOKafkaAdminClient(bootstrap_servers=kafka_url.removeprefix("kafka://"))
    await client.start()
    place = TopicPartition(f"{prefix}{IN.name}", partition)
    await client.delete_records({place: RecordsToDelete(before_offset=3)})
    await client.close()
    told = await refused(rig, **NO_TABLES)
    assert "but the topic begins at 3, so retention deleted 2 records that were never read" in told
    assert "'claimx-run offsets rewind scripted --to-earliest'" in told

    async def to_earliest(offsets):
        await offsets.rewind(await offsets.earliest())

    await repaired(rig, to_earliest, **NO_TABLES)
    assert await work_without_tables(rig, 1) == ["d"]


async def group_deleted(url: str, group: str) -> None:
    client = AIOKafkaAdminClient(bootstrap_servers=url.removeprefix("kafka://"))
    await client.start()
    async with asyncio.timeout(30):
        code = None
        while code != 0:
            # Refused while Kafka still counts the member that has just left.
            answer = await client._send_request(DeleteGroupsRequest([group]))
            ((_, code),) = answer.results
            await asyncio.sleep(0.1)
    await client.close()


async def ends(rig: Rig) -> dict[int, int]:
    admin = rig.broker().admin()
    found = await admin.end_offsets(rig.pipeline.topology.physical(IN.name))
    await admin.close()
    return dict(found)


@pytest.mark.kafka
async def test_on_kafka_a_group_that_was_deleted_is_refused(tmp_path, kafka_url):
    rig = await Rig.make(tmp_path, kafka_url, prefix := f"{uuid.uuid4().hex}.")
    rig.pipeline.table_store.create(TABLE)
    await rig.publish("a", "b")
    await work(rig, 2)
    await group_deleted(kafka_url, f"{prefix}scripted")
    told = await refused(rig)
    assert "has no offset there" in told
    assert "'claimx-run offsets rewind scripted --to-table'" in told

    async def to_table(offsets):
        await offsets.rewind(await offsets.of_tables())

    await repaired(rig, to_table)
    await rig.publish("c")
    await work(rig, 1)
    assert rows_in(rig) == ["a", "b", "c"]


@pytest.mark.kafka
async def test_on_kafka_a_topic_that_was_deleted_and_recreated_is_refused(tmp_path, kafka_url):
    prefix = f"{uuid.uuid4().hex}."
    rig = await Rig.make(tmp_path, kafka_url, prefix)
    rig.pipeline.table_store.create(TABLE)
    await rig.publish("a", "b", "c")
    await work(rig, 3)
    topic = f"{prefix}{IN.name}"
    client = AIOKafkaAdminClient(bootstrap_servers=kafka_url.removeprefix("kafka://"))
    await client.start()
    await client.delete_topics([topic])
    await client.close()
    admin = rig.broker().admin()
    async with asyncio.timeout(30):
        while topic in await admin.topics():
            await asyncio.sleep(0.1)
        await admin.create_topics([NewTopic(topic, 2)])
    await admin.close()
    await rig.publish("d")
    assert "up to offset 3, but the topic ends at 1, so it was recreated" in await refused(rig)

    await repaired(rig, lambda offsets: offsets.adopt())
    await work(rig, 1)
    assert rows_in(rig) == ["a", "b", "c", "d"]
