"""``status``: workers, lag, retries, dead letters and tables as the broker and probes say."""

from datetime import timedelta

import pytest

from claimx_pipeline import operations
from claimx_pipeline.cli.status_screen import WIDTH, screen
from claimx_pipeline.errors import UsageError
from claimx_pipeline.operations.topics import open_admin
from claimx_pipeline.telemetry.health import Health
from claimx_pipeline.telemetry.metrics import Metrics
from claimx_pipeline.telemetry.server import HealthServer

RAW = "claimx.events.raw"
OUT = """
workers:
  mine:
    input_topic: claimx.events.raw
    enrichment_handlers: [{type: transform, config: {mappings: {a: b}}}]
    success_topic: acme.out
"""


@pytest.fixture
async def ready(load):
    pipeline = load("health: {port: 0}\n")
    await operations.create_topics(pipeline)
    return pipeline


def of(status, worker):
    return next(each for each in status.workers if each.worker == worker)


async def test_what_nothing_has_read_is_lag_with_the_age_of_the_oldest(ready):
    before = ready.clock.now()
    await operations.publish(ready, RAW, [{"n": n} for n in range(5)], keys=list("abcde"))
    status = await operations.look_at_status(ready)
    ingest = of(status, "ingest")
    assert (ingest.lag, ingest.members, ingest.state) == (5, 0, "not running")
    assert before - timedelta(seconds=1) <= ingest.oldest <= status.at
    assert of(status, "enrichment").lag == 0


async def test_what_a_group_commits_between_two_looks_is_its_rate(ready):
    await operations.publish(ready, RAW, [{"n": n} for n in range(8)], keys=["k"] * 8)
    first = await operations.look_at_status(ready)
    async with open_admin(ready) as admin:
        (number,) = [at for at, end in (await admin.end_offsets(RAW)).items() if end]
        await admin.commit_offsets(of(first, "ingest").group, RAW, {number: 6})
    second = await operations.look_at_status(ready, first)
    seconds = (second.at - first.at).total_seconds()
    assert of(second, "ingest").rate == pytest.approx(6 / seconds)
    assert (of(second, "ingest").lag, of(second, "events").rate) == (2, 0)
    assert of(first, "ingest").rate is None


async def test_it_says_what_the_probes_of_a_process_say(load):
    pipeline = load()
    health = Health(pipeline.clock)
    health.member("ingest").ready()
    waiting = health.member("enrichment")
    waiting.ready()
    waiting.waits_for("claimx_api", "claimx_api does not answer")
    server = HealthServer(pipeline.settings.health, health, Metrics())
    await server.start()
    try:
        url = f"http://127.0.0.1:{server.port}"
        await operations.create_topics(pipeline)
        status = await operations.look_at_status(pipeline, probes=[url])
        found = await operations.look_at_status(pipeline)
    finally:
        await server.close()
    assert (of(status, "ingest").state, status.ready) == ("ready", health.ready()[0])
    enrichment = of(status, "enrichment")
    assert (enrichment.state, enrichment.reason) == ("waiting", "claimx_api does not answer")
    assert url in found.probes, "the processes of this machine are found without being named"


@pytest.mark.parametrize("url", ["ftp://x", "http://[", "http://"])
async def test_an_address_that_is_not_valid_is_refused(ready, url):
    with pytest.raises(UsageError, match="http://HOST:PORT"):
        await operations.look_at_status(ready, probes=[url])


async def test_an_output_that_nothing_reads_is_warned_of_until_a_group_reads_it(load):
    pipeline = load(OUT)
    await operations.create_topics(pipeline)
    (unread,) = await operations.unread_outputs(pipeline)
    assert str(unread).startswith("nothing reads topic 'acme.out', which mine writes")
    assert [each for each in (await operations.look_at_status(pipeline)).warnings if "acme" in each]
    assert await operations.unread_outputs(pipeline, ["ingest"]) == []
    async with open_admin(pipeline) as admin:
        await admin.commit_offsets("of-another-program", "acme.out", {0: 0})
    assert await operations.unread_outputs(pipeline) == []


async def test_the_screen_is_eighty_columns_wide_whatever_is_in_it(load):
    pipeline = load(OUT.replace("acme.out", "acme." + "out." * 30 + "x"))
    await operations.create_topics(pipeline)
    status = await operations.look_at_status(pipeline)
    shown = screen(status)
    assert max(map(len, shown.splitlines()[:-3])) <= WIDTH
    assert "no dead letters" in shown
    assert "claimx_projects" in shown
    assert status.as_json()["workers"][0]["worker"] == "ingest"
