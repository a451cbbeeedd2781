"""The second domain beside ClaimX in a run: its events, its files, and what must come of them."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from random import Random
from urllib.parse import urlsplit

from attrs import define, field

from claimx_pipeline import OutRecord, Pipeline
from tests.fakes.http_service import Asked, HttpService, Reply, http_service
from tests.rigs.files import contents
from tests.rigs.media import jpeg
from tests.rigs.second_domain import FILES_TABLE, NAME, raw
from tests.rigs.whole_pipeline import WholePipeline

EVENTS, JOBS = 60, 9
MISSING = "missing.jpg"
"""A file that is not there."""
PHOTO = jpeg(3000)

PLUGIN = """\
from tests.rigs.second_domain import AcmePlugin


class Acme(AcmePlugin):
    pass
"""
SECTION = """\
  acme-events: {linger_seconds: LINGER}
  acme-entities: {linger_seconds: LINGER}
  acme-results: {linger_seconds: LINGER}
acme: {files: {root: "{folder}/acme-files"}}
"""


@define
class Second:
    """The second domain's part of a world, and the host of its files."""

    host: HttpService
    unsteady: bool = False
    """The host refuses every third file once."""
    down: bool = False
    """The host refuses all."""
    _refused: set[str] = field(factory=set, init=False)

    def events(self) -> list[dict]:
        """Return all events: some bring files, one of which is missing, and some cannot work."""
        return [self._event(number) for number in range(EVENTS)]

    def _event(self, number: int) -> dict:
        names = [MISSING if number == EVENTS // 2 else f"{number}.jpg"] if not number % 3 else []
        kind = ("OPENED", "CLOSED")[number % 2] if number % 10 != 7 else "BROKEN_JOB"
        links = [f"{self.host.url}/{name}" for name in names]
        return raw(number, f"j{number % JOBS}", kind, sum=number, links=links)

    def records(self, pipeline: Pipeline, chance: Random | None = None) -> list[OutRecord]:
        """Return the records of all events, some of them twice if there is a *chance*."""
        topic = pipeline.topology.physical(f"{NAME}.events.raw")
        events = self.events()
        again = chance.sample(events, 6) if chance else []
        return [
            OutRecord(topic, json.dumps(event).encode(), event["job"].encode())
            for event in (*events, *again)
        ]

    def answer(self, asked: Asked) -> Reply:
        """Answer as the host of files."""
        name = asked.path.removeprefix("/")
        if name == MISSING:
            return Reply(status=404)
        seldom = self.unsteady and not int(name.partition(".")[0]) % 9
        if self.down or (seldom and name not in self._refused):
            self._refused.add(name)
            return Reply(status=503)
        return Reply(PHOTO, headers={"content-type": "image/jpeg"})

    def settings(self, template: str) -> str:
        """Return a template of settings with those of the domain."""
        host = urlsplit(self.host.url).netloc
        hosts = template.replace('["{media_host}"]', f'["{{media_host}}", "{host}"]')
        section = SECTION.replace("{", "{{").replace("}", "}}")
        return hosts + section.replace("{{folder}}", "{folder}")

    def letters(self, whole: WholePipeline) -> Iterator[tuple[str, str]]:
        """Return group and event of the dead letters that there must be."""
        for event in self.events():
            if event["kind"].startswith("BROKEN_"):
                yield group(whole, "enrichment"), event["id"]
            if any(link.endswith(MISSING) for link in event["links"]):
                yield group(whole, "download"), event["id"]

    async def wrong(self, whole: WholePipeline) -> list[str]:
        """Return what is wrong: rows, files, and what of one domain is at the other's."""
        events = [event for event in self.events() if not event["kind"].startswith("BROKEN_")]
        last = {event["job"]: (event["kind"], event["sum"]) for event in events}
        found = whole.rows("SELECT job_id, state, amount FROM acme_jobs")
        jobs = {row["job_id"]: (row["state"], row["amount"]) for row in found}
        said = [f"jobs are {jobs}, not {last}"] if jobs != last or len(found) != len(last) else []
        ids = sorted(row["event_id"] for row in whole.rows("SELECT event_id FROM acme_events"))
        if ids != sorted(event["id"] for event in self.events()):
            said.append(f"events are {ids}")
        links = {event["id"]: link for event in events for link in event["links"]}
        status = {
            f"{name}-0": "failed_permanent" if link.endswith(MISSING) else "completed"
            for name, link in links.items()
        }
        rows = whole.rows(f"SELECT media_id, status FROM {FILES_TABLE.name}")
        if sorted((row["media_id"], row["status"]) for row in rows) != sorted(status.items()):
            said.append(f"files are {rows}, not {status}")
        return [*said, *await self._wrong_files(whole, list(status.values())), *await mixed(whole)]

    async def _wrong_files(self, whole: WholePipeline, due: list[str]) -> list[str]:
        flow = whole.pipeline.domains[NAME].file_flow
        store = await contents(flow.store(whole.pipeline.settings))
        digests = [hashlib.sha256(each).hexdigest() for each in store.values()]
        whole_ones = digests.count(hashlib.sha256(PHOTO).hexdigest())
        if whole_ones == len(digests) == due.count("completed"):
            return []
        return [f"{whole_ones} of {len(digests)} stored files are whole, of {due}"]


def group(whole: WholePipeline, role: str) -> str:
    """Return the consumer group of the domain's worker for *role*."""
    workers = whole.pipeline.workers
    return whole.pipeline.topology.group(workers[f"{NAME}-{role}"].group)


async def mixed(whole: WholePipeline) -> list[str]:
    """Return the topics in which a record of the other domain lies."""
    said = []
    for topic in whole.pipeline.topology.topics:
        for record in await whole.records(topic):
            is_of_second = any(word in record.value for word in (b'"job', b'": "acme.'))
            if record.value and is_of_second != topic.startswith(f"{NAME}."):
                said.append(f"{topic} has {record.value[:200]!r}")
    return said


def in_processes(pipeline: Pipeline) -> tuple[list[str], list[str]]:
    """Return the workers of the second domain, and those of ClaimX, to run apart.

    Workers that serve both are in both.
    """
    second = [worker.name for worker in pipeline.select([NAME])]
    return second, [name for name in pipeline.workers if not name.startswith(f"{NAME}-")]


def write_plugin(folder: Path) -> None:
    """Write the directory plugin that brings the domain."""
    place = folder / "plugins" / NAME
    place.mkdir(parents=True)
    (place / "config.yaml").write_text(f"name: {NAME}\nmodule: plugin\nclass: Acme\n")
    (place / "plugin.py").write_text(PLUGIN)


@contextlib.asynccontextmanager
async def second_domain(*, unsteady: bool = False) -> AsyncIterator[Second]:
    """Serve the domain's files until the block ends."""
    async with http_service(_nothing) as host:
        second = Second(host, unsteady)
        host.answer = second.answer
        yield second


def _nothing(_: Asked) -> Reply:
    return Reply(status=404)
