import asyncio
import time

import httpx
import pytest

from claimx_pipeline.simulator.faults import Fault, FaultPlan
from claimx_pipeline.simulator.server import SimulatorServer
from claimx_pipeline.simulator.world import World
from tests.fakes.virtual_clock import VirtualClock
from tests.rigs.until import until

API = "/service/cxedirest"


def project_path(sim):
    return f"/export/project/{sim.world.events(1)[0].project_id}"


async def test_an_error_is_answered_at_the_rate_that_was_set(sim, api):
    sim.faults.add(Fault(kind="error", rate=0.3, status=502))
    statuses = [(await api.get(project_path(sim))).status_code for _ in range(200)]
    assert set(statuses) == {200, 502}
    assert 30 < statuses.count(502) < 90


async def test_a_fault_concerns_only_its_path_and_method(sim, api, outside):
    sim.faults.add(Fault(kind="error", path=f"{API}/data", method="POST"))
    assert (await api.get(project_path(sim))).status_code == 200
    assert (await api.post("/data", json={})).status_code == 503
    assert (await api.get("/data")).status_code == 405
    assert (await outside.post("/webhooks/a")).status_code == 200


async def test_a_fault_ends_after_the_times_it_was_set_for(sim, api):
    sim.faults.add(Fault(kind="error", times=2))
    statuses = [(await api.get(project_path(sim))).status_code for _ in range(3)]
    assert statuses == [503, 503, 200]
    assert not sim.faults.all()


async def test_a_fault_can_be_lifted(sim, api):
    number = sim.faults.add(Fault(kind="error"))
    assert (await api.get(project_path(sim))).status_code == 503
    assert sim.faults.remove(number)
    assert not sim.faults.remove(number)
    assert (await api.get(project_path(sim))).status_code == 200


async def test_throttling_says_when_to_come_back(sim, api):
    sim.faults.add(Fault(kind="throttle", seconds=6.2))
    answer = await api.get(project_path(sim))
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")


async def test_latency_lets_wait(sim):
    clock = VirtualClock()
    world = World()
    world.set_clock(world.end(1))
    async with SimulatorServer(world, clock=clock) as slow, httpx.AsyncClient() as client:
        slow.faults.add(Fault(kind="latency", seconds=300))
        asking = asyncio.create_task(client.post(f"{slow.url}/webhooks/a"))
        await until(lambda: slow.requests.in_flight == 1)
        await clock.advance(299)
        assert slow.requests.total == 0
        await clock.advance(1)
        assert (await asking).status_code == 200
        assert slow.requests.find()[0].seconds == 300


async def test_latency_is_drawn_between_its_bounds():
    plan = FaultPlan(seed=1)
    waits = [plan.wait_of(Fault(kind="latency", seconds=0.2, seconds_most=0.5)) for _ in range(50)]
    assert 0.2 <= min(waits) < 0.3
    assert 0.4 < max(waits) <= 0.5


async def test_half_an_answer_cuts_the_connection(sim, api):
    sim.faults.add(Fault(kind="half_body", times=1))
    with pytest.raises(httpx.RemoteProtocolError):
        await api.get(project_path(sim))
    assert (await api.get(project_path(sim))).status_code == 200


async def test_half_an_answer_comes_after_the_work_was_done(sim, outside):
    sim.faults.add(Fault(kind="half_body", path="/itel", times=1))
    headers = {"Authorization": "Bearer demo-itel-token", "Idempotency-Key": "k"}
    with pytest.raises(httpx.RemoteProtocolError):
        await outside.post("/itel/api/v1/tasks", json={"a": 1}, headers=headers)
    again = await outside.post("/itel/api/v1/tasks", json={"a": 1}, headers=headers)
    assert again.status_code == 200
    assert len(sim.submissions) == 1
    assert [request.whole for request in sim.requests.find("/itel")] == [False, True]
    assert sim.faults.met == {"half_body": 1}


async def test_half_a_large_file_arrives():
    world = World(seed=7)
    world.set_clock(world.end(50))
    size = 3_000_000
    async with SimulatorServer(world, media_bytes=size) as large, httpx.AsyncClient() as client:
        event = next(event for event in world.events(50) if event.media_id)
        media = world.file(event.media_id)
        link = large.simulation.links.s3_link(media, large.simulation.clock.now())
        large.faults.add(Fault(kind="half_body", path="/media"))
        received = []
        with pytest.raises(httpx.RemoteProtocolError):
            await read_into(received, client, link)
        assert 0 < sum(received) < size


async def read_into(received, client, link):
    async with client.stream("GET", link) as answer:
        async for piece in answer.aiter_bytes():
            received.append(len(piece))


async def test_wrong_types_are_json_of_another_shape(sim, api):
    sim.faults.add(Fault(kind="wrong_types", times=1))
    path = project_path(sim)
    wrong, right = [(await api.get(path)).json()["data"]["project"] for _ in range(2)]
    assert wrong.keys() == right.keys()
    assert wrong["projectId"] == [right["projectId"]]
    assert wrong["status"] == {"text": right["status"]}


async def test_expired_links_are_handed_out(sim, api, outside):
    path = f"{project_path(sim)}/media"
    sim.faults.add(Fault(kind="expired_links", path=API, times=1))
    for status in (403, 302):
        link = (await api.get(path)).json()["data"][0]["fullDownloadLink"]
        assert (await outside.get(link)).status_code == status


async def test_a_link_that_holds_can_be_refused_as_expired(sim, api, outside):
    link = (await api.get(f"{project_path(sim)}/media")).json()["data"][0]["fullDownloadLink"]
    sim.faults.add(Fault(kind="expired_links", path="/media/s3"))
    assert (await outside.get(link)).status_code == 302
    refused = await outside.get(link, follow_redirects=True)
    assert (refused.status_code, refused.headers["content-type"]) == (403, "application/xml")


async def test_a_black_hole_takes_the_request_and_never_answers(sim, api):
    sim.faults.add(Fault(kind="black_hole", times=1))
    with pytest.raises(httpx.ReadTimeout):
        await api.get(project_path(sim), timeout=0.2)
    await until(lambda: sim.requests.find(status=None))
    (swallowed,) = [request for request in sim.requests.find() if request.status is None]
    assert swallowed.path.endswith(project_path(sim))
    assert (await api.get(project_path(sim))).status_code == 200


async def test_a_black_hole_does_not_keep_the_server_from_ending():
    begun = time.monotonic()
    async with httpx.AsyncClient() as client:
        async with SimulatorServer(World()) as sim:
            sim.faults.add(Fault(kind="black_hole"))
            asking = asyncio.create_task(client.get(f"{sim.url}/webhooks/a"))
            await until(lambda: sim.requests.in_flight == 1)
        await asyncio.gather(asking, return_exceptions=True)
    assert time.monotonic() - begun < 1.5


@pytest.mark.parametrize("turns", [0, 1, 2, 5])
async def test_the_server_ends_while_a_file_stalls(turns):
    """Its end may come any number of turns of the loop after the stall was ended."""
    world = World(seed=7)
    world.set_clock(world.end(50))
    async with httpx.AsyncClient() as client, SimulatorServer(world) as sim:
        media = next(world.file(event.media_id) for event in world.events(50) if event.media_id)
        sim.faults.add(Fault(kind="stall", path="/media/s3"))
        link = sim.simulation.links.s3_link(media, sim.simulation.clock.now())
        async with client.stream("GET", link) as answer:
            pieces = answer.aiter_bytes()
            received = len(await anext(pieces))
            assert 0 < received < int(answer.headers["content-length"])
            sim.simulation.closing.set()
            for _ in range(turns):
                await asyncio.sleep(0)
            await sim.__aexit__(None, None, None)
            with pytest.raises(httpx.RemoteProtocolError):
                await anext(pieces)


async def test_control_is_spared(sim, outside):
    sim.faults.add(Fault(kind="error"))
    assert (await outside.get("/_control/clock")).status_code == 200


def test_the_same_seed_draws_the_same_faults():
    def drawn():
        plan = FaultPlan(seed=3)
        plan.add(Fault(kind="error", rate=0.5))
        return [bool(plan.draw("GET", "/a")) for _ in range(50)]

    assert drawn() == drawn()
    assert set(drawn()) == {True, False}


@pytest.mark.parametrize(
    "wrong", [{"kind": "eror"}, {"rate": 1.1}, {"seconds": -1}, {"status": 200}, {"times": 0}]
)
def test_a_fault_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Fault(**{"kind": "error", **wrong})
