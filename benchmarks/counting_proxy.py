"""Stands between a client and an object store: counts requests, and lets each answer wait.

``PORT SECONDS`` serves the store at that port; prints its own, then the counts as JSON for each
line that it is given. A process of its own: a table's engine may hold up the threads of its.
"""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from attrs import define, field, frozen

_REQUEST = re.compile(rb"^(GET|HEAD|PUT|POST|DELETE) (\S+) HTTP/1\.1\r\n", re.MULTILINE)

WRITING_PER_MILLION, READING_PER_MILLION = 5.0, 0.4
"""Dollars: what S3 Standard asks for PUT, POST and lists, and for GET and HEAD. DELETE is free."""


@define
class CountingProxy:
    """The proxy itself."""

    target: int
    seconds: float
    counts: Counter[str] = field(factory=Counter, init=False)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass one connection on."""
        their_reader, their_writer = await asyncio.open_connection("127.0.0.1", self.target)

        async def forth() -> None:
            while data := await reader.read(2**18):
                for method, path in _REQUEST.findall(data):
                    listing = method == b"GET" and b"list-type=2" in path
                    self.counts["LIST" if listing else method.decode()] += 1
                their_writer.write(data)
                await their_writer.drain()
            their_writer.close()

        async def back() -> None:
            while data := await their_reader.read(2**18):
                await asyncio.sleep(self.seconds)
                writer.write(data)
                await writer.drain()
            writer.close()

        await asyncio.gather(forth(), back(), return_exceptions=True)

    async def run(self) -> None:
        """Serve until the input ends."""
        server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        print(server.sockets[0].getsockname()[1], flush=True)
        while await asyncio.to_thread(sys.stdin.readline):
            counts, self.counts = self.counts, Counter()
            print(json.dumps(counts), flush=True)


@frozen
class Counting:
    """A running proxy."""

    port: int
    _asked: IO[str]
    _said: IO[str]

    def take(self) -> Counter[str]:
        """Return requests by method since this was last asked; a list counts as LIST."""
        print(flush=True, file=self._asked)
        return Counter(json.loads(self._said.readline()))


def dollars(counts: Counter[str]) -> float:
    """Return what these requests cost."""
    writing = sum(counts[each] for each in ("PUT", "POST", "LIST"))
    reading = counts["GET"] + counts["HEAD"]
    return (writing * WRITING_PER_MILLION + reading * READING_PER_MILLION) / 1e6


@contextmanager
def counting(target: int, seconds: float) -> Iterator[Counting]:
    """Run a proxy to the store at port *target*, whose answers come so much later."""
    command = [sys.executable, __file__, str(target), str(seconds)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        if child.stdin is None or child.stdout is None:
            raise RuntimeError("the proxy has no input or output")
        try:
            yield Counting(int(child.stdout.readline()), child.stdin, child.stdout)
        finally:
            child.kill()


if __name__ == "__main__":
    asyncio.run(CountingProxy(int(sys.argv[1]), float(sys.argv[2])).run())
