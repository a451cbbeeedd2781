"""A TCP proxy that a test makes close its connections, or swallow what they carry."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from attrs import define, field


@define
class Proxy:
    """Hands bytes on in both directions; ``port`` is where it listens."""

    target: int
    port: int = 0
    silent: bool = False
    """Bytes are taken and not handed on; connections are not closed."""
    _writers: set[asyncio.StreamWriter] = field(factory=set)

    def close_connections(self) -> None:
        """Close every connection there is; new ones are taken."""
        for writer in list(self._writers):
            writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            there_reader, there = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()
            return
        self._writers.add(there)
        await asyncio.gather(self._pump(reader, there), self._pump(there_reader, writer))
        self._writers -= {writer, there}

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                if not self.silent:
                    writer.write(data)
                    await writer.drain()
        writer.transport.abort()


@contextlib.asynccontextmanager
async def tcp_proxy(target: int, port: int) -> AsyncIterator[Proxy]:
    """Serve on *port* until the block ends; every connection is then closed."""
    proxy, tasks = Proxy(target, port), set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.current_task())
        await proxy.serve(reader, writer)

    server = await asyncio.start_server(connected, "127.0.0.1", port)
    try:
        yield proxy
    finally:
        server.close()
        proxy.close_connections()
        await asyncio.gather(*tasks, return_exceptions=True)
