"""Topics that an installation of an earlier version lacks."""

import pytest

from claimx_pipeline import Topic
from claimx_pipeline.errors import BrokerError, UnknownTopicError
from claimx_pipeline.runtime.offsets.reading import topics_read, topics_to_join
from claimx_pipeline.settings.tree.broker import BrokerSettings
from claimx_pipeline.topics import Topology
from tests.rigs import topics
from tests.rigs.worker import IN, Rig, Scripted

LATE = Topic("test.late", partitions=3, late=True)


class Forbidding:
    """A broker that lets nobody make topics."""

    def __init__(self, admin):
        self._admin = admin

    def __getattr__(self, name):
        return getattr(self._admin, name)

    async def create_topics(self, wanted):
        raise BrokerError("not allowed")


async def joined(rig, reads, wrap=lambda admin: admin):
    spec = rig.spec(Scripted(), reads=reads)
    topology = Topology.of([spec.topics()], rig.pipeline.settings.broker)
    async with topics.admin_of(rig.broker()) as admin:
        found = await topics_to_join(spec, topology, wrap(admin))
        return found, await admin.topics()


async def test_a_worker_makes_the_late_topics_that_are_missing(tmp_path):
    rig = await Rig.make(tmp_path)
    found, existing = await joined(rig, (IN, LATE))
    assert found == [IN.name, LATE.name]
    assert existing[LATE.name] == 3


async def test_where_it_may_not_it_reads_the_others_and_says_so(tmp_path, caplog):
    rig = await Rig.make(tmp_path)
    found, existing = await joined(rig, (IN, LATE), Forbidding)
    assert found == [IN.name]
    assert LATE.name not in existing
    assert "topics test.late do not exist and cannot be made here (not allowed)" in caplog.text


async def test_a_worker_that_would_read_nothing_does_not_start(tmp_path):
    rig = await Rig.make(tmp_path)
    with pytest.raises(UnknownTopicError, match=r"test\.late.*topics create"):
        await joined(rig, (LATE,), Forbidding)


def test_a_late_topic_that_is_missing_is_not_read():
    spec = Rig.spec(None, Scripted(), reads=(IN, LATE))
    topology = Topology.of([spec.topics()], BrokerSettings())
    assert topics_read(spec, topology, {IN.name}) == [IN.name]
    assert topics_read(spec, topology, ()) == [IN.name], "others are said to be missing"
