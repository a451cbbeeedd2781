"""``dlq`` as an operator uses it: something breaks, is seen, repaired, replayed."""

import asyncio
import json
import signal
import uuid
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from claimx_pipeline import OutRecord, Pipeline
from claimx_pipeline.broker.sqlite.log import StoredRecord
from claimx_pipeline.delta.querying.query import run_query
from claimx_pipeline.operations import named_query
from claimx_pipeline.runtime.dead_letters.dead_letter import DeadLetter
from claimx_pipeline.runtime.headers import Origin
from claimx_pipeline.simulator.server import SimulatorServer
from claimx_pipeline.simulator.world import World
from tests.rigs.command import Running, run
from tests.rigs.until import until

EVENTS, SEED = 12, 7

SETTINGS = """\
broker: {{url: "{url}", prefix: "{prefix}", kafka: {{session_timeout_seconds: 6}}}}
claimx: {{api: {{base_url: "{api}", token: "{token}", max_retries: 0}}}}
media: {{development_hosts: ["{host}"]}}
retry: {{delays_seconds: [0.1]}}
workers: {{enrichment: {{outage: dead_letter}}}}
"""

PLUGIN = """\
from pathlib import Path
from claimx_pipeline import Plugin, PluginResult, Topic

class Flaky(Plugin):
    name = "flaky"
    def topics(self):
        return [Topic("flaky.out", partitions=1, terminal=True)]
    def execute(self, context):
        if Path("broken").exists():
            raise ValueError(f"cannot work on project {context.project_id}")
        return PluginResult.publish("flaky.out", {"event": context.event_id})
"""


class Place:
    """A folder with settings, and the commands that are typed there."""

    def __init__(self, folder: Path, api: str, url="", prefix=""):
        self.folder = folder
        self.given = {
            "api": api,
            "host": urlsplit(api).netloc,
            "url": url or "sqlite:///./claimx-data/broker.db",
            "prefix": prefix,
        }
        self.token("demo-token")

    def token(self, token: str) -> None:
        (self.folder / "claimx.yaml").write_text(SETTINGS.format(token=token, **self.given))

    async def type(self, *words: str, code: int = 0):
        result = await asyncio.to_thread(run, *words, cwd=self.folder)
        assert result.returncode == code, result.stderr
        return result

    async def json(self, *words: str, code: int = 0):
        return json.loads((await self.type(*words, "--json", code=code)).stdout)

    def pipeline(self) -> Pipeline:
        return Pipeline.load(environ={}, cwd=self.folder)

    async def make(self) -> None:
        await self.type("topics", "create")
        await self.type("tables", "create")

    async def publish(self, topic: str, *values: bytes) -> None:
        pipeline = self.pipeline()
        producer = pipeline.broker().producer()
        await producer.start()
        await producer.publish(
            [OutRecord(pipeline.topology.physical(topic), value, b"k") for value in values]
        )
        await producer.close()

    async def letters(self, numbers: range) -> None:
        """Put dead letters of worker ``ingest`` where it would have."""
        pipeline = self.pipeline()
        known = DeadLetter(
            origin=Origin("claimx.events.raw", 0, 0),
            group="claimx-event-ingester-worker",
            worker="ingest",
            category="permanent",
            error_type="DecodeError",
            error="no",
            attempts=1,
            first_failed="2026-01-12T08:00:00+00:00",
            last_failed="2026-01-12T08:00:00+00:00",
        )
        producer = pipeline.broker().producer()
        await producer.start()
        records = [StoredRecord("t", 0, n, None, b"%d" % n, (), 0) for n in numbers]
        await producer.publish([known.to_record(each, "claimx.events.dlq") for each in records])
        await producer.close()

    async def count(self, table: str) -> int:
        store = self.pipeline().table_store
        answer = await asyncio.to_thread(run_query, store, f"SELECT count(*) AS n FROM {table}")
        return answer.to_pylist()[0]["n"]

    async def outcomes(self) -> dict[str, int]:
        """Return how many events have each outcome; none may be without."""
        pipeline = self.pipeline()
        store = pipeline.table_store
        sql = "SELECT outcome, count(*) AS n FROM claimx_event_log GROUP BY outcome"
        answer = await asyncio.to_thread(run_query, store, sql)
        waiting = await asyncio.to_thread(named_query, pipeline, "unaccounted-events")
        assert waiting.num_rows == 0
        return {row["outcome"]: row["n"] for row in answer.to_pylist()}

    async def records(self, topic: str) -> int:
        pipeline = self.pipeline()
        admin = pipeline.broker().admin()
        ends = await admin.end_offsets(pipeline.topology.physical(topic))
        await admin.close()
        return sum(ends.values())


@pytest.fixture
async def simulator():
    world = World(SEED)
    world.set_clock(world.end(EVENTS))
    async with SimulatorServer(world) as running:
        running.events = [json.dumps(event.value).encode() for event in world.events(EVENTS)]
        yield running


@pytest.fixture
async def place(tmp_path, simulator) -> Place:
    return Place(tmp_path, simulator.api_url)


@pytest.mark.incident("RET-04")
@pytest.mark.parametrize("broker", ["sqlite", pytest.param("kafka", marks=pytest.mark.kafka)])
async def test_what_died_of_a_wrong_credential_is_replayed_to_success(
    request, tmp_path, simulator, broker
):
    """List, show, repair, replay: every row is there once, and a second replay does nothing."""
    url = request.getfixturevalue("kafka_url") if broker == "kafka" else ""
    prefix = f"t-{uuid.uuid4().hex[:8]}." if url else ""
    place = Place(tmp_path, simulator.api_url, url, prefix)
    await place.make()
    await place.publish("claimx.events.raw", *simulator.events)
    place.token("wrong")
    await place.type("worker", "claimx", "--until-idle")
    assert await place.count("claimx_events") == EVENTS
    assert await place.outcomes() == {"dead": EVENTS}
    groups = await place.json("dlq", "list")
    assert sum(group["count"] for group in groups) == EVENTS
    assert {group["category"] for group in groups} == {"auth"}
    shown = await place.type("dlq", "show", groups[0]["newest"])
    assert "answered 401" in shown.stdout
    assert "Traceback" in shown.stdout
    assert '  "event_id": ' in shown.stdout
    place.token("demo-token")
    dry = await place.json("dlq", "replay", "--dry-run")
    assert (dry["replayed"], sum(group["count"] for group in dry["groups"])) == (0, EVENTS)
    done = await place.json("dlq", "replay", "--yes")
    assert (done["replayed"], done["refused"]) == (EVENTS, [])
    await place.type("worker", "claimx", "--until-idle")
    assert await place.outcomes() == {"enriched": EVENTS}
    assert await place.count("claimx_events") == EVENTS
    assert await place.json("dlq", "list") == []
    again = await place.type("dlq", "replay", "--yes")
    assert f"{EVENTS} were replayed already, --again does it again" in again.stderr


async def test_a_plugins_letter_runs_the_repaired_plugin_and_nothing_else(place, simulator):
    folder = place.folder / "plugins" / "config" / "flaky"
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text("{name: flaky, module: plugin, class: Flaky}\n")
    (folder / "plugin.py").write_text(PLUGIN)
    (place.folder / "broken").touch()
    await place.make()
    await place.publish("claimx.events.raw", *simulator.events)
    await place.type("worker", "claimx", "--until-idle")
    (group,) = await place.json("dlq", "list", "--kind", "plugin")
    assert (group["count"], group["plugin"], group["worker"]) == (EVENTS, "flaky", "enrichment")
    assert await place.count("claimx_event_log") == EVENTS, "the events went on"
    before = await place.records("claimx.entities.rows")
    (place.folder / "broken").unlink()
    event_id = (await place.json("dlq", "show", group["newest"]))["value"]
    event_id = json.loads(event_id)["event_id"]
    await place.type("dlq", "replay", "--yes", "--event-id", event_id)
    await place.type("worker", "claimx", "--until-idle")
    assert await place.records("flaky.out") == 1
    await place.type("dlq", "replay", "--yes")
    await place.type("worker", "claimx", "--until-idle")
    assert await place.records("flaky.out") == EVENTS
    assert await place.records("claimx.entities.rows") == before
    assert await place.json("dlq", "list") == []


@pytest.fixture
async def poisoned(place) -> Place:
    """Two bad events, dead at two workers each."""
    await place.make()
    await place.publish("claimx.events.raw", b"no event", b"\xff\xfe{")
    await place.type("worker", "ingest", "events", "--until-idle")
    return place


async def test_the_same_event_dies_at_each_worker_that_reads_it(poisoned):
    groups = await poisoned.json("dlq", "list")
    assert [(group["workers"], group["count"]) for group in groups] == [(["events", "ingest"], 4)]
    assert sum(g["count"] for g in await poisoned.json("dlq", "list", "--worker", "ingest")) == 2
    one = groups[0]["fingerprint"]
    assert len(await poisoned.json("dlq", "list", "--fingerprint", one[:6])) == 1
    assert await poisoned.json("dlq", "list", "--until", "1h") == []
    assert await poisoned.json("dlq", "list", "--since", "2020-01-01", "--category", "bug") == []
    table = await poisoned.type("dlq", "list", "--topic", "claimx.events.dlq")
    assert table.stdout.startswith("fingerprint\tcount\tworker")
    assert "4 dead letters" in table.stderr


async def test_chosen_letters_are_replayed_and_die_again_as_new_ones(poisoned):
    first = "claimx.events.dlq/0/0"
    done = await poisoned.json("dlq", "replay", first, first, "--yes")
    assert done["replayed"] == 1
    assert (await poisoned.json("dlq", "show", first))["replayed_at"] is not None
    again = await poisoned.type("dlq", "replay", first, "--yes")
    assert "nothing to replay; 1 were replayed already" in again.stderr
    assert (await poisoned.json("dlq", "replay", first, "--yes", "--again"))["replayed"] == 1
    await poisoned.type("worker", "ingest", "events", "--until-idle")
    assert sum(group["count"] for group in await poisoned.json("dlq", "list")) == 5
    assert sum(group["count"] for group in await poisoned.json("dlq", "list", "--all")) == 6


async def test_a_limit_stops_early_and_the_next_replay_goes_on(poisoned):
    assert (await poisoned.json("dlq", "replay", "--yes", "--limit", "3"))["replayed"] == 3
    assert (await poisoned.json("dlq", "replay", "--yes", "--limit", "3"))["replayed"] == 1
    assert await poisoned.records("claimx.dlq.replayed") == 4


async def test_an_export_has_everything_and_bytes_are_base64(poisoned):
    await poisoned.type("dlq", "export", "letters.jsonl", "--worker", "ingest")
    lines = [
        json.loads(line) for line in (poisoned.folder / "letters.jsonl").read_text().splitlines()
    ]
    assert {(line["value"], line["value_encoding"]) for line in lines} == {
        ("no event", "utf-8"),
        ("//57", "base64"),
    }
    assert {line["origin"].rpartition("/")[0] for line in lines} == {lines[0]["origin"][:-2]}
    assert all(line["traceback"] and line["group"] for line in lines)
    taken = await poisoned.type("dlq", "export", "letters.jsonl", code=2)
    assert "letters.jsonl is there already" in taken.stderr
    out = await poisoned.type("dlq", "export", "-")
    assert len(out.stdout.splitlines()) == 4


async def test_bytes_that_are_no_text_are_shown_as_hex(poisoned):
    letters = [
        json.loads(x) for x in (await poisoned.type("dlq", "export", "-")).stdout.splitlines()
    ]
    binary = next(letter for letter in letters if letter["value_encoding"] == "base64")
    shown = await poisoned.type("dlq", "show", binary["letter"])
    assert "fffe7b" in shown.stdout


MISTAKES = [
    (["show", "claimx.events.dlq/0/99"], 1, "there is none"),
    (
        ["replay", "claimx.events.dlq/0/0", "claimx.events.dlq/0/99", "--yes"],
        1,
        "there is none",
    ),
    (["show", "claimx.events.raw/0/0"], 2, "is not a topic of dead letters; there are claimx."),
    (["show", "nonsense"], 2, "write TOPIC/PARTITION/OFFSET"),
    (["list", "--topic", "nonsense"], 2, "is not a topic of dead letters"),
    (["list", "--since", "yesterday"], 2, "give ISO 8601"),
    (["replay"], 2, "say so with --yes"),
]


async def test_a_mistake_ends_in_one_sentence_and_replays_nothing(poisoned):
    for words, code, said in MISTAKES:
        result = await poisoned.type("dlq", *words, code=code)
        assert said in result.stderr
        assert "Traceback" not in result.stderr
    assert await poisoned.records("claimx.dlq.replayed") == 0


async def test_where_nothing_was_created_there_are_no_dead_letters(place):
    assert await place.json("dlq", "list") == []
    nothing = await place.type("dlq", "replay", "--yes")
    assert "nothing to replay" in nothing.stderr
    assert not (place.folder / "claimx-data").exists()


@pytest.mark.incident("RET-04")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_an_interrupted_replay_ends_soon_and_goes_on_where_it_stopped(place, number):
    """No letter is lost and none is replayed twice."""
    count = 20_000
    await place.make()
    for start in range(0, count, 2_000):
        await place.letters(range(start, start + 2_000))
    running = Running.start("dlq", "replay", "--yes", "--json", cwd=place.folder)
    await until(lambda: place.records("claimx.dlq.replayed"))
    assert await asyncio.to_thread(running.stop, number, 10) == 1
    outcome = json.loads("\n".join(running.lines))
    running.process.stdout.close()
    assert outcome["interrupted"] is True
    assert 0 < outcome["replayed"] < count
    assert outcome["replayed"] == await place.records("claimx.dlq.replayed")
    rest = await place.json("dlq", "replay", "--yes")
    assert rest["replayed"] == count - outcome["replayed"]
    assert await place.records("claimx.events.raw") == count
