"""A small real forward proxy: CONNECT for what is encrypted, whole URLs for what is not."""

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

from attrs import define, field


@define
class ForwardProxy:
    """Hands connections on to anywhere, for those who log in; remembers what it was asked."""

    login: tuple[str, str] | None = None
    refuses: bool = False
    """Every CONNECT is answered with 403."""
    url: str = ""
    asked: list[str] = field(factory=list)
    """``CONNECT host:port``, or method and URL."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, version = first.split(" ")
        if not self._may(lines):
            await _answer(writer, "407 Proxy Authentication Required")
            return
        self.asked.append(f"{method} {target}")
        if self.refuses:
            await _answer(writer, "403 Forbidden")
            return
        parts = urlsplit(f"//{target}" if method == "CONNECT" else target)
        there_reader, there = await asyncio.open_connection(parts.hostname, parts.port)
        if method == "CONNECT":
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            path = target.removeprefix(f"http://{parts.netloc}") or "/"
            there.write(f"{method} {path} {version}\r\n".encode() + head.partition(b"\r\n")[2])
        try:
            await asyncio.gather(_pump(reader, there), _pump(there_reader, writer))
        finally:
            there.transport.abort()

    def _may(self, lines: list[str]) -> bool:
        if self.login is None:
            return True
        expected = base64.b64encode(":".join(self.login).encode()).decode()
        return f"Proxy-Authorization: Basic {expected}" in lines


async def _answer(writer: asyncio.StreamWriter, status: str) -> None:
    writer.write(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
    await writer.drain()
    writer.close()
    await writer.wait_closed()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


@contextlib.asynccontextmanager
async def forward_proxy(**settings: object) -> AsyncIterator[ForwardProxy]:
    """Serve until the block ends; every connection is then closed."""
    proxy, tasks = ForwardProxy(**settings), set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.current_task())
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await proxy.serve(reader, writer)
        writer.transport.abort()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    proxy.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield proxy
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)  # what was aborted is closed in the loop's next turn
