"""A whole pipeline at work, and what its health and its metrics say of it."""

import asyncio
import json
import re
from http import HTTPStatus

import pytest

from claimx_pipeline import OutRecord
from tests.pages.metrics import served
from tests.rigs import topics
from tests.rigs.monitored import Monitored, monitored

pytestmark = pytest.mark.plugin

FAST = {"claimx.api.breaker_open_seconds": "1", "claimx.api.max_retries": "0"}


async def lags(run: Monitored, **labels: str) -> set[tuple[str, str]]:
    """Return causes of lag, each with what it is about."""
    return {
        (dict(has)["cause"], dict(has)["what"])
        for (name, has), value in (await run.samples()).items()
        if name == "claimx_consumer_lag_cause" and value and has >= set(labels.items())
    }


async def test_work_that_is_done_shows_in_every_area(tmp_path):
    async with monitored(tmp_path) as run:
        await run.whole.publish(40)
        await run.whole.idle()
        await run.until_value(lambda n: n == 0, "claimx_consumer_lag_records")
        await run.until_value(lambda n: n > 0, "claimx_table_files", table="claimx_projects")
        samples = await run.samples()
        value = run.value
        assert await value("claimx_records_received_total", worker="ingest") == 40
        topic = "claimx.enrichment.pending"
        assert await value("claimx_records_published_total", topic=topic) == 40
        assert await value("claimx_topic_records", topic="claimx.events.raw") == 40
        assert await value("claimx_consumer_offset", worker="events") == 40
        for phase in ("poll", "process", "publish", "commit"):
            name = "claimx_batch_phase_duration_seconds_count"
            assert await value(name, worker="ingest", phase=phase), phase
        assert await value("claimx_table_commits_total", outcome="committed")
        assert await value("claimx_requests_total", connection="claimx", status_class="2xx")
        assert await value("claimx_cache_requests_total", cache="claimx", outcome="miss")
        assert await value("claimx_connection_breaker_state", connection="claimx", state="closed")
        assert await value("claimx_connection_requests_limit", connection="claimx") > 0
        assert await value("claimx_plugin_info", plugin="itel_cabinet_trigger") == 1
        assert await value("claimx_embedded_broker_file_bytes", file="topics") > 0
        assert await value("claimx_event_loop_lag_seconds_count") > 0
        assert await value("claimx_worker_state", worker="ingest", state="ready") == 1
        assert not await value("claimx_answer_drift_total"), "the simulator answers as ClaimX does"
        assert not [name for name, _ in samples if name.endswith("_created")]
        endpoints = {dict(has).get("endpoint", "") for _, has in samples}
        assert not [each for each in endpoints if re.search(r"[0-9]{3}", each)], "an id"


async def test_the_predecessors_names_agree_with_ours(tmp_path):
    async with monitored(tmp_path) as run:
        await run.whole.publish(200)
        await run.whole.idle()
        samples = {name: value for (name, has), value in (await run.samples()).items() if not has}
        former = [each.name for each in served() if each.name.startswith("itel_")]
        assert len(former) == 19
        for name in former:
            one = name if name.endswith("_total") else f"{name}_count"
            assert (samples[one] > 0) is ("error" not in name and "failed" not in name), one
        topic = "itel.cabinet.task.tracking"
        ours = await run.value("claimx_records_published_total", topic=topic)
        assert samples["itel_plugin_events_published_total"] == ours
        assert samples["itel_plugin_events_triggered_total"] == ours
        both = [await run.value("claimx_records_received_total", worker=f"itel-{name}")
                for name in ("tracking", "api")]  # fmt: skip
        assert samples["itel_worker_messages_consumed_total"] == sum(both)
        assert (
            await run.value("claimx_requests_total", connection="itel_cabinet_api")
            == (samples["itel_api_worker_api_calls_total"])
        )


async def test_the_predecessors_names_can_be_switched_off(tmp_path):
    async with monitored(tmp_path, overrides={"itel_cabinet.former_metrics": "false"}) as run:
        assert not [name for name, _ in await run.samples() if name.startswith("itel_")]


async def test_a_service_that_fails_is_the_cause_of_the_lag_and_of_the_state(tmp_path):
    """Lag, health and breaker agree on what is waited for, and all of it passes."""
    async with monitored(tmp_path, overrides=FAST, workers=["ingest", "enrichment"]) as run:
        run.whole.simulator.simulation.api_token = "another"
        await run.whole.publish(20)
        await run.until_value(lambda n: n == 20, "claimx_records_waiting", worker="enrichment")
        waiting = ("waiting", "connection claimx")

        async def seen() -> bool:
            return waiting in await lags(run, worker="enrichment")

        while not await seen():
            await asyncio.sleep(0.1)
        first = await run.value("claimx_consumer_lag_seconds", worker="enrichment")
        later = await run.value("claimx_consumer_lag_seconds", worker="enrichment")
        assert 0 < first < later, "counted up to the scrape"
        status, said = await run.health()
        assert status == HTTPStatus.SERVICE_UNAVAILABLE
        (reason,) = said["reasons"]["enrichment"]
        assert reason["what"] == "connection claimx"
        assert "credential" in reason["text"]
        assert (await run.health("/health/ready/ingest"))[0] == HTTPStatus.OK
        assert (await run.health("/health/ready/enrichment"))[0] == status
        what = {"worker": "enrichment", "what": "connection claimx"}
        assert await run.value("claimx_worker_reason", **what) == 1
        run.whole.simulator.simulation.api_token = "demo-token"
        await run.whole.idle()
        await run.until_value(lambda n: n == 0, "claimx_consumer_lag_records", worker="enrichment")
        assert not await lags(run, worker="enrichment")
        assert (await run.health())[0] == HTTPStatus.OK


async def test_a_worker_that_runs_nowhere_is_seen_by_the_one_of_retries(tmp_path):
    async with monitored(tmp_path, workers=["ingest", "retry"]) as run:
        await run.whole.publish(5)
        lag = "claimx_consumer_lag_records"
        await run.until_value(lambda n: n == 5, lag, worker="enrichment")
        assert await lags(run, worker="enrichment") == {("no_member", "")}
        assert await run.value("claimx_topic_records", topic="claimx.enrichment.pending") == 5


async def test_without_the_worker_of_retries_only_own_groups_are_looked_at(tmp_path):
    async with monitored(tmp_path, workers=["ingest"]) as run:
        await run.whole.publish(5)
        await run.until_value(lambda n: n == 5, "claimx_consumer_offset", worker="ingest")
        found = {dict(has)["worker"] for name, has in await run.samples() if "consumer_lag" in name}
        assert found == {"ingest"}


async def test_what_waits_in_a_retry_topic_and_what_died_is_seen(tmp_path):
    workers = ["ingest", "enrichment", "retry"]
    async with monitored(tmp_path, overrides=FAST, workers=workers) as run:
        event = json.dumps({"eventType": "PROJECT_CREATED", "projectId": "no number",
                            "ingestedAt": "2026-01-15T12:00:00Z"})  # fmt: skip
        raw = run.whole.pipeline.topology.physical("claimx.events.raw")
        record = OutRecord(raw, event.encode())
        bad = OutRecord(raw, b"{")
        await topics.publish(run.whole.pipeline.broker(), [record, bad])
        await run.until_value(lambda n: n >= 1, "claimx_dead_letters_total", kind="record")
        await run.until_value(lambda n: n >= 1, "claimx_dead_letters_stored")
        status, said = await run.health()
        assert (status, said["status"]) == (HTTPStatus.OK, "degraded")
        states = {name for name, state in said["workers"].items() if state.startswith("degraded")}
        assert states
        for worker in states:
            assert await run.value("claimx_worker_state", worker=worker, state="degraded") == 1
