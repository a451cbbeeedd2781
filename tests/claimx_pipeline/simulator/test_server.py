import asyncio
import time

import httpx
import pytest

from claimx_pipeline.errors import ClaimxError
from claimx_pipeline.simulator.server import SimulatorServer
from claimx_pipeline.simulator.world import World


async def test_it_says_where_its_services_are(sim):
    assert sim.url.startswith("http://127.0.0.1:")
    assert sim.api_url == f"{sim.url}/service/cxedirest"
    assert sim.itel_url == f"{sim.url}/itel"


async def test_a_taken_port_is_one_sentence(sim):
    port = int(sim.url.rsplit(":", 1)[1])
    with pytest.raises(ClaimxError, match=f"port {port} .* is taken; choose another"):
        async with SimulatorServer(World(), port=port):
            pytest.fail("it listens on a taken port")


async def test_an_address_of_another_machine_is_one_sentence():
    with pytest.raises(ClaimxError, match=r"cannot listen on 192\.0\.2\.1"):
        async with SimulatorServer(World(), host="192.0.2.1"):
            pytest.fail("it listens on another machine's address")


async def test_it_ends_at_once_while_clients_keep_their_connections():
    async with httpx.AsyncClient() as client:
        async with SimulatorServer(World()) as sim:
            assert (await client.post(f"{sim.url}/webhooks/a")).status_code == 200
            begun = time.monotonic()
        assert time.monotonic() - begun < 1
        with pytest.raises(httpx.ConnectError):
            await client.post(f"{sim.url}/webhooks/a")


async def test_it_comes_back_where_it_was_after_an_outage():
    sim = SimulatorServer(World())
    urls = set()
    async with httpx.AsyncClient() as client:
        for _ in range(2):
            async with sim:
                urls.add(sim.url)
                await client.post(f"{sim.url}/webhooks/a")
    assert len(urls) == 1
    assert sim.requests.total == 2


async def test_two_servers_run_beside_each_other():
    async with SimulatorServer(World(1)) as one, SimulatorServer(World(2)) as other:
        assert one.url != other.url


async def test_the_most_requests_at_once_are_counted(sim, outside):
    await asyncio.gather(*(outside.post(f"/webhooks/{n}", json={}) for n in range(8)))
    assert sim.requests.total == 8
    assert 1 <= sim.requests.most_in_flight <= 8
    assert sim.requests.in_flight == 0


async def test_answers_do_not_wait_for_delayed_acknowledgements(sim, outside):
    await outside.post("/webhooks/warm", json={})
    begun = time.monotonic()
    for _ in range(20):
        await outside.post("/webhooks/a", json={})
    assert time.monotonic() - begun < 20 * 0.03


async def test_the_log_keeps_the_latest_and_counts_all(sim, outside):
    small = type(sim.requests)(limit=2)
    for request in range(3):
        await outside.post(f"/webhooks/{request}", json={})
    for recorded in sim.requests.find("/webhooks"):
        small.add(recorded)
    assert [recorded.path for recorded in small.find()] == ["/webhooks/1", "/webhooks/2"]
    assert small.total == 3
