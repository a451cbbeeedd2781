"""Fetches one file into a folder store and prints by how many MiB its memory grew at most.

Arguments: link, extension, folder, and the threshold and the size of ranges in bytes.
"""

import asyncio
import sys
from pathlib import Path
from urllib.parse import urlsplit

from claimx_pipeline.media.download_buffer import DownloadBuffer
from claimx_pipeline.media.links import CurrentLink
from claimx_pipeline.media.names import fetch_name
from claimx_pipeline.media.open_store import open_store
from tests.rigs.media import media_rig


def resident(field: str) -> float:
    """Return ``VmRSS``, or its peak ``VmHWM``, in MiB.

    Not from ``getrusage``: its peak begins with that of the process that started this one.
    """
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(lines[field].split()[0]) / 1024


async def main(link: str, name: str, folder: str, threshold: str, size: str) -> None:
    parts = urlsplit(link)
    host = f"{parts.scheme}://{parts.netloc}"
    store = open_store(f"{folder}/cache", {})
    ranges = {"range_threshold_bytes": int(threshold), "range_bytes": int(size)}
    async with media_rig(Path(folder), host, **ranges) as rig:
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
        before = resident("VmRSS")
        task = rig.task(link, name)
        buffer = DownloadBuffer(Path(folder) / "partial", fetch_name(task))
        await buffer.begin()
        await rig.transfer.fetch(CurrentLink(task, rig.renewer, rig.clock), None, buffer)
        whole = await buffer.finish()
        await store.put_file("file", whole.content)
        await buffer.close(discard=True)
        print(whole.size, whole.checksum, round(resident("VmHWM") - before, 1))


asyncio.run(main(*sys.argv[1:]))
