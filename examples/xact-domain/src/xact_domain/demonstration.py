"""The outside world of the domain, simulated: assignments that go their way, and their files."""

import asyncio
import hashlib
import random
import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Self

from claimx_pipeline.domain import Wave

TYPE = "verisk.claims.property.xn."
STORY = (
    ("assignmentReceived", ()),
    ("firstNoticeOfLossReceived", ("notice.pdf",)),
    ("documentsReceived", ("photo.jpg", "photo.jpg", "letter.pdf")),
    ("inspectionScheduled", ()),
    ("estimateCreated", ()),
    ("estimatePackageReceived", ("estimate 1.pdf", "photos.pdf")),
    ("paymentProcessorAssigned", ()),
)
"""What happens to an assignment, in this order, and which files each event brings."""
BEGIN = datetime(2026, 1, 12, 8, tzinfo=UTC)
WAVES = 4

CONTENT = {
    "pdf": ("application/pdf", b"%PDF-1.4\n", b"\n%%EOF\n"),
    "jpg": ("image/jpeg", b"\xff\xd8\xff\xe0\x00\x10JFIF\x00", b"\xff\xd9"),
}

SETTINGS = """\
workers:
  xact-events: {linger_seconds: 0.2}
  xact-entities: {linger_seconds: 0.2}
  xact-results: {linger_seconds: 0.2}
"""


def content_of(path: str) -> tuple[str, bytes]:
    """Return what is behind a path: its kind and its bytes, the same for the same path."""
    kind, head, tail = CONTENT[path.rpartition(".")[2]]
    return kind, head + hashlib.sha256(path.encode()).digest() * 100 + tail


def world(seed: int, count: int, site: str) -> list[dict[str, Any]]:
    """Return *count* events of the world of *seed*, with links to *site*."""
    rolled = random.Random(seed)  # noqa: S311 - a sample, not a secret
    going: list[tuple[str, int]] = []
    events: list[dict[str, Any]] = []
    at = BEGIN
    for _ in range(count):
        if len(going) < 10:  # noqa: PLR2004 - assignments under way at once
            going.append((f"04{rolled.randrange(36**4):05X}", 0))
        chosen = rolled.randrange(len(going))
        assignment, step = going.pop(chosen)
        subtype, files = STORY[step]
        if step + 1 < len(STORY):
            going.append((assignment, step + 1))
        at += timedelta(seconds=rolled.randrange(20, 200))
        trace_id = str(uuid.UUID(int=rolled.getrandbits(128), version=4))
        links = [
            f"{site}/{trace_id}/{number}/{name.replace(' ', '%20')}?X-Amz-Signature=demo"
            for number, name in enumerate(files)
        ]
        events.append(
            {
                "type": TYPE + subtype,
                "version": 1,
                "utcDateTime": at.isoformat(),
                "traceId": trace_id,
                "data": {
                    "assignmentId": assignment,
                    "description": subtype,
                    "estimateVersion": "1" if subtype.startswith("estimate") else None,
                    "adm": {"coverageLoss": {"claimNumber": f"CN-{assignment}"}},
                    "contact": {"type": "Insured", "name": f"Insured of {assignment}"},
                    **({"attachments": links} if links else {}),
                },
            }
        )
    return events


class FileServer:
    """Serves every file on loopback, by plain HTTP/1.1; ``served`` counts the answers."""

    def __init__(self) -> None:
        """Prepare it; nothing listens yet."""
        self.served = 0
        self.host = ""
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen on a free port."""
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        host, port = self._server.sockets[0].getsockname()
        self.host = f"{host}:{port}"

    async def close(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            asked = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split(" ")
            kind, body = content_of(asked[1].partition("?")[0])
            head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
            writer.write(head.encode() + b"Connection: close\r\n\r\n" + body)
            await writer.drain()
            self.served += 1
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client has closed the connection
        finally:
            writer.close()


class XactDemonstration:
    """Assignments under way, and a server with their files."""

    def __init__(self, seed: int, events: int) -> None:
        """Prepare the world of *seed* with so many *events*."""
        self._seed, self._count = seed, events
        self.server = FileServer()

    async def __aenter__(self) -> Self:
        """Start the server of files."""
        await self.server.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop it."""
        await self.server.close()

    def settings(self) -> str:
        """Return settings that keep the demonstration short."""
        return SETTINGS

    def hosts(self) -> Sequence[str]:
        """Return the server of files."""
        return [self.server.host]

    def waves(self) -> Iterator[Wave]:
        """Yield the events, part by part."""
        events = world(self._seed, self._count, f"http://{self.server.host}")
        size = -(-len(events) // WAVES)
        for start in range(0, len(events), size):
            part = events[start : start + size]
            yield Wave(
                title=f"{part[0]['utcDateTime'][:16]} to {part[-1]['utcDateTime'][:16]}",
                events=part,
                keys=[event["traceId"] for event in part],
            )

    def facts(self) -> Mapping[str, Any]:
        """Return how many files were served."""
        return {"xact": {"files_served": self.server.served}}

    def summary(self, result: Mapping[str, Any]) -> Sequence[str]:
        """Return a line about files."""
        files = result["files"]
        return [f"{files['count']} attachments copied, {files['bytes'] / 1e6:.1f} MB"]

    def queries(self) -> Sequence[str]:
        """Return what one asks first."""
        return ("xact-events-by-status", "xact-attachments-by-type")
