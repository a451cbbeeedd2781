"""While the API gives no answer, or is not where the settings say, events wait; none is dead."""

import contextlib
import json
from collections.abc import AsyncIterator

import httpx
import pytest

from claimx_pipeline import OutRecord
from claimx_pipeline.connections.missing import SUBJECTS
from tests.fakes.http_service import Asked, HttpService, Reply, http_service
from tests.rigs import topics
from tests.rigs.whole_pipeline import WholePipeline, whole_pipeline

EVENTS = 30
LOGGED = "SELECT count(*) AS n FROM claimx_event_log WHERE outcome = 'enriched'"


@contextlib.asynccontextmanager
async def behind(tmp_path, broken: Reply) -> AsyncIterator[tuple[WholePipeline, HttpService]]:
    """Run a pipeline whose API answers *broken* until the block ends, and *EVENTS* projects."""
    async with (
        httpx.AsyncClient() as client,
        http_service(lambda _asked: broken) as service,
        whole_pipeline(tmp_path, api=f"{service.url}/rest") as whole,
    ):

        async def forwarded(asked: Asked) -> Reply:
            answer = await client.request(
                asked.method,
                f"{whole.simulator.api_url}{asked.target.removeprefix('/rest')}",
                headers={"authorization": asked.headers["authorization"]},
                content=asked.body,
            )
            return Reply(answer.content, answer.status_code)

        await publish_one_per_project(whole)
        whole.start()
        yield whole, service
        service.answer = forwarded
        await whole.idle()


async def publish_one_per_project(whole: WholePipeline) -> None:
    firsts: dict[int, OutRecord] = {}
    topic = whole.pipeline.topology.physical("claimx.events.raw")
    for count, event in enumerate(whole.world.events(5000), 1):
        key = str(event.project_id).encode()
        record = OutRecord(topic, json.dumps(event.value).encode(), key)
        firsts.setdefault(event.project_id, record)
        if len(firsts) == EVENTS:
            whole.world.set_clock(whole.world.end(count))
            break
    await topics.publish(whole.pipeline.broker(), list(firsts.values()))


def enriched(whole: WholePipeline) -> int:
    return whole.rows(LOGGED)[0]["n"]


def waits_because(whole: WholePipeline, *texts: str) -> bool:
    is_ready, said = whole.health.ready()
    return not is_ready and all(text in str(said["workers"].get("enrichment")) for text in texts)


@pytest.mark.incident("STR-21")
@pytest.mark.incident("STR-63")
@pytest.mark.parametrize("body", [b"<html>Please sign in</html>", b""], ids=["page", "nothing"])
async def test_events_wait_while_the_api_gives_no_answer(tmp_path, body):
    async with behind(tmp_path, Reply(body)) as (whole, service):
        cause = "Please sign in" if body else "the answer is not JSON"
        await whole.until(lambda: waits_because(whole, f"{service.url}/rest", cause))
    assert await whole.dead() == {}
    assert enriched(whole) == EVENTS


@pytest.mark.incident("STR-61")
async def test_events_wait_while_the_api_is_not_at_its_address(tmp_path):
    async with behind(tmp_path, Reply({"detail": "Not Found"}, 404)) as (whole, service):
        hint = f"check claimx.api.base_url, which is '{service.url}/rest'"
        await whole.until(lambda: waits_because(whole, hint))
    dead = sum((await whole.dead()).values())
    assert enriched(whole) + dead == EVENTS
    assert dead < SUBJECTS, "those that came alone, before there was anything to compare"
