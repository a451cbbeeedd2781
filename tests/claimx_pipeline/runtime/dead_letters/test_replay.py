"""Dead letters are found, replayed once to the worker that failed, and marked; on real topics."""

import asyncio
import hashlib
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from attrs import define, evolve

from claimx_pipeline import Done, OutRecord, RecordError
from claimx_pipeline.broker.protocol import NewTopic, TopicPartition
from claimx_pipeline.errors import (
    BrokerUnavailableError,
    DeadLetterError,
    RecordTooLargeError,
    UnknownTopicError,
)
from claimx_pipeline.runtime.dead_letters.dead_letter import VALUE_FILE, DeadLetter
from claimx_pipeline.runtime.dead_letters.fingerprint import FOREIGN, fingerprint, pattern
from claimx_pipeline.runtime.dead_letters.large_values import ValueFiles, publish_dead_letters
from claimx_pipeline.runtime.dead_letters.reader import PAGE, DeadLetterFilter, DeadLetterReader
from claimx_pipeline.runtime.dead_letters.replay import ReplayedPage, Replayer
from claimx_pipeline.runtime.headers import Origin, header
from claimx_pipeline.runtime.outcome import Dead
from claimx_pipeline.topics import DLQ_REPLAYED
from tests.rigs.worker import DEAD, IN, OUT, Rig, Scripted

EVERYTHING = DeadLetterFilter(replayed=True)
OPEN = DeadLetterFilter()


@define
class Station:
    """A rig, and dead letters looked at from outside."""

    rig: Rig

    @classmethod
    async def make(cls, folder, url="", prefix="") -> "Station":
        rig = await Rig.make(folder, url=url, prefix=prefix)
        admin = rig.broker().admin()
        await admin.create_topics([NewTopic(f"{prefix}{DLQ_REPLAYED.name}", 1)])
        await admin.close()
        return cls(rig)

    @property
    def topology(self):
        return self.rig.pipeline.topology

    async def letters(self, wanted: DeadLetterFilter = OPEN):
        admin = self.rig.broker().admin()
        reader = await DeadLetterReader.open(admin, self.topology, [DEAD.name])
        found = [letter async for page in reader.pages(wanted) for letter in page]
        await admin.close()
        return found

    def replayer(self, *workers) -> Replayer:
        workers = workers or (self.rig.failing(Scripted()),)
        files = ValueFiles(self.rig.pipeline.settings.storage.files.root)
        return Replayer.of(self.topology, workers, ["mine"], files, self.rig.pipeline.clock)

    async def replay(self, letters, producer=None) -> ReplayedPage:
        producer = producer or self.rig.broker().producer()
        await producer.start()
        try:
            return await self.replayer().replay(letters, producer)
        finally:
            await producer.close()

    async def publish(self, *records: OutRecord) -> None:
        producer = self.rig.broker().producer()
        await producer.start()
        await producer.publish(
            [evolve(out, topic=self.topology.physical(out.topic)) for out in records]
        )
        await producer.close()

    async def run(self, processor, count: int, **changes) -> None:
        """Run a worker until it has dealt with *count* records."""
        loop = self.rig.loop(self.rig.failing(processor, **changes), asyncio.Event())
        before = loop.metrics.records
        await self.rig.run_until(lambda: loop.metrics.records == before + count, loop)


@pytest.fixture
async def station(tmp_path) -> Station:
    return await Station.make(tmp_path)


@pytest.fixture(params=["sqlite", pytest.param("kafka", marks=pytest.mark.kafka)])
async def on_each_broker(request, tmp_path) -> Station:
    if request.param == "sqlite":
        return await Station.make(tmp_path)
    url = request.getfixturevalue("kafka_url")
    return await Station.make(tmp_path, url, f"t-{uuid.uuid4().hex[:8]}.")


def echo(text: str) -> Done:
    return Done(publish=(OutRecord(OUT.name, text.encode(), b"k"),))


def broken(text: str):
    return Dead(RecordError(f"order {len(text)} has no owner")) if "bad" in text else echo(text)


def dead_letter(number: int = 0, **changes) -> OutRecord:
    """Return a letter as a worker writes it."""
    given = {
        "origin": Origin(IN.name, number % 2, number),
        "group": "scripted",
        "worker": "scripted",
        "category": "permanent",
        "error_type": "RecordError",
        "error": f"order {number} has no owner",
        "attempts": 1,
        "first_failed": "2026-01-12T08:00:00+00:00",
        "last_failed": "2026-01-12T08:00:00+00:00",
        "value": b"v%d" % number,
    }
    given.update(changes)
    headers = tuple(given.pop("headers", ()))
    value = given.pop("value")
    letter = DeadLetter(**given).to_record(_Plain(value), DEAD.name)
    return evolve(letter, headers=(*headers, *letter.headers))


@define
class _Plain:
    value: bytes | None
    key: bytes | None = b"k"
    headers: tuple = ()


@pytest.mark.incident("RET-04")
async def test_a_replayed_record_is_worked_on_by_its_own_group_only(on_each_broker):
    """Poison, repair, replay: same value, key, headers and partition; the other group is spared."""
    station = on_each_broker
    rig = station.rig
    given = (("traceparent", b"00-1"), ("x", b"\xff"), ("x", b"2"))
    await station.publish(
        OutRecord(IN.name, b"bad \xc3\xa9", b"k", given), OutRecord(IN.name, b"good", b"k")
    )
    other = Scripted(echo)
    await station.run(other, 2, name="other", group="other")
    await station.run(Scripted(broken), 2)
    (letter,) = await station.letters()
    assert (letter.failure.worker, letter.failure.attempts) == ("scripted", 1)
    page = await station.replay([letter])
    assert (len(page.replayed), page.refused) == (1, [])
    repaired = Scripted(echo)
    await station.run(repaired, 1)
    await station.run(other, 1, name="other", group="other")
    assert repaired.seen == ["bad é"]
    assert other.seen == ["bad é", "good"], "the replayed record was settled untouched"
    *_, back = sorted(await rig.records(IN), key=lambda record: (record.partition, record.offset))
    assert (back.value, back.key, back.partition) == (
        b"bad \xc3\xa9",
        b"k",
        letter.failure.origin.partition,
    )
    assert tuple(back.headers)[:3] == given
    assert not [name for name, _ in back.headers if name.startswith("claimx-dlq-")]
    assert header(back.headers, "claimx-origin") == str(letter.failure.origin)
    assert header(back.headers, "claimx-attempts") is None


@pytest.mark.incident("RET-04")
async def test_a_letter_is_replayed_once_unless_asked_for_again(on_each_broker):
    station = on_each_broker
    group, origin = station.topology.group("scripted"), station.topology.physical(IN.name)
    await station.publish(
        *(dead_letter(number, group=group, origin=Origin(origin, 0, number)) for number in range(3))
    )
    page = await station.replay(await station.letters())
    assert len(page.replayed) == 3
    assert await station.letters() == []
    again = await station.letters(EVERYTHING)
    assert [letter.replayed_at is not None for letter in again] == [True] * 3
    await station.replay(again)
    assert len(await station.rig.records(IN)) == 6


async def test_a_crash_before_the_mark_leaves_the_letter_to_be_replayed(station):
    class Dies:
        def __init__(self, real):
            self.real, self.start, self.close = real, real.start, real.close

        async def publish(self, records):
            if any(record.topic == DLQ_REPLAYED.name for record in records):
                raise BrokerUnavailableError("gone")
            await self.real.publish(records)

    await station.publish(dead_letter())
    with pytest.raises(BrokerUnavailableError):
        await station.replay(await station.letters(), Dies(station.rig.broker().producer()))
    assert len(await station.rig.records(IN)) == 1
    assert len(await station.letters()) == 1


async def test_a_record_that_dies_again_counts_its_tries_anew_and_keeps_its_origin(station):
    await station.rig.publish("bad")
    await station.run(Scripted(broken), 1)
    (first,) = await station.letters()
    await station.replay([first])
    await station.run(Scripted(broken), 1)
    (second,) = await station.letters()
    assert second.location != first.location
    assert (second.failure.attempts, second.failure.origin) == (1, first.failure.origin)
    assert second.failure.first_failed == first.failure.first_failed < second.failure.last_failed


async def test_a_plugins_letter_runs_that_plugin_alone(station):
    await station.publish(dead_letter(kind="plugin", plugin="mine"))
    await station.replay(await station.letters())
    (back,) = await station.rig.records(IN)
    assert header(back.headers, "claimx-plugin") == "mine"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"group": "gone"}, "no worker of this installation is consumer group 'gone'"),
        ({"origin": Origin("elsewhere", 0, 0)}, "does not read its topic 'elsewhere'"),
        ({"kind": "plugin", "plugin": "theirs"}, "plugin 'theirs' is not loaded"),
    ],
)
async def test_a_letter_nobody_would_work_on_is_left_where_it_is(station, changes, reason):
    await station.publish(dead_letter(**changes))
    page = await station.replay(await station.letters())
    assert reason in page.refused[0].reason
    assert await station.rig.records(IN) == []
    assert len(await station.letters()) == 1, "it is not marked"


async def test_what_somebody_else_wrote_there_is_shown_and_never_replayed(station):
    await station.publish(OutRecord(DEAD.name, b"hello"))
    (found,) = await station.letters()
    assert (found.failure, found.fingerprint) == (None, FOREIGN)
    page = await station.replay([found])
    assert "lacks the headers of a dead letter" in page.refused[0].reason


async def test_a_letter_too_large_to_go_back_is_named_and_the_others_go(station):
    class Small:
        def __init__(self, real):
            self.real, self.start, self.close = real, real.start, real.close

        async def publish(self, records):
            for index, record in enumerate(records):
                if len(record.value) > 100:
                    raise RecordTooLargeError(record.topic, index, len(record.value), 100)
            await self.real.publish(records)

    values = [b"a", b"b" * 200, b"c"]
    await station.publish(*(dead_letter(value=value) for value in values))
    letters = await station.letters()
    small = Small(station.rig.broker().producer())
    # The marks are small enough only because of short names; let them pass.
    small.publish = _only_for(small.publish, small.real.publish)
    page = await station.replay(letters, small)
    assert [each.location.offset for each in page.refused] == [1]
    assert [record.value for record in await station.rig.records(IN)] == [b"a", b"c"]
    assert [letter.location.offset for letter in await station.letters()] == [1]


def _only_for(strict, real):
    async def publish(records):
        marks = all(record.topic == DLQ_REPLAYED.name for record in records)
        await (real if marks else strict)(records)

    return publish


async def test_a_mark_of_a_topic_that_was_created_anew_hides_nothing(station):
    """Other letters lie at the same places then, with other times."""
    await station.publish(dead_letter())
    (letter,) = await station.letters()
    older = evolve(letter, record=_At(letter.record.timestamp - 1, letter.record))
    await station.replay([older])
    assert len(await station.letters()) == 1


class _At:
    def __init__(self, timestamp, record):
        self.timestamp = timestamp
        for name in ("topic", "partition", "offset", "key", "value", "headers"):
            setattr(self, name, getattr(record, name))


async def test_a_mark_that_cannot_be_read_hides_nothing(station, caplog):
    await station.publish(dead_letter(), OutRecord(DLQ_REPLAYED.name, b"{}", b"test.dlq/0/0"))
    assert len(await station.letters()) == 1
    assert "is not a valid replay mark" in caplog.text


@pytest.mark.incident("RET-04")
async def test_a_look_ends_where_the_topic_ended_when_it_began(on_each_broker):
    """Letters that come meanwhile are for the next look, and nothing is waited for."""
    station = on_each_broker
    await station.publish(dead_letter(0), dead_letter(1))
    admin = station.rig.broker().admin()
    reader = await DeadLetterReader.open(admin, station.topology, [DEAD.name, "not.created"])
    await station.publish(dead_letter(2))
    async with asyncio.timeout(20):
        found = [letter async for page in reader.pages(OPEN) for letter in page]
    assert [letter.location.offset for letter in found] == [0, 1]
    with pytest.raises(DeadLetterError, match="there is none"):
        await reader.at(Origin(found[0].location.topic, 0, 2))
    assert (await reader.at(found[1].location)).record.value == b"v1"
    with pytest.raises(UnknownTopicError):
        await anext(reader.pages(DeadLetterFilter(topic="nonsense")))
    await admin.close()


async def test_reading_leaves_no_group_behind(on_each_broker):
    """A look is no member of anything, so ending it at any moment leaves nothing to expire."""
    station = on_each_broker
    await station.publish(dead_letter(0))
    admin = station.rig.broker().admin()
    name = station.topology.physical(DEAD.name)
    first = await admin.read(TopicPartition(name, 0), 0, 1, max_records=10)
    again = await admin.read(TopicPartition(name, 0), 0, 1, max_records=10)
    assert [record.offset for record in first] == [record.offset for record in again] == [0]
    assert await admin.read(TopicPartition(name, 0), 1, 1, max_records=10) == []
    with pytest.raises(UnknownTopicError):
        await admin.read(TopicPartition(name, 7), 0, 1, max_records=10)
    await admin.close()


async def test_ten_thousand_letters_go_by_in_pages(station):
    for start in range(0, 10_000, 1_000):
        await station.publish(*(dead_letter(start + number) for number in range(1_000)))
    admin = station.rig.broker().admin()
    reader = await DeadLetterReader.open(admin, station.topology, [DEAD.name])
    sizes = [len(page) async for page in reader.pages(OPEN)]
    await admin.close()
    assert sum(sizes) == 10_000
    assert max(sizes) <= PAGE


NOW = datetime(2026, 1, 12, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({}, [0, 1, 2, 3]),
        ({"topic": DEAD.name}, [0, 1, 2, 3]),
        ({"kind": "plugin"}, [1]),
        ({"category": "bug"}, [2]),
        ({"workers": frozenset({"other"})}, [3]),
        ({"since": NOW + timedelta(hours=1)}, [1, 2, 3]),
        ({"until": NOW + timedelta(hours=1)}, [0, 1]),
        ({"since": NOW + timedelta(hours=1), "until": NOW + timedelta(hours=2)}, [1, 2]),
        ({"event_id": "e-1"}, [1]),
        ({"event_id": "e-2"}, [2]),
        ({"event_id": hashlib.sha256(b'{"eventType":"T","projectId":"9"}').hexdigest()}, [3]),
        ({"event_id": "e"}, []),
        ({"kind": "record", "workers": frozenset({"other"}), "category": "permanent"}, [3]),
    ],
)
async def test_a_filter_admits_what_was_meant(station, wanted, expected):
    def at(hours):
        return {"last_failed": (NOW + timedelta(hours=hours)).isoformat()}

    await station.publish(
        dead_letter(0),
        dead_letter(1, kind="plugin", plugin="mine", headers=(("claimx-id", b"e-1"),), **at(1)),
        dead_letter(2, category="bug", value=b'{"event_id": "e-2"}', **at(2)),
        dead_letter(3, worker="other", value=b'{"eventType":"T","projectId":"9"}', **at(3)),
    )
    found = await station.letters(DeadLetterFilter(**wanted))
    assert [letter.location.offset for letter in found] == expected


async def test_letters_of_one_cause_share_a_fingerprint_and_others_do_not(station):
    await station.publish(
        dead_letter(1),
        dead_letter(22),
        dead_letter(3, worker="other"),
        dead_letter(4, error="something else"),
        dead_letter(5, error_type="KeyError"),
    )
    found = [letter.fingerprint for letter in await station.letters()]
    assert found[0] == found[1]
    assert len(set(found)) == 4
    chosen = await station.letters(DeadLetterFilter(fingerprint=found[0][:4]))
    assert [letter.location.offset for letter in chosen] == [0, 1]
    assert fingerprint(None) == FOREIGN


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("project 4711 has 2.5 tasks", "project <n> has <n> tasks"),
        ("no 8f14e45f-ceea-467f-9d3b-1f2e3d4c5b6a", "no <id>"),
        ("no b751a49d68fc11f162da8f6cec3caffd", "no <id>"),
        ("late at 2026-01-12T08:00:00.123+00:00", "late at <time>"),
        ("GET /x/7: answered 404 Not Found", "GET /x/<n>: answered 404 Not Found"),
        ("no numbers here", "no numbers here"),
    ],
)
def test_what_varies_is_taken_out_of_a_message(message, expected):
    assert pattern(message) == expected


def limited(published: list[OutRecord], limit: int):
    async def publish(records):
        for index, record in enumerate(records):
            size = len(record.value) + sum(len(n) + len(v) for n, v in record.headers)
            if size > limit:
                raise RecordTooLargeError(record.topic, index, size, limit)
        published.extend(records)

    return publish


@pytest.mark.incident("RET-05")
async def test_a_value_too_large_for_a_letter_lies_in_a_file_and_comes_back(station, tmp_path):
    large = b"x" * 5_000
    files = ValueFiles(station.rig.pipeline.settings.storage.files.root)
    published: list[OutRecord] = []
    letters = [dead_letter(0), dead_letter(1, value=large), dead_letter(2, value=large)]
    await publish_dead_letters(letters, limited(published, 1_000), files)
    assert [letter.value for letter in published] == [b"v0", b"", b""]
    await station.publish(*published)
    assert [files.value(letter.record) for letter in await station.letters()] == [
        b"v0",
        large,
        large,
    ]
    page = await station.replay(await station.letters())
    assert len(page.replayed) == 3
    back = await station.rig.records(IN)
    assert sorted(record.value for record in back) == [b"v0", large, large]
    assert not [record for record in back if header(record.headers, VALUE_FILE)]
    assert len(list((tmp_path / "claimx-data" / "files" / "dead-letters").iterdir())) == 1


@pytest.mark.parametrize("harm", ["gone", "changed", "elsewhere"])
async def test_a_letter_whose_value_is_lost_stays_and_says_so(station, tmp_path, harm):
    files = ValueFiles(str(tmp_path / "files"))
    letter = files.store_value(dead_letter(value=b"large"))
    (file,) = (tmp_path / "files" / "dead-letters").iterdir()
    if harm == "gone":
        file.unlink()
    elif harm == "changed":
        file.write_bytes(b"other")
    else:
        pointer = (VALUE_FILE, b"dead-letters/../../secret")
        letter = evolve(letter, headers=(*letter.headers[:-1], pointer))
    await station.publish(letter)
    (found,) = await station.letters()
    with pytest.raises(
        DeadLetterError, match=r"cannot be read|has been changed|is not a valid pointer"
    ):
        files.value(found.record)
    page = await station.replay([found])
    assert len(page.refused) == 1
    assert len(await station.letters()) == 1


@pytest.mark.parametrize("root", ["s3://bucket/files", "abfss://w@h/files"])
async def test_where_files_are_no_local_path_a_large_letter_stops_with_a_sentence(root):
    with pytest.raises(DeadLetterError, match="storage.files.root is"):
        await publish_dead_letters(
            [dead_letter(value=b"x" * 99)], limited([], 50), ValueFiles(root)
        )


async def test_a_letter_that_is_large_without_its_value_stops_with_a_sentence(tmp_path):
    letter = dead_letter(headers=(("x", b"y" * 999),))
    with pytest.raises(DeadLetterError, match="even without its value"):
        await publish_dead_letters([letter], limited([], 500), ValueFiles(str(tmp_path)))


@pytest.mark.kafka
@pytest.mark.incident("RET-05")
async def test_a_record_of_kafkas_full_size_dies_without_stopping_the_worker(tmp_path, kafka_url):
    """It came in just below the limit and is above it with the headers of a dead letter."""
    station = await Station.make(tmp_path, kafka_url, f"t-{uuid.uuid4().hex[:8]}.")
    limit = station.rig.pipeline.settings.broker.kafka.max_request_bytes
    value = b"bad" + b"x" * (limit - 150)
    await station.publish(OutRecord(IN.name, value, b"k"), OutRecord(IN.name, b"good", b"k"))
    await station.run(Scripted(broken), 2)
    assert await station.rig.committed() == 2
    (letter,) = await station.letters()
    assert letter.record.value == b""
    assert station.replayer().files.value(letter.record) == value
