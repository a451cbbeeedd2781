"""Services go away and come back: nothing is lost, doubled or dead, nobody has to help."""

import asyncio

import pytest

from claimx_pipeline.simulator.faults import Fault
from tests.faults.evidence import Evidence, judge_files
from tests.promises.how_to import Terminal, blocks
from tests.rigs.whole_pipeline import SETTINGS, WholePipeline, whole_pipeline

EVENTS = 80
KINDS = (
    "projects",
    "contacts",
    "media",
    "tasks",
    "task_templates",
    "external_links",
    "video_collab",
)


@pytest.fixture
async def whole(tmp_path):
    async with whole_pipeline(tmp_path) as running:
        yield running


async def assert_complete(whole: WholePipeline) -> None:
    """Every table holds exactly what the world has, each event is logged once, none is dead."""
    expected = whole.world.expected(EVENTS)
    for kind in KINDS:
        found = whole.keys(kind)
        assert len(found) == len(set(found)), f"{kind}: a key has two rows"
        assert set(found) == expected[kind], kind
    counted = whole.rows("SELECT count(*) AS n, count(DISTINCT event_id) AS ids FROM claimx_events")
    assert counted == [{"n": EVENTS, "ids": EVENTS}]
    outcomes = whole.rows("SELECT DISTINCT outcome FROM claimx_event_log")
    assert outcomes == [{"outcome": "enriched"}]
    assert await whole.dead() == {}
    completed = {assignment for assignment, _ in whole.world.expected_submissions(EVENTS)}
    assert len(whole.simulator.submissions) == len(completed)
    evidence = Evidence()
    await judge_files(whole, evidence)
    assert evidence.wrong == []
    stored = whole.rows("SELECT media_id FROM claimx_attachments WHERE status = 'completed'")
    assert {row["media_id"] for row in stored} == whole.world.expected_files(EVENTS).keys()


@pytest.mark.incident("API-06")
async def test_an_api_that_is_down_holds_the_events_until_it_is_back(whole):
    whole.simulator.faults.add(Fault(kind="error", path="/service"))
    whole.start()
    await whole.publish(EVENTS)
    await whole.until(
        lambda: "503" in str(whole.health.ready()[1]) or "open" in str(whole.health.ready()[1])
    )
    assert not whole.health.ready()[0]
    whole.simulator.faults.clear()
    await whole.idle()
    await assert_complete(whole)
    assert whole.health.ready()[0]


@pytest.mark.incident("API-03")
async def test_a_refused_credential_holds_the_events_and_kills_none(whole):
    right = whole.simulator.simulation.api_token
    whole.simulator.simulation.api_token = "changed"
    whole.start()
    await whole.publish(EVENTS)
    await whole.until(lambda: "401" in str(whole.health.ready()[1]))
    whole.simulator.simulation.api_token = right
    await whole.idle()
    await assert_complete(whole)


async def test_a_credential_that_is_rotated_needs_no_restart(tmp_path):
    """The commands of the runbook's page, while the old credential is refused already."""
    rotate = next(b for b in blocks("how-to/operate/rehearse.md") if "NEW_TOKEN" in b)
    file = tmp_path / "claimx.token"
    file.write_text("demo-token\n")
    settings = SETTINGS.replace("token: demo-token", f"token_file: {file}")
    async with whole_pipeline(tmp_path, settings=settings) as whole:
        whole.start()
        await whole.publish(EVENTS // 2)
        await whole.idle()
        whole.simulator.simulation.api_token = "rotated-token"
        await whole.publish(EVENTS)
        await whole.until(lambda: "401" in str(whole.health.ready()[1]))
        terminal = Terminal(tmp_path)
        await asyncio.to_thread(terminal.type, f"export NEW_TOKEN=rotated-token\n{rotate}")
        await whole.idle(90)
        await assert_complete(whole)
        assert whole.health.ready()[0]


async def test_an_api_that_stumbles_is_asked_again(whole):
    """A fifth of all calls fail: with 500, throttled, cut in the middle of the answer."""
    for kind in ("error", "throttle", "half_body"):
        whole.simulator.faults.add(Fault(kind=kind, path="/service", rate=0.07, seconds=0.2))
    whole.start()
    await whole.publish(EVENTS)
    await whole.until(lambda: sum(whole.simulator.requests.statuses.values()) > 20)
    await whole.idle(90)
    await assert_complete(whole)


async def test_itel_down_hurts_nobody_else(whole):
    whole.simulator.faults.add(Fault(kind="error", path="/itel"))
    whole.start()
    await whole.publish(EVENTS)

    def tracked() -> bool:
        counted = whole.rows("SELECT count(*) AS n FROM itel_cabinet_task_tracking")
        return counted[0]["n"] > 0

    await whole.until(lambda: "itel-api" in str(whole.health.ready()[1]) and tracked())
    assert len(whole.simulator.submissions) == 0
    whole.simulator.faults.clear()
    await whole.idle()
    await assert_complete(whole)


@pytest.mark.incident("MED-03")
@pytest.mark.incident("MED-04")
async def test_a_media_host_that_stumbles_costs_no_file_and_holds_up_nothing_else(tmp_path):
    """Files fail in every way until all claims are told; then each of them is fetched."""
    quick = {"media.breaker_open_seconds": "0.5", "media.backoff_seconds": "0.05"}
    async with whole_pipeline(tmp_path, overrides=quick) as whole:
        faults = whole.simulator.faults
        for kind in ("error", "half_body", "empty_file", "error_page"):
            faults.add(Fault(kind=kind, path="/media/s3", rate=0.3, status=500))
        whole.start()
        await whole.publish(EVENTS)
        told = "SELECT count(*) AS n FROM claimx_event_log WHERE outcome = 'enriched'"
        await whole.until(lambda: whole.rows(told) == [{"n": EVENTS}], 90)
        faults.clear()
        await whole.idle(90)
        await assert_complete(whole)
