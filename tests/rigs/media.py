"""Fetches single files with the product's own parts, from servers of the test's own."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from attrs import define, field

from claimx_pipeline import Clock
from claimx_pipeline.claimx.api import ClaimxApi
from claimx_pipeline.claimx.links import ClaimxLinks
from claimx_pipeline.clock import SystemClock
from claimx_pipeline.connections.stream import StreamClient
from claimx_pipeline.media.content import FileType, expected_type
from claimx_pipeline.media.download_buffer import DownloadBuffer
from claimx_pipeline.media.guard import Guard
from claimx_pipeline.media.guarded_network import GuardedResolver, GuardedSockets
from claimx_pipeline.media.links import CurrentLink
from claimx_pipeline.media.messages import DownloadTask
from claimx_pipeline.media.names import fetch_name
from claimx_pipeline.media.transfer import Transfer
from claimx_pipeline.settings.secret import Secret
from claimx_pipeline.settings.tree.claimx import ApiSettings
from claimx_pipeline.settings.tree.media import MediaSettings

JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00"


def jpeg(size: int) -> bytes:
    """Return *size* bytes that begin as a photo does and differ everywhere."""
    body = b"".join(number.to_bytes(4, "big") for number in range(size // 4 + 1))
    return (JPEG + body)[:size]


@define
class Brought:
    """A file that was fetched."""

    kind: FileType | None
    """None if it is not whole yet."""
    content: bytes
    checksum: str
    link: CurrentLink


@define
class MediaRig:
    """All that fetches a file, without a worker around it."""

    folder: Path
    clock: Clock
    transfer: Transfer
    renewer: ClaimxLinks
    links: list[CurrentLink] = field(factory=list)

    def task(self, link: str, name: str = "photo.jpg", **changes: Any) -> DownloadTask:
        given = {
            "media_id": "500001",
            "project_id": "700100",
            "event_id": "e-1",
            "blob_path": "p",
            "created_at": self.clock.now(),
        }
        return DownloadTask(**{**given, "download_url": link, "file_name": name, **changes})

    async def fetch(self, link: str, name: str = "photo.jpg", **changes: Any) -> Brought:
        task = self.task(link, name, **changes)
        self.links.append(current := CurrentLink(task, self.renewer, self.clock))
        buffer = DownloadBuffer(self.folder, fetch_name(task))
        kind = expected_type(task.file_name, link, task.file_type)
        done = False
        try:
            await buffer.begin()
            kind = await self.transfer.fetch(current, kind, buffer)
            if kind is None:
                return Brought(None, b"", "", current)
            whole = await buffer.finish()
            content = whole.content
            if isinstance(content, Path):
                content = content.read_bytes()
            done = True
            return Brought(kind, content, whole.checksum, current)
        finally:
            await buffer.close(discard=done)

    def left(self) -> list[str]:
        """Return the kinds of files that lie in the folder of partial files."""
        return sorted(path.suffix for path in self.folder.iterdir()) if self.folder.exists() else []


@contextlib.asynccontextmanager
async def media_rig(
    folder: Path,
    *urls: str,
    api_url: str = "",
    clock: Clock | None = None,
    guard: Guard | None = None,
    **settings: Any,
) -> AsyncIterator[MediaRig]:
    """Make a rig that may fetch from *urls*."""
    clock = clock or SystemClock()
    hosts = [urlsplit(url).netloc for url in urls]
    guard = guard or Guard([], hosts)
    given = {"backoff_seconds": 0.01, "read_timeout_seconds": 5.0, **settings}
    media = MediaSettings(development_hosts=tuple(hosts), **given)
    client = StreamClient(
        media.connect_timeout_seconds,
        media.read_timeout_seconds,
        media.max_concurrent,
        clock,
        GuardedResolver(guard),
        GuardedSockets(guard),
    )
    api = ClaimxApi(
        ApiSettings(
            base_url=api_url or f"{urls[0] if urls else 'http://127.0.0.1:9'}/api",
            token=Secret("demo-token"),
            max_retries=0,
        ),
        clock,
    )
    transfer = Transfer(media, guard, client, clock)
    rig = MediaRig(folder / "partial", clock, transfer, ClaimxLinks(api))
    try:
        yield rig
    finally:
        await client.close()
        await api.close()
