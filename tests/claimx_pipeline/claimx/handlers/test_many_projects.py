"""A batch of many projects through the enrichment worker, over a real service."""

import asyncio
import json
from datetime import UTC, datetime

import pytest
from attrs import frozen

from claimx_pipeline import Pipeline
from claimx_pipeline.claimx.domain import CLAIMX
from claimx_pipeline.claimx.events import Event
from claimx_pipeline.domain.messages import created
from claimx_pipeline.runtime.outcome import Done
from claimx_pipeline.runtime.worker import Received
from claimx_pipeline.telemetry.health import Health
from tests.fakes.claimx_answers import FakeClaimx
from tests.fakes.http_service import http_service

FILES, PROJECTS = 200, 20


@pytest.fixture
async def worker(tmp_path):
    """Builds the real processor on a service; closes all afterwards."""
    made = []

    async def build(url: str, **environ: str):
        given = {"CLAIMX_API_URL": url, "CLAIMX_API_TOKEN": "dG9r", **environ}
        pipeline = Pipeline.load(
            environ=given, cwd=tmp_path, overrides={"claimx.api.max_retries": "0"}
        )
        resources = pipeline.resources(pipeline.broker(), Health(pipeline.clock))
        processor = pipeline.workers["enrichment"].build(resources)
        await processor.open()
        made.append((processor, resources))
        return processor

    yield build
    for processor, resources in made:
        await processor.close()
        await resources.connections.close()


@frozen
class Read:
    """A record as the broker hands it over."""

    value: bytes
    offset: int
    topic: str = "claimx.enrichment.pending"
    partition: int = 0
    timestamp: int = 0
    key: bytes | None = None
    headers: tuple = ()


def received(processor, number: int, project: int, kind: str, media_id: str | None) -> Received:
    at = datetime(2026, 1, 12, 8, tzinfo=UTC)
    event = Event(f"e{number}", kind, str(project), at, media_id=media_id)
    record = Read(CLAIMX.messages.task(event, created(at)), number)
    return Received(record, processor.decode(record))


def media_rows(outcome: Done) -> list[dict]:
    (message,) = [each for each in outcome.publish if each.topic == "claimx.entities.rows"]
    return json.loads(message.value)["rows"]["media"]


@pytest.mark.incident("LAT-01")
async def test_files_of_twenty_projects_are_each_looked_up_under_their_own(worker):
    """One request for the files of a project; a project that fails takes no other with it."""
    claimx = FakeClaimx()
    claimx.status["/export/project/7"] = 404
    async with http_service(claimx) as service:
        processor = await worker(service.url)
        batch = [
            received(processor, n, 1 + n % PROJECTS, "PROJECT_FILE_ADDED", str(1000 + n))
            for n in range(FILES)
        ]
        outcomes = await processor.process(batch)
    asked = [one for one in service.asked if one.path.endswith("/media")]
    assert len(asked) <= PROJECTS
    for given, outcome in zip(batch, outcomes, strict=True):
        number = given.record.offset
        if 1 + number % PROJECTS == 7:
            assert not isinstance(outcome, Done)
            continue
        (row,) = media_rows(outcome)
        assert (row["media_id"], row["project_id"]) == (str(1000 + number), str(1 + number % 20))


@pytest.mark.incident("PRF-03")
@pytest.mark.parametrize("limit", [1, 5, 25, 50])
async def test_as_many_requests_are_under_way_as_the_setting_says(worker, limit):
    """No other limit on the way: sixty projects at once fill the setting, and never exceed it."""
    claimx, full = FakeClaimx(), asyncio.Event()

    async def answer(asked):
        if service.under_way == limit:
            full.set()
        async with asyncio.timeout(30):
            await full.wait()
        return claimx(asked)

    async with http_service(answer) as service:
        processor = await worker(service.url, CLAIMX_API_MAX_CONCURRENT=str(limit))
        batch = [received(processor, n, 1 + n, "PROJECT_CREATED", None) for n in range(60)]
        outcomes = await processor.process(batch)
    assert all(isinstance(outcome, Done) for outcome in outcomes)
    assert service.most_under_way == limit
