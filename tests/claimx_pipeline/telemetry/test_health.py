"""The probes and the metrics, over real HTTP."""

import asyncio
import json
import socket
import threading
import urllib.error
import urllib.request

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from claimx_pipeline import SettingsError
from claimx_pipeline.clock import SystemClock
from claimx_pipeline.delta.thread import TableThread
from claimx_pipeline.settings.tree.health import HealthSettings
from claimx_pipeline.telemetry.health import Health
from claimx_pipeline.telemetry.metrics import Metrics
from claimx_pipeline.telemetry.server import HealthServer
from tests.fakes.virtual_clock import VirtualClock
from tests.rigs.delta_tables import PROJECTS, make_store, minutes


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
async def server(clock):
    running = HealthServer(HealthSettings(), Health(clock), Metrics())
    await running.start()
    yield running
    await running.close()


async def get(server: HealthServer, path: str) -> tuple[int, str]:
    def ask() -> tuple[int, str]:
        try:
            with urllib.request.urlopen(
                f"http://127.0.0.1:{server.port}{path}", timeout=5
            ) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    return await asyncio.to_thread(ask)


async def test_ready_once_every_worker_takes_records(server):
    server.health.expect("a")
    server.health.expect("b")
    server.health.member("a").ready()
    b = server.health.member("b")
    status, body = await get(server, "/health/ready")
    assert status == 503
    assert json.loads(body)["workers"] == {"a": "ready", "b": "starting"}
    b.ready()
    assert (await get(server, "/health/ready"))[0] == 200


async def test_the_paths_have_the_names_of_kubernetes_too(server):
    server.health.expect("a")
    for path, same in (("/healthz", "/health/live"), ("/readyz", "/health/ready")):
        assert await get(server, path) == await get(server, same)
    assert [(await get(server, path))[0] for path in ("/healthz", "/readyz")] == [200, 503]
    server.health.member("a").ready()
    assert (await get(server, "/readyz"))[0] == 200


async def test_a_worker_that_waits_says_for_what(server):
    first, second = server.health.member("a"), server.health.member("a")
    first.ready()
    second.ready()
    first.waits_for("parked", "the API answers 503")
    status, body = await get(server, "/health/ready")
    assert status == 503
    assert json.loads(body)["workers"]["a"] == "waiting: the API answers 503"
    second.waits_for("parked", "")
    assert (await get(server, "/health/ready"))[0] == 503, "one member speaks for itself only"
    first.waits_for("parked", "")
    assert (await get(server, "/health/ready"))[0] == 200


@pytest.mark.incident("LAT-12")
@pytest.mark.incident("REB-05")
async def test_not_live_when_a_loop_is_not_heard_of(server, clock):
    pulse, other = server.health.member("a"), server.health.member("a")
    pulse.ready()
    other.ready()
    await clock.advance(59)
    other.beat()
    assert (await get(server, "/health/live"))[0] == 200
    await clock.advance(2)
    status, body = await get(server, "/health/live")
    assert status == 503
    assert json.loads(body)["stuck"] == ["a"]
    pulse.beat()
    assert (await get(server, "/health/live"))[0] == 200


@pytest.mark.incident("REB-05")
@pytest.mark.incident("LAT-12")
async def test_a_long_batch_is_live_and_one_without_end_is_not(server, clock):
    """Four minutes are legitimate; the loop itself goes round meanwhile."""
    pulse = server.health.member("a")
    pulse.ready()
    pulse.step()
    await clock.advance(240)
    pulse.beat()
    assert (await get(server, "/health/live"))[0] == 200
    await clock.advance(61)
    pulse.beat()
    assert (await get(server, "/health/live"))[0] == 503
    pulse.rest()
    assert (await get(server, "/health/live"))[0] == 200


@pytest.mark.incident("REB-05")
@pytest.mark.incident("REB-07")
async def test_the_probe_answers_while_the_event_loop_stands_still(server, clock):
    """It says that the worker is stuck, instead of being silent itself."""
    server.health.member("a").ready()
    await clock.advance(61)
    answers = []

    def ask() -> None:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{server.port}/health/live", timeout=20)
        except urllib.error.HTTPError as error:
            with error:
                answers.append((error.code, json.loads(error.read())["stuck"]))

    asking = threading.Thread(target=ask)
    asking.start()
    asking.join()  # blocks the event loop on purpose
    assert answers == [(503, ["a"])]


@pytest.mark.incident("OBS-01")
async def test_metrics_are_served_as_prometheus_reads_them(server):
    server.metrics.worker("a", server.health).received(3)
    status, body = await get(server, "/metrics")
    assert status == 200
    assert 'claimx_records_received_total{worker="a"} 3.0' in body


async def test_another_path_is_not_found(server):
    assert (await get(server, "/"))[0] == 404


async def test_rubbish_does_not_hurt(server):
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"\x00\r\n\r\n")
    await reader.read()
    writer.close()
    await writer.wait_closed()
    assert (await get(server, "/health/live"))[0] == 200


async def test_without_a_port_the_next_free_one_is_taken(clock, server):
    second = HealthServer(HealthSettings(), Health(clock), Metrics())
    await second.start()
    assert second.port > server.port
    await second.close()


async def test_an_explicit_port_that_is_taken_is_an_error(clock):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            SettingsError, match=f"listen on port {port} of 127.0.0.1: Address already in use; "
        ):
            await HealthServer(HealthSettings(port=port), Health(clock), Metrics()).start()


async def test_port_0_listens_nowhere(clock):
    off = HealthServer(HealthSettings(port=0), Health(clock), Metrics())
    await off.start()
    assert off.port == 0
    await off.close()


@pytest.mark.incident("REB-07")
async def test_probes_are_answered_while_a_large_merge_runs(tmp_path):
    """The table library works on 200,000 rows in its thread; the server shares the loop."""
    store = make_store(tmp_path, {"projects": PROJECTS}, clock=SystemClock())
    rows = [
        {"project_id": str(n), "city": "Bern", "answered_at": minutes(0)} for n in range(200_000)
    ]
    schema = store.spec("projects").schema()
    data = pa.Table.from_pylist([{**row, "_bucket": 1} for row in rows], schema=schema)
    write_deltalake(store.open("projects"), data, mode="append")
    table, thread = store.open("projects"), TableThread("projects", 300)

    def merge() -> None:
        table.merge(
            data, "t.project_id = s.project_id", source_alias="s", target_alias="t"
        ).when_matched_update({"city": "s.city"}).execute()

    running = HealthServer(HealthSettings(), Health(SystemClock()), Metrics())
    await running.start()
    merging = asyncio.create_task(thread.run(merge))
    answered = 0
    while not merging.done():
        assert (await get(running, "/health/live"))[0] == 200
        answered += 1
    await merging
    thread.abandon()
    await running.close()
    # Were the interpreter kept, the first answer would come after the merge.
    assert answered >= 5


async def test_a_process_that_does_not_know_its_workers_yet_is_not_ready(server):
    """The server listens before the workers are started; a rollout must not go on by that."""
    assert await get(server, "/health/ready") == (503, '{"status":"not_ready","workers":{}}')
    assert (await get(server, "/health/live"))[0] == 200


@pytest.mark.skipif(not socket.has_ipv6, reason="this machine has no IPv6")
async def test_it_listens_on_an_address_of_ipv6(clock):
    running = HealthServer(HealthSettings(host="::1"), Health(clock), Metrics())
    await running.start()
    with socket.create_connection(("::1", running.port), timeout=5) as asked:
        asked.sendall(b"GET /health/live HTTP/1.0\r\n\r\n")
        status = await asyncio.to_thread(asked.recv, 100)
    assert b" 200 " in status
    await running.close()
