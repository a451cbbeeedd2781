"""R15: files per second through the guard and all checks, against a bare loop to disk."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
from harness import Conditions, Measured, Result, Stopwatch, compare

CONCURRENT = 25
FILE_BYTES = 200_000

SERVER = """
import asyncio
BODY = b"\\xff\\xd8\\xff\\xe0" + bytes(%d - 4)
HEAD = b"HTTP/1.1 200 OK\\r\\nContent-Type: image/jpeg\\r\\nContent-Length: %%d\\r\\n\\r\\n"
ANSWER = HEAD %% len(BODY) + BODY
class Server(asyncio.Protocol):
    def connection_made(self, transport): self.transport = transport
    def data_received(self, data):
        for _ in range(data.count(b"\\r\\n\\r\\n")): self.transport.write(ANSWER)
async def main():
    server = await asyncio.get_running_loop().create_server(Server, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
asyncio.run(main())
"""


@contextmanager
def server(size: int = FILE_BYTES) -> Iterator[str]:
    """Run a host of files of *size* bytes in a process of its own and give its URL."""
    code = SERVER % size
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    try:
        if child.stdout is None:
            raise RuntimeError("the server has no output")
        yield f"http://127.0.0.1:{int(child.stdout.readline())}"
    finally:
        child.terminate()
        child.wait()


async def all_of(count: int, fetch: Callable[[int], Awaitable[None]]) -> Measured:
    """Fetch *count* files, ``CONCURRENT`` at a time."""
    left = iter(range(count))

    async def one() -> None:
        for number in left:
            await fetch(number)

    watch = Stopwatch()
    with watch.running():
        await asyncio.gather(*(one() for _ in range(CONCURRENT)))
    return watch.measured(count)


async def bare(url: str, count: int, folder: Path) -> Measured:
    """Fetch with aiohttp alone, each file written as it comes."""
    connector = aiohttp.TCPConnector(limit=CONCURRENT)
    # With aiohttp's own 64 KiB it is slower than the product.
    async with aiohttp.ClientSession(connector=connector, read_bufsize=256 * 1024) as session:

        async def fetch(number: int) -> None:
            async with session.get(f"{url}/{number}.jpg") as answer:
                with (folder / f"{number}.jpg").open("wb") as file:
                    async for piece in answer.content.iter_any():
                        file.write(piece)

        return await all_of(count, fetch)


async def product(url: str, count: int, folder: Path) -> Measured:
    """Fetch, check and put into the cache store, as the worker does it."""
    from claimx_pipeline.media.content import expected_type
    from claimx_pipeline.media.download_buffer import DownloadBuffer
    from claimx_pipeline.media.links import CurrentLink
    from claimx_pipeline.media.open_store import open_store
    from claimx_pipeline.workers.download import put
    from tests.rigs.media import media_rig

    store = open_store(str(folder / "cache"), {})
    host = f"http://{urlsplit(url).netloc}"
    async with media_rig(folder, host, max_concurrent=CONCURRENT) as rig:

        async def fetch(number: int) -> None:
            task = rig.task(f"{url}/{number}.jpg", media_id=str(number))
            buffer = DownloadBuffer(folder / "partial", task.identity)
            await buffer.begin()
            kind = expected_type(task.file_name, task.download_url)
            await rig.transfer.fetch(CurrentLink(task, rig.renewer, rig.clock), kind, buffer)
            await put(store, str(number), await buffer.finish(), "image/jpeg")
            await buffer.close(discard=True)

        return await all_of(count, fetch)


async def bench(run: Conditions) -> list[Result]:
    """Measure."""
    return await measure(rounds=run.rounds, files=run.of(1000, 2000))


async def measure(*, rounds: int, files: int) -> list[Result]:
    """Measure files of 200 KB."""
    with server() as url:

        async def fresh(way: Callable[[str, int, Path], Awaitable[Measured]]) -> Measured:
            folder = Path(tempfile.mkdtemp(prefix="claimx-bench-"))
            try:
                return await way(url, files, folder)
            finally:
                shutil.rmtree(folder)

        result = await compare(
            "R15",
            f"files/s of 200 KB at {CONCURRENT} concurrent; against bare aiohttp to disk",
            product=lambda: fresh(product),
            bare=lambda: fresh(bare),
            unit="files/s",
            at_least=0.6,
            rounds=rounds,
        )
    return [result]
