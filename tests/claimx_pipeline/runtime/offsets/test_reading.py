"""Settings that change what is read: nothing that waits is forgotten, nothing is read twice."""

import asyncio
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from claimx_pipeline import OutRecord, Pipeline, operations
from claimx_pipeline.broker.protocol import NewTopic
from claimx_pipeline.runtime import headers
from claimx_pipeline.runtime.offsets.reading import retired_topics, topics_read
from claimx_pipeline.runtime.retry_ladder import label
from claimx_pipeline.settings.tree.broker import BrokerSettings, TopicSettings
from claimx_pipeline.topics import Topic, Topology
from claimx_pipeline.workers import retry
from tests.rigs import topics
from tests.rigs.worker import FAMILY, IN, Rig

FAMILIES = ("claimx.downloads", "claimx.enrichment")
BEFORE = "retry: {delays_seconds: [300, 600], families: {claimx.downloads: {delays_seconds: [45]}}}"
AFTER = "retry: {delays_seconds: [7, 9], families: {claimx.downloads: {delays_seconds: [0.5]}}}"


@pytest.fixture(params=["sqlite", pytest.param("kafka", marks=pytest.mark.kafka)])
def place(request, tmp_path):
    """A folder and the overrides of a broker; topics have a prefix of the test's own."""
    prefix = f"p{uuid.uuid4().hex[:8]}."
    url = (
        f"sqlite:///{tmp_path}/broker.db"
        if request.param == "sqlite"
        else request.getfixturevalue("kafka_url")
    )
    return tmp_path, {"broker.url": url, "broker.prefix": prefix}


def load(place, text: str, **more: str) -> Pipeline:
    folder, overrides = place
    (folder / "claimx.yaml").write_text(text)
    return Pipeline.load(environ={}, cwd=folder, overrides={**overrides, **more})


def waiting(topic: str, text: str, *, back_to: str, due: datetime) -> OutRecord:
    """Return a record as the ladder leaves it in a retry topic."""
    travelling = {
        headers.GROUP: "any",
        headers.ATTEMPTS: "1",
        headers.DUE: str(int(due.timestamp() * 1000)),
        headers.RETURN_TO: back_to,
    }
    return OutRecord(topic, text.encode(), b"k", headers.encoded(travelling))


def worker(broker: BrokerSettings, *declared: Topic, drains=FAMILIES):
    """Return a worker ``retry`` for these topics, and the topology."""
    spec = evolve(retry.WORKER, reads=declared, drains=drains, serves=None)
    return spec, Topology.of([spec.topics()], broker)


@pytest.mark.incident("STR-60")
async def test_what_waits_in_tiers_that_settings_no_longer_have_comes_back(place):
    """Two families, one with delays of its own; both change, and nothing is left behind."""
    old = load(place, BEFORE)
    await operations.create_topics(old)
    past = datetime.now(UTC) - timedelta(seconds=1)
    tiers = {
        "claimx.downloads.retry.45s": "claimx.downloads.pending",
        "claimx.enrichment.retry.5m": "claimx.enrichment.pending",
        "claimx.enrichment.retry.10m": "claimx.enrichment.pending",
    }
    for tier, back_to in tiers.items():
        physical = old.topology.physical(tier)
        records = [waiting(physical, f"{tier}-{n}", back_to=back_to, due=past) for n in range(5)]
        await topics.publish(old.broker(), records)

    new = load(place, AFTER)
    await operations.create_topics(new)
    told = [problem.what for problem in await operations.left_behind(new)]
    assert sorted(what.split("'")[1] for what in told) == sorted(map(new.topology.physical, tiers))
    assert all("5 records" in what for what in told)
    (spec,) = new.select(["retry"])
    assert not {topic.name for topic in spec.reads} & tiers.keys()
    async with asyncio.timeout(60):
        await operations.run_until_idle(new, "retry")
    back = [
        record.value.decode()
        for topic in set(tiers.values())
        for record in await operations.read_topic(new, topic)
    ]
    assert sorted(back) == sorted(f"{tier}-{n}" for tier in tiers for n in range(5))
    assert await operations.left_behind(new) == []


@pytest.mark.incident("STR-60")
async def test_a_tier_is_listed_and_its_offsets_are_shown_as_long_as_it_exists(place):
    old = load(place, BEFORE)
    await operations.create_topics(old)
    tier = old.topology.physical("claimx.enrichment.retry.5m")
    later = datetime.now(UTC) + timedelta(hours=1)
    await topics.publish(
        old.broker(), [waiting(tier, "x", back_to="claimx.enrichment.pending", due=later)]
    )
    new = load(place, AFTER)
    await operations.create_topics(new)
    listed = {each.physical: each for each in await operations.list_topics(new)}
    assert (listed[tier].records, list(listed[tier].read_by)) == (1, ["retry"])
    assert "brought back" in listed[tier].note
    shown = [each for each in await operations.show_offsets(new, "retry") if each.topic == tier]
    assert [each.partition for each in shown] == [0, 1, 2]
    assert {each.state.split(":")[0] for each in shown} == {"retired"}
    # With the delays as they were nothing is remarkable.
    again = load(place, BEFORE)
    assert {each.note for each in await operations.list_topics(again) if each.physical == tier} == {
        ""
    }


@pytest.mark.incident("STR-60")
async def test_what_waits_under_the_old_name_of_a_renamed_topic_is_told_everywhere(place, caplog):
    old = load(place, "")
    await operations.create_all(old)
    raw = old.topology.physical("claimx.events.raw")
    event = b'{"eventId": "e%d", "eventType": "PROJECT_CREATED", "projectId": 7}'
    await operations.publish_events(old, [event % 0])
    await operations.run_until_idle(old, "ingest")
    await operations.publish_events(old, [event % n for n in (1, 2, 3)])

    moved = f"{uuid.uuid4().hex}.raw"
    new = load(place, f"broker: {{topics: {{claimx.events.raw: {{name: {moved}}}}}}}")
    await operations.create_all(new)
    (told,) = await operations.left_behind(new)
    assert f"3 records wait in topic {raw!r}" in told.what
    assert "'ingest'" in told.what
    (listed,) = [each for each in await operations.list_topics(new) if each.physical == raw]
    assert not listed.used
    assert "3 records wait" in listed.note
    shown = [each for each in await operations.show_offsets(new, "ingest") if each.topic == raw]
    assert {each.state for each in shown} == {"not read with these settings"}
    assert {each.refusal for each in shown} == {listed.note}
    with caplog.at_level("WARNING", logger="claimx_pipeline"):
        await operations.run_until_idle(new, "ingest")
    assert [r.message for r in caplog.records if "wait in topic" in r.message] == [
        f"worker ingest: {told.what}"
    ]
    # Set back, they are read, and there is nothing to tell.
    back = load(place, "")
    await operations.run_until_idle(back, "ingest")
    assert await operations.left_behind(back) == []


@pytest.mark.incident("STR-60")
async def test_dead_letters_under_an_old_name_are_told(place):
    """No group reads them, so only the name says whose they are."""
    old = load(place, "")
    await operations.create_topics(old)
    await operations.publish(old, "claimx.events.dlq", [b"dead"])
    new = load(place, "broker: {topics: {claimx.events.dlq: {name: the.dead}}}")
    before = old.topology.physical("claimx.events.dlq")
    (listed,) = [each for each in await operations.list_topics(new) if each.physical == before]
    assert listed.note == "the settings call claimx.events.dlq 'the.dead' now"
    assert listed.records == 1


@pytest.mark.incident("STR-60")
async def test_partitions_that_differ_from_the_settings_are_told(place):
    await operations.create_topics(load(place, ""))
    new = load(place, "broker: {topics: {claimx.events.raw: {partitions: 12}}}")
    notes = {each.name: each.note for each in await operations.list_topics(new)}
    assert notes.pop("claimx.events.raw") == (
        "it has 6 partitions, the settings say 12; it stays as it is"
    )
    assert set(notes.values()) == {""}


@pytest.mark.incident("STR-60")
def test_a_renamed_tier_is_known_by_either_name_and_never_read_twice():
    name = "claimx.downloads.retry.5m"
    broker = BrokerSettings(prefix="p.", topics={name: TopicSettings(name="custom")})
    gone, topology = worker(broker)
    assert retired_topics(gone, topology, {"custom", f"p.{name}", name}) == ["custom", f"p.{name}"]
    there, topology = worker(broker, Topic(name, 3))
    assert topics_read(there, topology, {"custom", f"p.{name}"}) == ["custom", f"p.{name}"]


DELAYS = st.one_of(
    st.integers(1, 10**7).map(float), st.floats(0.001, 10**6, allow_nan=False, allow_infinity=False)
)


@pytest.mark.incident("STR-60")
@given(
    before=st.sets(DELAYS, max_size=5),
    after=st.sets(DELAYS, max_size=5),
    prefix=st.sampled_from(["", "acme.", "a+b."]),
    family=st.sampled_from(FAMILIES),
)
def test_whatever_the_delays_were_every_tier_is_read_once(before, after, prefix, family):
    old = {f"{prefix}{family}.retry.{label(delay)}" for delay in before}
    declared = [Topic(f"{family}.retry.{each}", 3) for each in {label(delay) for delay in after}]
    spec, topology = worker(BrokerSettings(prefix=prefix), *declared)
    read = topics_read(spec, topology, old)
    assert len(read) == len(set(read))
    assert set(read) == old | {f"{prefix}{topic.name}" for topic in declared}


@pytest.mark.incident("STR-60")
@given(
    name=st.one_of(
        st.sampled_from(
            [
                "claimx.downloads.retry.5m",  # of an installation without our prefix
                "other.claimx.downloads.retry.5m",
                "p.itel.retry.5m",  # a family of a plugin that is not here
                "p.claimx.downloads.retry.",
                "p.claimx.downloads.retry.5h",
                "p.claimx.downloads.retry.5m.old",
                "p.claimx.downloadsXretry.5m",
                "p.claimx.downloads.pending",
                "p.claimx.downloads.retry.\uff15m",  # a digit of another script
            ]
        ),
        st.text(max_size=40),
    )
)
def test_no_topic_of_somebody_else_is_taken_for_a_tier(name):
    spec, topology = worker(BrokerSettings(prefix="p."))
    assert retired_topics(spec, topology, {name}) == []


@pytest.mark.incident("STR-60")
async def test_a_single_member_finds_a_tier_by_itself(tmp_path):
    rig = await Rig.make(tmp_path)
    await topics.create_topics(rig.pipeline, NewTopic(f"{FAMILY}.retry.99s", 1))
    stop = asyncio.Event()
    loop = rig.retrying(stop)
    past = datetime.now(UTC) - timedelta(seconds=1)
    await topics.publish(
        rig.broker(), [waiting(f"{FAMILY}.retry.99s", "x", back_to=IN.name, due=past)]
    )
    await rig.run_until(lambda: loop.metrics.records == 1, loop)
    assert [record.value for record in await rig.records(IN)] == [b"x"]
