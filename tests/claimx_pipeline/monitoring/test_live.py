"""A real Prometheus: every alert fires while its fault is there, every panel has an answer.

Runs by ``nox -s monitoring``, which prints the answers. Windows of minutes are those of promtool's
tests; here the same rules have windows of seconds.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from http import HTTPStatus

import pytest

from claimx_pipeline import OutRecord
from claimx_pipeline.clock import SystemClock
from claimx_pipeline.monitoring.prometheus import rules
from claimx_pipeline.settings.tree.health import HealthSettings
from claimx_pipeline.simulator.faults import Fault
from claimx_pipeline.telemetry.health import Health
from claimx_pipeline.telemetry.metrics import Metrics
from claimx_pipeline.telemetry.server import HealthServer
from tests.claimx_pipeline.monitoring.faulty_process import FaultyProcess
from tests.pages.monitoring import found
from tests.rigs import topics
from tests.rigs.monitored import Monitored, monitored
from tests.rigs.prometheus import Prometheus, prometheus

pytestmark = [pytest.mark.plugin, pytest.mark.monitoring]

MONITORING = found()
HASTY = rules(MONITORING.alerts, "runbooks", hasty=True)
EVERY = {alert.name for alert in MONITORING.alerts}


async def until_firing(server: Prometheus, wanted: set[str], seconds: float = 120) -> None:
    """Wait until each of *wanted* has fired, at once or one after the other."""
    seen: set[str] = set()

    async def all_seen() -> bool:
        now = await server.firing() & wanted
        for name in sorted(now - seen):
            print(f"fires: {name}")
        seen.update(now)
        return seen == wanted

    await poll(all_seen, seconds, lambda: f"never fired: {sorted(wanted - seen)}")


async def until_resolved(server: Prometheus, wanted: set[str], seconds: float = 180) -> None:
    """Wait until none of *wanted* fires."""
    left: set[str] = set()

    async def none_left() -> bool:
        nonlocal left
        left = await server.firing() & wanted
        return not left

    await poll(none_left, seconds, lambda: f"still fires: {sorted(left)}")
    print(f"resolved: all {len(wanted)}")


async def poll(
    condition: Callable[[], Awaitable[bool]], seconds: float, why: Callable[[], str]
) -> None:
    deadline = asyncio.get_running_loop().time() + seconds
    while not await condition():
        assert asyncio.get_running_loop().time() < deadline, why()
        await asyncio.sleep(0.5)


async def test_each_alert_fires_when_its_fault_is_there_and_resolves_after(tmp_path):
    clock, metrics = SystemClock(), Metrics()
    health = Health(clock)
    metrics.watch(health)
    settings = HealthSettings()
    server, other = HealthServer(settings, health, metrics), HealthServer(settings, health, metrics)
    await server.start()
    await other.start()
    targets = [f"127.0.0.1:{each.port}" for each in (server, other)]
    process = FaultyProcess(metrics, health)
    working = asyncio.create_task(process.run())
    try:
        async with prometheus(tmp_path / "prometheus", targets, HASTY) as watching:
            await asyncio.sleep(20)  # a past to compare with
            assert await watching.firing() == set()
            process.faulty = True
            await other.close()
            down = asyncio.create_task(until_firing(watching, EVERY))
            await down
            assert await watching.rule_problems() == []
            process.faulty = False
            again = HealthServer(
                HealthSettings(port=int(targets[1].rpartition(":")[2])), health, metrics
            )
            await again.start()
            await until_resolved(watching, EVERY)
            await again.close()
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        await server.close()


FAST = {
    "claimx.api.max_retries": "0",
    "claimx.api.breaker_failures": "3",
    "claimx.api.breaker_open_seconds": "4",
}


@pytest.fixture
async def run(tmp_path):
    async with monitored(tmp_path / "pipeline", overrides=FAST) as running:
        yield running


@pytest.fixture(autouse=True)
def _folder(tmp_path):
    (tmp_path / "pipeline").mkdir()


async def published(run: Monitored, values: list[bytes]) -> None:
    raw = run.whole.pipeline.topology.physical("claimx.events.raw")
    records = [OutRecord(raw, value, str(number).encode()) for number, value in enumerate(values)]
    await topics.publish(run.whole.pipeline.broker(), records)


async def test_faults_of_a_running_pipeline_fire_their_alerts(run, tmp_path):
    """An API that answers 503, then records that cannot be read; and the end of both."""
    target = f"127.0.0.1:{run.server.port}"
    async with prometheus(tmp_path / "prometheus", [target], HASTY) as watching:
        await run.whole.publish(60)
        await run.whole.idle()
        faults = run.whole.simulator.simulation.faults
        number = faults.add(Fault(kind="error", path="/", status=503))
        await run.whole.publish(120)
        wanted = {"ClaimxBreakerOpen", "ClaimxWorkerNotReady", "ClaimxWorkerStalled"}
        await until_firing(watching, wanted)
        status, _ = await run.health()
        assert status == HTTPStatus.SERVICE_UNAVAILABLE
        faults.remove(number)
        await run.whole.idle(120)
        await until_resolved(watching, wanted)

        wanted = {"ClaimxDeadLettersRapid", "ClaimxDeadLettersGrowing", "ClaimxErrorRateHigh",
                  "ClaimxWorkerDegraded"}  # fmt: skip
        stop = asyncio.Event()
        good = [json.dumps(each.value).encode() for each in run.whole.world.events(5)]

        async def rubbish() -> None:
            while not stop.is_set():
                await published(run, [b"{", *good])
                await asyncio.sleep(0.2)

        throwing = asyncio.create_task(rubbish())
        await until_firing(watching, wanted)
        assert (await run.health())[0] == HTTPStatus.OK, "degraded, and ready all the same"
        stop.set()
        await throwing
        # The worker remembers failures for 5 minutes, which is not a window of the rules.
        await until_resolved(watching, wanted - {"ClaimxWorkerDegraded"})


MAY_BE_EMPTY = {
    "claimx-overview: Workers that are not ready",
    "claimx-overview: What workers wait for",
    "claimx-overview: Records that wait here",
    "claimx-lag: Why groups are behind",
    "claimx-lag: Lag by partition",
    "claimx-enrichment: Renewals of credentials",
    "claimx-enrichment: Fields that are new or different",
    "claimx-enrichment: Refused by breakers",
    "claimx-retries: Retries by category",
    "claimx-tables: Conflicts",
    "itel-plugin: Answers of forms that do not fit",
    "itel-api: Forms not sent",
    "itel-api: iTel failures",
    "itel-plugin: Events that the trigger failed on",
    "claimx-media: Share of failures",
    "claimx-enrichment: Share of failures",
}
"""Panels that show faults, of which there are none here."""


async def test_every_panel_has_an_answer_under_load(run, tmp_path):
    """Each query is run as Grafana runs it, and its answer printed."""
    target = f"127.0.0.1:{run.server.port}"
    async with prometheus(tmp_path / "prometheus", [target]) as watching:
        await run.whole.publish(100)
        await asyncio.sleep(4)
        await run.whole.publish(300)
        await published(run, [b"{"])
        await asyncio.sleep(4)
        empty = []
        for dashboard in MONITORING.dashboards:
            for panel in dashboard.panels:
                where, found = f"{dashboard.uid}: {panel.title}", []
                for query in panel.queries:
                    expr = query.expr.replace("$__rate_interval", "1m").replace("$worker", ".*")
                    found += await watching.query(expr)
                print(where, shown(found))
                if not found and where not in MAY_BE_EMPTY:
                    empty.append(where)
        assert not empty


def shown(found: list[dict]) -> str:
    """Return an answer in a line."""
    values = [
        f"{' '.join(each['metric'].values()) or '-'}={float(each['value'][1]):.3g}"
        for each in found
    ]
    more = f" … {len(values)} series" if len(values) > 4 else ""
    return (", ".join(values[:4]) or "nothing") + more
