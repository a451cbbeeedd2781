"""A small real HTTP server whose answers a test writes."""

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

from attrs import define, field


@define
class Asked:
    """One request as it arrived."""

    method: str
    path: str
    query: dict[str, list[str]]
    target: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@define
class Reply:
    """What is answered; ``raw`` goes out as it is, without status line or headers."""

    body: Any = b""
    status: int = 200
    headers: dict[str, str] = field(factory=dict)
    raw: bytes | None = None
    close: bool = False
    drip: bool = False
    """Send a byte now and then, without an end."""
    parts: int = 1
    """Sent in this many parts with a pause of 0.1 s between two."""

    def encoded(self) -> bytes:
        if self.raw is not None:
            return self.raw
        is_bytes = isinstance(self.body, bytes)
        body = self.body if is_bytes else json.dumps(self.body).encode()
        lines = {"content-type": "text/plain" if is_bytes else "application/json"}
        lines |= {"content-length": str(len(body)), **self.headers}
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        return f"HTTP/1.1 {self.status} Said\r\n{head}\r\n".encode() + body


Answering = Callable[[Asked], Reply | Awaitable[Reply]]


@define
class HttpService:
    """Serves ``answer``; remembers what it was asked."""

    url: str
    answer: Answering
    asked: list[Asked] = field(factory=list)
    connections: int = 0
    under_way: int = 0
    most_under_way: int = 0

    def paths(self) -> list[str]:
        return [f"{one.method} {one.path}" for one in self.asked]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while request := await _read(reader):
                self.asked.append(request)
                self.under_way += 1
                self.most_under_way = max(self.most_under_way, self.under_way)
                try:
                    reply = self.answer(request)
                    if not isinstance(reply, Reply):
                        reply = await reply
                finally:
                    self.under_way -= 1
                sent = reply.encoded()
                size = -(-len(sent) // reply.parts)
                for at in range(0, len(sent), size):
                    writer.write(sent[at : at + size])
                    await writer.drain()
                    if reply.parts > 1:
                        await asyncio.sleep(0.1)
                while reply.drip:
                    writer.write(b" ")
                    await writer.drain()
                    await asyncio.sleep(0.01)
                if reply.close or reply.raw is not None:
                    break
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await writer.wait_closed()


@contextlib.asynccontextmanager
async def http_service(
    answer: Answering, tls: ssl.SSLContext | None = None
) -> AsyncIterator[HttpService]:
    """Serve until the block ends, encrypted if *tls* is given; every connection is then closed."""
    service = HttpService("", answer)
    tasks: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        tasks.add(task)
        try:
            await service.serve(reader, writer)
        finally:
            tasks.discard(task)

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    service.url = f"https://localhost:{port}" if tls else f"http://127.0.0.1:{port}"
    try:
        yield service
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _read(reader: asyncio.StreamReader) -> Asked | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.strip().split("\r\n")
    method, target, _ = first.split(" ")
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    parts = urlsplit(target)
    return Asked(method, parts.path, parse_qs(parts.query), target, headers, body)
