from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from claimx_pipeline.simulator.server import SimulatorServer
from claimx_pipeline.simulator.world import World
from tests.fakes.virtual_clock import VirtualClock


async def link_of(sim, extension="jpg"):
    event = next(
        event
        for event in sim.world.events(400)
        if event.media_id and sim.world.file(event.media_id).extension == extension
    )
    headers = {"Authorization": "Basic demo-token"}
    path = f"{sim.api_url}/export/project/{event.project_id}/media?mediaId={event.media_id}"
    async with httpx.AsyncClient() as client:
        (item,) = (await client.get(path, headers=headers)).json()["data"]
    return item["fullDownloadLink"]


def params(link):
    return {name: values[0] for name, values in parse_qs(urlsplit(link).query).items()}


async def test_a_claimx_link_redirects_to_s3(sim, outside):
    link = await link_of(sim)
    assert params(link).keys() == {"systemDate", "expires", "sign"}
    first = await outside.get(link)
    assert first.status_code == 302
    target = first.headers["location"]
    assert {"X-Amz-Date", "X-Amz-Expires", "X-Amz-Signature"} <= params(target).keys()
    file = await outside.get(target)
    assert (file.status_code, file.headers["content-type"]) == (200, "image/jpeg")
    assert file.content.startswith(b"\xff\xd8\xff")
    assert len(file.content) == int(file.headers["content-length"]) > 0


async def test_a_video_links_straight_to_s3(sim, outside):
    link = await link_of(sim, "mp4")
    assert "X-Amz-Date" in params(link)
    assert (await outside.get(link)).headers["content-type"] == "video/mp4"


async def test_a_file_has_the_same_bytes_at_all_times_and_another_has_others(sim, outside):
    link = await link_of(sim)
    one, again = [(await outside.get(link, follow_redirects=True)).content for _ in range(2)]
    other = (await outside.get(await link_of(sim, "pdf"), follow_redirects=True)).content
    assert one == again != other
    async with SimulatorServer(World(seed=7)) as twin:
        twin.world.set_clock(sim.world.now)
        copy = await outside.get(await link_of(twin), follow_redirects=True)
    assert copy.content == one


@pytest.mark.parametrize("size", [1000, 65_536, 700_000])
@pytest.mark.parametrize(
    ("wanted", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=10-99", 10, 100),
        ("bytes=500-", 500, None),
        ("bytes=-300", -300, None),
        ("bytes=900-99999999", 900, None),
    ],
)
async def test_a_range_is_that_part_of_the_file(size, wanted, start, stop):
    world = World(seed=7)
    world.set_clock(world.end(50))
    async with SimulatorServer(world, media_bytes=size) as sim, httpx.AsyncClient() as client:
        link = await link_of(sim)
        whole = (await client.get(link, follow_redirects=True)).content
        part = await client.get(link, follow_redirects=True, headers={"Range": wanted})
    assert len(whole) == size
    assert part.status_code == 206
    assert part.content == whole[start:stop]
    first = start % size
    assert part.headers["content-range"] == f"bytes {first}-{first + len(part.content) - 1}/{size}"


async def test_a_range_past_the_end_is_refused(sim, outside):
    link = await link_of(sim)
    part = await outside.get(link, follow_redirects=True, headers={"Range": "bytes=9999999-"})
    assert part.status_code == 416
    assert part.headers["content-range"].startswith("bytes */")


@pytest.mark.parametrize("wanted", ["bytes=-", "bytes=0-1,5-6", "lines=1-2"])
async def test_a_range_that_is_none_gives_the_whole_file(sim, outside, wanted):
    link = await link_of(sim)
    whole = await outside.get(link, follow_redirects=True, headers={"Range": wanted})
    assert whole.status_code == 200


@pytest.mark.incident("MED-02")
@pytest.mark.parametrize("extension", ["jpg", "mp4"])
async def test_a_link_ends_after_its_time(extension):
    clock, world = VirtualClock(), World(seed=7)
    world.set_clock(world.end(50))
    ttl = timedelta(minutes=10)
    async with (
        SimulatorServer(world, clock=clock, link_ttl=ttl) as sim,
        httpx.AsyncClient() as client,
    ):
        link = await link_of(sim, extension)
        await clock.advance(599)
        assert (await client.get(link)).status_code in (200, 302)
        await clock.advance(1)
        assert (await client.get(link)).status_code == 403


async def test_the_target_of_a_redirect_ends_sooner(sim, outside):
    target = (await outside.get(await link_of(sim))).headers["location"]
    assert params(target)["X-Amz-Expires"] == "300"


async def test_a_link_that_was_changed_is_refused(sim, outside):
    link = await link_of(sim)
    for changed in (
        link.replace("expires=", "expires=9"),
        link.split("&sign=")[0],
        link[:-1] + "é",
        link.split("?")[0],
    ):
        assert (await outside.get(changed)).status_code == 403
    target = (await outside.get(link)).headers["location"]
    assert (
        await outside.get(target.replace("X-Amz-Expires=", "X-Amz-Expires=9"))
    ).status_code == 403


async def test_s3_refuses_to_say_how_large_a_file_is(sim, outside):
    link = await link_of(sim)
    assert (await outside.head(link)).status_code == 302
    assert (await outside.head(link, follow_redirects=True)).status_code == 403
