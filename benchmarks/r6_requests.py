"""R6: requests per second of the HTTP client against a server of fixed latency."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import aiohttp
from harness import Conditions, Measured, Result, Stopwatch, compare

from claimx_pipeline.clock import SystemClock
from claimx_pipeline.connections.client import Connection
from claimx_pipeline.settings.tree.connections import ConnectionSettings

LATENCY = 0.020
PATH = "/export/project/1"

SERVER = """
import asyncio
BODY = b'{"data": {"project": {"projectId": 700100, "projectNumber": "CLM-0001"}}}'
HEAD = b"HTTP/1.1 200 OK\\r\\nContent-Type: application/json\\r\\nContent-Length: %d\\r\\n\\r\\n"
ANSWER = HEAD % len(BODY) + BODY
class Server(asyncio.Protocol):
    def connection_made(self, transport): self.transport = transport
    def data_received(self, data):
        loop = asyncio.get_running_loop()
        for _ in range(data.count(b"\\r\\n\\r\\n")):
            loop.call_later(%r, self.answer)
    def answer(self):
        if not self.transport.is_closing(): self.transport.write(ANSWER)
async def main():
    server = await asyncio.get_running_loop().create_server(Server, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
asyncio.run(main())
"""


@contextmanager
def server() -> Iterator[str]:
    """Run the slow server in a process of its own and give its URL."""
    code = SERVER.replace("%r", repr(LATENCY))
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    try:
        if child.stdout is None:
            raise RuntimeError("the server has no output")
        yield f"http://127.0.0.1:{int(child.stdout.readline())}"
    finally:
        child.terminate()
        child.wait()


async def hammer(ask: Callable[[], Awaitable[object]], concurrent: int, total: int) -> Measured:
    """Make *total* requests, *concurrent* at a time."""
    left = iter(range(total))

    async def one() -> None:
        for _ in left:
            await ask()

    await asyncio.gather(*(ask() for _ in range(concurrent)))
    watch = Stopwatch()
    with watch.running():
        await asyncio.gather(*(one() for _ in range(concurrent)))
    return watch.measured(total)


async def product(url: str, concurrent: int, total: int) -> Measured:
    """Use the product's connection."""
    settings = ConnectionSettings(base_url=url, max_concurrent=concurrent)
    connection = Connection("bench", settings, SystemClock())
    try:
        return await hammer(lambda: connection.request("GET", PATH), concurrent, total)
    finally:
        await connection.close()


async def bare_aiohttp(url: str, concurrent: int, total: int) -> Measured:
    """Use aiohttp alone, each answer read whole."""
    connector = aiohttp.TCPConnector(limit=concurrent)
    async with aiohttp.ClientSession(connector=connector) as session:

        async def ask() -> bytes:
            async with session.get(url + PATH) as answer:
                return await answer.read()

        return await hammer(ask, concurrent, total)


async def little(concurrent: int, total: int) -> Measured:
    """Return what no client can beat: *concurrent* requests every latency."""
    await asyncio.sleep(0)
    return Measured(total, total * LATENCY / concurrent, 0.0)


async def measure(*, rounds: int, requests: int) -> list[Result]:
    """Measure at 20 and at 100 requests under way."""
    with server() as url:
        began = time.perf_counter()
        at_20 = await compare(
            "R6",
            "requests/s at 20 concurrent, 20 ms; against Little's bound",
            product=lambda: product(url, 20, requests),
            bare=lambda: little(20, requests),
            unit="requests/s",
            at_least=0.9,
            rounds=rounds,
        )
        at_100 = await compare(
            "R6b",
            "requests/s at 100 concurrent; against bare aiohttp",
            product=lambda: product(url, 100, 2 * requests),
            bare=lambda: bare_aiohttp(url, 100, 2 * requests),
            unit="requests/s",
            at_least=0.9,
            rounds=rounds,
        )
        print(f"      ({time.perf_counter() - began:.0f} s)", file=sys.stderr)
    return [at_20, at_100]


async def bench(run: Conditions) -> list[Result]:
    """Measure."""
    return await measure(rounds=run.rounds, requests=run.of(1000, 3000))
