"""Large files: little memory, and a death costs at most one range."""

import asyncio
import hashlib
import sys

import pytest

from claimx_pipeline.simulator.faults import Fault
from tests.faults.form import FORM
from tests.rigs import processes
from tests.rigs.download import download_rig

MIB = 1024 * 1024
LARGE_MIB = FORM.large_file_mib


@pytest.mark.incident("MED-03")
@pytest.mark.incident("PRF-04")
async def test_a_large_file_takes_little_memory(tmp_path):
    threshold, size = (50, 20) if LARGE_MIB > 100 else (10, 8)
    async with download_rig(tmp_path, media_bytes=LARGE_MIB * MIB) as rig:
        media = rig.files[0]
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.faults.fetch_process"),
            rig.task(media).download_url,
            media.name,
            str(tmp_path),
            str(threshold * MIB),
            str(size * MIB),
            stdout=asyncio.subprocess.PIPE,
            env=processes.importing(),
        )
        out, _ = await child.communicate()
        assert child.returncode == 0
        fetched, checksum, grown = out.split()
        assert int(fetched) == LARGE_MIB * MIB
        with (tmp_path / "cache" / "file").open("rb") as file:
            assert hashlib.file_digest(file, "sha256").hexdigest() == checksum.decode()
        assert len(rig.gets()) >= LARGE_MIB / size
    print(f"{LARGE_MIB} MiB fetched and stored, memory grew by {float(grown)} MiB")
    # Far below the file's size, and little more for a file of sixteen times the size.
    assert float(grown) < (80 if LARGE_MIB > 100 else 48)


@pytest.mark.incident("MED-03")
async def test_a_worker_killed_at_60_percent_fetches_at_most_one_range_again(tmp_path):
    media = f"  range_threshold_bytes: {MIB}\n  range_bytes: {MIB}"
    async with download_rig(tmp_path, media=media, media_bytes=10 * MIB) as rig:
        wanted = rig.files[0]
        await rig.publish(rig.task(wanted))
        slow = rig.simulator.faults.add(Fault(kind="latency", path="/media/s3", seconds=0.1))
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "claimx_pipeline", "worker", "download"),
            cwd=tmp_path,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        async with asyncio.timeout(60):
            while len(rig.gets()) < 6:
                assert child.returncode is None
                await asyncio.sleep(0.005)
        child.kill()
        await child.wait()
        begun = len(rig.gets())
        assert not await rig.settled(1)
        rig.simulator.faults.remove(slow)
        await rig.run_until(lambda: rig.settled(1))
        (cached,) = await rig.cached()
        assert rig.stored(cached) == rig.content(wanted)
        assert len(rig.gets()) <= 10 + 1
        assert begun >= 6
        assert not any((tmp_path / "partial").iterdir())
