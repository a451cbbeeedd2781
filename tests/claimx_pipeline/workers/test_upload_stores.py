"""Upload when a store is away, and from one store to another."""

import asyncio
import json
import shutil

import pytest

from tests.rigs.file_records import cached_record
from tests.rigs.files import SETTINGS, FileRig
from tests.rigs.object_stores import Place, free_port, s3, s3_place
from tests.rigs.until import until


def on_s3(place: Place, what: str) -> str:
    """Return settings whose *what* is in S3; one block holds the credentials."""
    root = json.dumps(place.root)
    text = SETTINGS.replace(
        f"{what}: {{{{root: {{folder}}/{what}}}}}", f"{what}: {{{{root: {root}}}}}"
    )
    options = json.dumps(place.options).replace("{", "{{").replace("}", "}}")
    return text.replace("storage: {{", f"storage: {{{{options: {options}, ", 1)


@pytest.mark.incident("MED-06")
async def test_with_a_cache_in_an_object_store_the_workers_need_no_common_disk(tmp_path):
    with s3() as place:
        rig = await FileRig.make(tmp_path, on_s3(place, "cache"))
        assert rig.cache.root == "s3://bucket/files"
        file = await rig.cached("1", b"a photo")
        await rig.publish(cached_record(file))
        await rig.work("upload")
        assert await rig.stored() == {file.blob_path: b"a photo"}
        assert await rig.left_in_cache() == {}


@pytest.mark.incident("MED-06")
async def test_with_a_cache_that_is_not_the_downloaders_files_wait(tmp_path):
    """Two machines, each with a folder of its own: nothing dies until that is put right."""
    rig = await FileRig.make(tmp_path)
    file = await rig.cached("1", b"a photo")
    (tmp_path / "cache").rename(tmp_path / "elsewhere")
    await rig.publish(cached_record(file))
    stop = asyncio.Event()
    loop = rig.loop("upload", stop)
    running = asyncio.create_task(loop.run())
    try:
        refused = "must have the same storage.cache.root"
        health = loop.resources.health
        await until(lambda: refused in str(health.ready()), running, seconds=60)
        assert await rig.dead() == []
        shutil.copytree(tmp_path / "elsewhere", tmp_path / "cache", dirs_exist_ok=True)
        await until(rig.results, seconds=60)
        assert await rig.stored() == {file.blob_path: b"a photo"}
    finally:
        stop.set()
        await running


@pytest.mark.incident("MED-05")
@pytest.mark.incident("SHD-03")
async def test_while_the_store_is_away_files_wait_and_the_worker_is_not_ready(tmp_path):
    port = free_port()
    rig = await FileRig.make(tmp_path, on_s3(s3_place(port), "files"))
    files = [await rig.cached(str(number), b"photo") for number in range(3)]
    await rig.publish(*(cached_record(file) for file in files))
    stop = asyncio.Event()
    loop = rig.loop("upload", stop)
    running = asyncio.create_task(loop.run())
    health = loop.resources.health
    try:
        await until(lambda: "cannot write" in str(health.ready()), running, seconds=60)
        assert not health.ready()[0]
        assert await rig.dead() == []
        with s3(port):
            async with asyncio.timeout(60):
                while len(await rig.results()) < len(files):
                    await asyncio.sleep(0.1)
            assert {result.status for result in await rig.results()} == {"completed"}
            assert len(await rig.stored()) == len(files)
    finally:
        stop.set()
        await running
