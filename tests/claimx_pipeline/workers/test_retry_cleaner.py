"""What was brought back is deleted from its retry topic; what waits never is."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from claimx_pipeline import OutRecord
from claimx_pipeline.errors import BrokerError
from claimx_pipeline.runtime import headers
from claimx_pipeline.runtime.retry_ladder import RETRY_GROUP
from claimx_pipeline.workers import retry_cleaner
from tests.rigs import members, topics
from tests.rigs.until import until
from tests.rigs.worker import DELAYS, FAMILY, IN, Rig

TIER = f"{FAMILY}.retry.1s"


def waiting(text: str, due: datetime) -> OutRecord:
    """Return a record as the ladder leaves it, for the first partition."""
    travelling = {
        headers.GROUP: "scripted",
        headers.ATTEMPTS: "1",
        headers.DUE: str(int(due.timestamp() * 1000)),
        headers.RETURN_TO: IN.name,
    }
    return OutRecord(TIER, text.encode(), b"k", headers.encoded(travelling), bucket=0)


class Stubborn:
    """A broker whose administrator counts deletions and refuses as many as it is told to."""

    def __init__(self, broker, refusing: int = 0) -> None:
        self._broker = broker
        self.refusing = refusing
        self.asked = 0
        self.deleted: list[tuple[str, dict[int, int]]] = []

    def __getattr__(self, name):
        return getattr(self._broker, name)

    def admin(self):
        return _StubbornAdmin(self, self._broker.admin())


class _StubbornAdmin:
    def __init__(self, broker: Stubborn, admin) -> None:
        self._of, self._admin = broker, admin

    def __getattr__(self, name):
        return getattr(self._admin, name)

    async def delete_records(self, topic, before) -> None:
        self._of.asked += 1
        if self._of.asked <= self._of.refusing:
            raise BrokerError("the user may not delete")
        await self._admin.delete_records(topic, before)
        self._of.deleted.append((topic, dict(before)))


@pytest.fixture(params=["sqlite", pytest.param("kafka", marks=pytest.mark.kafka)])
async def rig(request, tmp_path):
    if request.param == "sqlite":
        return await Rig.make(tmp_path)
    return await Rig.make(tmp_path, request.getfixturevalue("own_kafka").url)


def quickly(monkeypatch) -> None:
    monkeypatch.setattr(retry_cleaner, "DELETE_SECONDS", 0.1)


def past(number: int) -> datetime:
    return datetime.now(UTC) - timedelta(seconds=100 - number)


async def begins(rig: Rig) -> int:
    async with topics.admin_of(rig.broker()) as admin:
        return (await admin.begin_offsets(TIER))[0]


async def test_what_is_committed_goes_and_what_waits_stays(rig, monkeypatch):
    quickly(monkeypatch)
    later = datetime.now(UTC) + timedelta(hours=1)
    due = [waiting(f"due-{n}", past(n)) for n in range(20)]
    await topics.publish(rig.broker(), [*due, waiting("later-1", later), waiting("later-2", later)])
    loop = rig.retrying(asyncio.Event())

    async def deleted() -> bool:
        return await begins(rig) == 20

    async with members.running(loop) as tasks:
        await until(deleted, *tasks)
        assert await topics.committed(rig.broker(), RETRY_GROUP, TIER) == 20
    kept = await topics.records(rig.broker(), TIER)
    assert [record.value for record in kept] == [b"later-1", b"later-2"]
    assert [record.offset for record in kept] == [20, 21]
    assert sorted(record.value for record in await rig.records(IN)) == sorted(
        each.value for each in due
    )


async def test_a_start_deletes_what_earlier_versions_left_and_no_group_is_needed(rig):
    """Read and committed long ago, by one that deleted nothing; another topic was never read."""
    await topics.publish(rig.broker(), [waiting(f"{n}", past(n)) for n in range(8)])
    other = OutRecord(f"{FAMILY}.retry.2s", b"x", bucket=0)
    await topics.publish(rig.broker(), [other])
    async with topics.admin_of(rig.broker()) as admin:
        await admin.commit_offsets(RETRY_GROUP, TIER, {0: 5})
        broker = Stubborn(rig.broker())
        loop = rig.retrying(asyncio.Event())
        cleaner = retry_cleaner.RetryCleaner(
            loop.spec, rig.pipeline.topology, broker.admin(), rig.pipeline.clock
        )
        await cleaner.delete_committed()
        await cleaner.delete_committed()
        await cleaner.close()
        assert broker.deleted == [(TIER, {0: 5})], "once, and only what is committed"
        assert (await admin.begin_offsets(TIER))[0] == 5
        assert (await admin.begin_offsets(other.topic))[0] == 0


async def test_a_broker_that_refuses_is_logged_once_and_ends_nothing(tmp_path, monkeypatch, caplog):
    quickly(monkeypatch)
    rig = await Rig.make(tmp_path)
    await topics.publish(rig.broker(), [waiting(f"{n}", past(n)) for n in range(3)])
    broker = Stubborn(rig.broker(), refusing=5)
    stop = asyncio.Event()
    loop = members.member(rig.pipeline, rig.retrying(stop).spec, stop, rig.metrics, broker=broker)
    async with members.running(loop) as tasks:
        await until(lambda: broker.deleted, *tasks)
    assert len(await rig.records(IN)) == 3
    told = [r.message for r in caplog.records if "cannot be deleted" in r.message]
    assert len(told) == 1
    assert TIER in told[0]
    assert "the user may not delete" in told[0]
    assert await begins(rig) == 3


async def test_deletions_are_rare_however_many_records_pass(tmp_path):
    rig = await Rig.make(tmp_path)
    broker = Stubborn(rig.broker())
    stop = asyncio.Event()
    loop = members.member(rig.pipeline, rig.retrying(stop).spec, stop, rig.metrics, broker=broker)
    async with members.running(loop) as tasks:
        for part in range(5):
            await topics.publish(rig.broker(), [waiting(f"{part}-{n}", past(n)) for n in range(50)])
            await until(lambda expected=(part + 1) * 50: loop.metrics.records >= expected, *tasks)
    assert broker.asked <= len(DELAYS)


async def test_an_offset_beyond_the_end_deletes_nothing(tmp_path):
    """The topic was deleted and made again; the group's offset is of the old one."""
    rig = await Rig.make(tmp_path)
    await topics.publish(rig.broker(), [waiting("new", past(0))])
    async with topics.admin_of(rig.broker()) as admin:
        await admin.commit_offsets(RETRY_GROUP, TIER, {0: 40})
    broker = Stubborn(rig.broker())
    loop = rig.retrying(asyncio.Event())
    cleaner = retry_cleaner.RetryCleaner(
        loop.spec, rig.pipeline.topology, broker.admin(), rig.pipeline.clock
    )
    await cleaner.delete_committed()
    await cleaner.close()
    assert (broker.asked, await begins(rig)) == (0, 0)
