"""An installation that an earlier version left, unpacked and run by the version under test.

What it takes from the product stands in the first lines and nowhere else: internal names
change, an installation does not. ``tests/golden/make.py`` runs the same stories with the
earlier version, and what came of them is what a later version is compared with.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import re
import shutil
import sqlite3
import tarfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from attrs import define, field

import claimx_pipeline
from claimx_pipeline import OutRecord, Pipeline
from claimx_pipeline.operations import publish, query, run_until_idle
from claimx_pipeline.simulator.server import SimulatorServer
from claimx_pipeline.simulator.world import World
from tests.rigs.command import run

Json = dict[str, Any]

CODE = str(Path(claimx_pipeline.__file__).parents[1])
GOLDEN = Path(__file__).parents[1] / "golden"
SETTINGS = GOLDEN / "installation"
ARCHIVE = GOLDEN / "data" / "installation.tar.xz"
RECORDS = GOLDEN / "data" / "records.json"
WIRE = GOLDEN / "data" / "wire.json.xz"
EXPECTED = GOLDEN / "data" / "expected.json.xz"

SEED = 7
WORLD_EVENTS = 110
"""The world is asked as it is after these, whatever of it was published."""
MADE_AT = datetime(2026, 2, 2, 8, tzinfo=UTC)
"""When the making began; the file ``made_at`` says when it ended."""
LINKS_HOLD = timedelta(days=36_500)
MEDIA_BYTES = 400
RAW = "claimx.events.raw"
RETRIES_TAKE_HOURS = 3
"""The longest wait between tries is shorter."""


CANARY: Json = {
    "topic": "claimx.enrichment.retry.5m",
    "partition": 1,
    "key": None,
    "headers": [
        ("claimx-due", "0"),
        ("claimx-group", "nobody"),
        ("claimx-return-to", "claimx.enrichment.pending"),
    ],
    "value": '{"canary": true}',
}
"""Is due at once, and of no group that there is: where it returns to, every worker leaves it."""


class ShiftedClock:
    """Starts at a time of the past, goes on as the machine's, and can be moved on."""

    def __init__(self, start: datetime) -> None:
        self._start, self._began, self._moved = start, time.monotonic(), 0.0

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        return time.monotonic() - self._began + self._moved

    def move(self, seconds: float) -> None:
        self._moved += seconds

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@define
class Installation:
    """A folder with settings, a broker, tables and files, and the world that it looks at."""

    folder: Path
    clock: ShiftedClock
    simulator: SimulatorServer
    pipeline: Pipeline = field(init=False)

    def __attrs_post_init__(self) -> None:
        config = self.folder / "claimx.yaml"
        self.pipeline = Pipeline.load(
            config, environ=self.environ, cwd=self.folder, clock=self.clock
        )

    @property
    def environ(self) -> dict[str, str]:
        """The variables that its settings ask for."""
        return {
            "GOLDEN_DIR": str(self.folder),
            "CLAIMX_API_URL": self.simulator.api_url,
            "CLAIMX_API_TOKEN": "demo-token",
            "ITEL_CABINET_API_BASE_URL": self.simulator.itel_url,
            "ITEL_CABINET_API_TOKEN": "demo-itel-token",
            "SIMULATOR_URL": self.simulator.url,
            "SIMULATOR_HOST": urlsplit(self.simulator.url).netloc,
        }

    @property
    def all_workers(self) -> list[str]:
        return list(self.pipeline.workers)

    async def typed(self, *words: str) -> str:
        """Return what ``claimx-run`` prints, of the code that runs in this process."""
        env = {**self.environ, "PYTHONPATH": CODE}
        result = await asyncio.to_thread(run, *words, cwd=self.folder, env=env)
        assert result.returncode == 0, f"{words}: {result.stdout}{result.stderr}"
        return result.stdout

    async def command(self, *words: str) -> Any:
        """Return what ``claimx-run`` prints as JSON."""
        return json.loads(await self.typed(*words, "--json"))

    async def run(self, *workers: str) -> None:
        """Run workers until they have nothing left to do; all if none is named."""
        async with asyncio.timeout(60):
            await run_until_idle(self.pipeline, *(workers or self.all_workers))

    async def run_while_time_passes(self) -> Counter[str]:
        """Run all workers; once the retry topics were read, let the time of every retry come.

        Returns what had been brought back before that time.
        """
        before = await self.brought_back()
        await self.publish_records([CANARY])
        running = asyncio.create_task(self.run())
        while not await self._canary_is_back() and not running.done():
            await asyncio.sleep(0.05)
        early = await self.brought_back() - before
        self.clock.move(RETRIES_TAKE_HOURS * 3600)
        await running
        return early

    async def _canary_is_back(self) -> bool:
        returned = (await self.topics())["claimx.enrichment.pending"]
        return any(record.value == CANARY["value"].encode() for record in returned)

    async def brought_back(self) -> Counter[str]:
        """Return how many records of each topic have come from retry topics."""
        return Counter(
            topic
            for topic, records in (await self.topics()).items()
            for record in records
            if not left_aside(topic) and "claimx-attempts" in dict(record.headers)
        )

    async def publish_events(self, events: Iterable[Mapping[str, Any]]) -> None:
        events = list(events)
        keys = [str(each.get("projectId") or each.get("project_id")) for each in events]
        await publish(self.pipeline, RAW, events, keys=keys)

    async def publish_records(self, records: Iterable[Json]) -> None:
        """Publish records as they were read, each to the partition that it was in."""
        out = [
            OutRecord(
                self.pipeline.topology.physical(each["topic"]),
                bytes_of(each["value"], self.simulator.url),
                bytes_of(each["key"], self.simulator.url),
                tuple(
                    (name, bytes_of(value, self.simulator.url) or b"")
                    for name, value in each["headers"]
                ),
                bucket=each["partition"],
            )
            for each in records
        ]
        producer = self.pipeline.broker().producer()
        await producer.start()
        await producer.publish(out)
        await producer.close()

    async def topics(self) -> dict[str, list[Any]]:
        """Return every record of every topic, by its logical name; joins no group."""
        return {
            name: await asyncio.to_thread(self._records, self.pipeline.topology.physical(name))
            for name in sorted(self.pipeline.topology.topics)
        }

    def _records(self, topic: str) -> list[Any]:
        return list(stored(self.folder / "broker.db", topic))

    def tables(self) -> dict[str, list[Json]]:
        """Return every row of every table, in a form that JSON has, sorted."""
        return {name: self.rows(f"SELECT * FROM {name}") for name in sorted(self.pipeline.tables)}

    def rows(self, sql: str) -> list[Json]:
        found = query(self.pipeline, sql).to_pylist()
        plain = [{key: self._plain(value) for key, value in row.items()} for row in found]
        return sorted(plain, key=lambda row: json.dumps(row, sort_keys=True))

    def _plain(self, value: Any) -> Any:
        if isinstance(value, str):
            return without_links(value, self.simulator.url)
        return value if isinstance(value, bool | int | float | None) else str(value)

    async def dead_letters(self) -> list[Json]:
        """Return the groups of dead letters, those that were replayed included."""
        found: list[Json] = await self.command("dlq", "list", "--all")
        return found


@define
class StoredRecord:
    """A record as it lies in the embedded broker's file."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]


def stored(file: Path, topic: str) -> Iterable[StoredRecord]:
    """Yield the records of *topic*: the file outlives versions, so it is read by hand."""
    import msgspec

    with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
        rows = connection.execute(
            "SELECT number, id - (log << 40), key, value, headers FROM partition JOIN record "
            "ON record.id >= log << 40 AND record.id < (log + 1) << 40 "
            "WHERE topic = ? ORDER BY number, id",
            (topic,),
        ).fetchall()
    for number, offset, key, value, headers in rows:
        pairs = msgspec.msgpack.decode(headers) if headers else ()
        yield StoredRecord(topic, number, offset, key, value, tuple((n, v) for n, v in pairs))


def left_aside(topic: str) -> bool:
    """Whether records of *topic* lie there until somebody or the clock fetches them."""
    return ".retry." in topic or topic.endswith((".dlq", ".errors", ".replayed"))


def without_links(text: str, site: str) -> str:
    """Return *text* without what a link says of when and where it was signed."""
    text = text.replace(site, "http://simulator")
    return re.sub(r"(http://simulator/[^\"\s?]*)\?[^\"\s\\]*", r"\1", text)


def text_of(value: bytes | None, site: str) -> Any:
    """Return bytes in a form that people and JSON can read."""
    if value is None:
        return None
    try:
        return value.decode().replace(site, "http://simulator")
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(value).decode()}


def bytes_of(value: Any, site: str) -> bytes | None:
    """Return the bytes behind ``text_of``, for the simulator at *site*."""
    if isinstance(value, dict):
        return base64.b64decode(value["base64"])
    return None if value is None else value.replace("http://simulator", site).encode()


def world_events() -> list[Json]:
    """Return the world's events with two files of each project at most."""
    files: Counter[int] = Counter()
    kept = []
    for event in World(SEED).events(WORLD_EVENTS):
        files[event.project_id] += event.type == "PROJECT_FILE_ADDED"
        if event.type != "PROJECT_FILE_ADDED" or files[event.project_id] <= 2:
            kept.append(dict(event.value))
    return kept


def events_of(*projects: int) -> list[Json]:
    """Return the world's events of these projects."""
    return [
        each
        for each in world_events()
        if int(each.get("projectId") or each.get("project_id")) in projects
    ]


FIRST = (700100, 700101, 700102, 700105)
"""Projects of the first wave: every type of event, and a cabinet form."""
NEW = (700109,)
"""Projects that nobody has heard of until the version under test runs."""


@contextlib.asynccontextmanager
async def running(folder: Path, clock: ShiftedClock, port: int = 0) -> AsyncIterator[Installation]:
    """Serve the world while the installation in *folder* is looked at."""
    world = World(SEED)
    world.set_clock(world.end(WORLD_EVENTS))
    simulator = SimulatorServer(
        world, port=port, clock=clock, link_ttl=LINKS_HOLD, media_bytes=MEDIA_BYTES
    )
    async with simulator:
        move_links(folder, simulator.url)
        yield Installation(folder, clock, simulator)


def move_links(folder: Path, site: str) -> None:
    """Let the links in waiting records lead to *site*: the simulator listens where it can."""
    note = folder / "site"
    if note.exists() and (before := note.read_text()) != site:
        with contextlib.closing(sqlite3.connect(folder / "broker.db")) as connection, connection:
            connection.execute(
                "UPDATE record SET value = CAST(replace(CAST(value AS TEXT), :old, :new) AS BLOB) "
                "WHERE instr(value, CAST(:old AS BLOB))",
                {"old": before, "new": site},
            )
    note.write_text(site)


def unpack(folder: Path) -> Path:
    """Put the installation into *folder* as it was left."""
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(folder, filter="data")
    return folder


def made_at(folder: Path) -> datetime:
    """Return when the installation in *folder* was left."""
    return datetime.fromisoformat((folder / "made_at").read_text())


def fresh(folder: Path) -> Path:
    """Put nothing but the settings into *folder*."""
    shutil.copytree(SETTINGS, folder, dirs_exist_ok=True)
    return folder
