"""The hosts of the claims' files: ClaimX's own, which redirects, and the S3 bucket behind it."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator

from attrs import frozen
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from claimx_pipeline.simulator.content import Content, content_of
from claimx_pipeline.simulator.entities import Media
from claimx_pipeline.simulator.faults import EXPIRED_LINKS, MET
from claimx_pipeline.simulator.simulation import Simulation, number

_PIECE = 256 * 1024
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


@frozen
class MediaHost:
    """Serves files to every client with a signed link."""

    simulation: Simulation

    def routes(self) -> list[Route]:
        """Return both hosts' paths; no credential is asked for."""
        return [
            Route("/media/s3/{media_id}/{name:path}", self.bucket, methods=["GET"]),
            Route("/media/{media_id}/{name:path}", self.claimx, methods=["GET"]),
        ]

    async def claimx(self, request: Request) -> Response:
        """Redirect a link of the ClaimX form to the bucket."""
        media_id = number(request.path_params["media_id"], "media id")
        now = self.simulation.clock.now()
        links = self.simulation.links
        if refusal := links.refuses(media_id, request.query_params, now) or _told(request):
            raise HTTPException(403, refusal)
        media = self._media(media_id)
        return RedirectResponse(links.s3_link(media, now), 302)

    async def bucket(self, request: Request) -> Response:
        """Serve a link of the S3 form, whole or a range of it.

        Such links are signed for GET: a HEAD is refused with 403.
        """
        media_id = number(request.path_params["media_id"], "media id")
        if request.method == "HEAD":
            return _denied("SignatureDoesNotMatch")
        now = self.simulation.clock.now()
        links = self.simulation.links
        if refusal := links.refuses_s3(media_id, request.query_params, now) or _told(request):
            return _denied(refusal)
        content = content_of(self._media(media_id), self.simulation.media_bytes)
        met = request.scope.get(MET, frozenset())
        if "error_page" in met:
            return Response(
                "<html><body>something went wrong</body></html>", media_type="text/html"
            )
        if "empty_file" in met:
            return Response(b"", media_type=content.content_type)
        stalls = self.simulation.closing if "stall" in met else None
        return _served(content, _wanted(request, _tag(content)), stalls)

    def _media(self, media_id: int) -> Media:
        media = self.simulation.world.file(media_id)
        if media is None:
            raise HTTPException(404, f"there is no file {media_id}")
        return media


class _UnfinishedResponse(StreamingResponse):
    """Stops before the end that it announced: the server then closes the connection.

    An end after too few bytes would be an error of the server's protocol, which would
    come up where the server shuts its connections down.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the pieces without an end."""

        async def unended(message: Message) -> None:
            if message.get("more_body", True):
                await send(message)

        await super().__call__(scope, receive, unended)


def _told(request: Request) -> str | None:
    """Return a refusal if the request met the fault of expired links."""
    return "Request has expired" if request.scope.get(EXPIRED_LINKS) else None


def _denied(reason: str) -> Response:
    body = f"<Error><Code>AccessDenied</Code><Message>{reason}</Message></Error>"
    return Response(body, 403, media_type="application/xml")


def _tag(content: Content) -> str:
    """Return the strong validator of a file."""
    digest = hashlib.sha256(content.beginning + content.block + str(content.size).encode())
    return f'"{digest.hexdigest()[:32]}"'


def _wanted(request: Request, tag: str) -> str | None:
    """Return the range that is asked for; None for the whole file (RFC 9110, 13.1.5)."""
    condition = request.headers.get("if-range", tag)
    return request.headers.get("range") if condition == tag else None


def _served(content: Content, wanted: str | None, stalls: asyncio.Event | None) -> Response:
    start, stop, status = 0, content.size, 200
    headers = {"Accept-Ranges": "bytes", "ETag": _tag(content)}
    if wanted and (match := _RANGE.fullmatch(wanted)) and any(match.groups()):
        start, stop = _bounds(match[1], match[2], content.size)
        if start >= stop:
            headers["Content-Range"] = f"bytes */{content.size}"
            return Response(status_code=416, headers=headers)
        status = 206
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{content.size}"
    if stop - start <= _PIECE and stalls is None:
        body = content.read(start, stop)
        return Response(body, status, headers, media_type=content.content_type)
    headers["Content-Length"] = str(stop - start)
    pieces = _pieces(content, start, stop, stalls)
    kind = StreamingResponse if stalls is None else _UnfinishedResponse
    return kind(pieces, status, headers, media_type=content.content_type)


def _bounds(first: str, last: str, size: int) -> tuple[int, int]:
    """Return start and stop of a range; start is not below stop if it is empty."""
    if not first:
        return max(0, size - int(last)), size
    return int(first), min(size, int(last) + 1) if last else size


async def _pieces(
    content: Content, start: int, stop: int, stalls: asyncio.Event | None
) -> AsyncIterator[bytes]:
    """Yield the bytes; with *stalls* only half of them, and then nothing until it is set."""
    end = stop if stalls is None else start + (stop - start) // 2
    for at in range(start, end, _PIECE):
        yield content.read(at, min(end, at + _PIECE))
    if stalls is not None:
        await stalls.wait()
