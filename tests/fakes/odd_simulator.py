"""The simulator behind something that answers as strangers do: odd, but never twice the same."""

from __future__ import annotations

import functools
import gzip
import json
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from random import Random
from typing import Any

from attrs import define, field
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from claimx_pipeline.simulator.claimx_api import API_PATH
from claimx_pipeline.simulator.itel_api import ITEL_PATH
from claimx_pipeline.simulator.server import SimulatorServer
from claimx_pipeline.simulator.world import World

BUCKET_PATH = "/media/s3"
PAGE = "<html><body>Please sign in</body></html>"
RETRY_AFTER = ("Wed, 21 Oct 999999999999999999999 07:28:00 GMT", "²", "-1", "soon", "", "1")
ODD_BYTES = (rb'"odd":"\ud83d",', b'"odd":"a\tb",', b'"odd":"caf\xe9",')
Changed = tuple[bytes, dict[bytes, bytes]]
"""A body and headers that take the place of the answer's own."""


@define
class OddAnswers:
    """ASGI middleware; what it does is drawn from a seed."""

    app: ASGIApp
    chance: Random
    rate: float = 0.0
    """Share of the requests that are answered oddly."""
    only_pages: bool = False
    """The API answers everything with a page, as behind a sign-in."""
    met: Counter[str] = field(factory=Counter)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer in another way, change the answer, or leave it as it is."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path = scope["path"]
        if self.only_pages and path.startswith(API_PATH):
            await self._instead("sign-in for all", scope, receive, send)
        elif self.chance.random() >= self.rate:
            await self.app(scope, receive, send)
        elif path.startswith(API_PATH):
            await self._odd(self.chance.choice(OF_API), scope, receive, send)
        elif path.startswith(ITEL_PATH):
            await self._odd(self.chance.choice(OF_ITEL), scope, receive, send)
        elif path.startswith(BUCKET_PATH):
            await self._odd(self.chance.choice(OF_FILES), scope, receive, send)
        else:
            await self._odd("retry-after", scope, receive, send)

    async def _odd(self, kind: str, scope: Scope, receive: Receive, send: Send) -> None:
        if kind not in CHANGES:
            await self._instead(kind, scope, receive, send)
            return
        self.met[kind] += 1
        if scope["path"].startswith(BUCKET_PATH):
            # Who asks for a range gets the whole file.
            headers = [each for each in scope["headers"] if each[0] not in (b"range", b"if-range")]
            scope = {**scope, "headers": headers}
        await self.app(scope, receive, _changing(send, self.chance, CHANGES[kind]))

    async def _instead(self, kind: str, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer without a word to the service behind."""
        self.met[kind] += 1
        match kind:
            case "retry-after":
                headers = {
                    "Retry-After": self.chance.choice(RETRY_AFTER).encode().decode("latin-1")
                }
                answer = Response(b"{}", 429, headers)
            case "empty":
                answer = Response(b"", 200)
            case "half a JSON":
                answer = Response(b'{"data": {"pro', 200, media_type="application/json")
            case "no success":
                refusal = {"success": False, "message": "not today"}
                answer = Response(json.dumps(refusal), 200, media_type="application/json")
            case "bomb":
                coded = {"Content-Encoding": "gzip"}
                answer = Response(bomb(), 200, coded, "application/json")
            case _:
                answer = Response(PAGE, 200, media_type="text/html")
        await answer(scope, receive, send)


@functools.cache
def bomb() -> bytes:
    """Return some kilobytes that unpack to 100 MiB."""
    return gzip.compress(bytes(100 * 2**20))


def _odd_bytes(body: bytes, _: dict[bytes, bytes], chance: Random) -> Changed:
    if not body.startswith(b"{") or body == b"{}":
        return body, {}
    return b"{" + chance.choice(ODD_BYTES) + body[1:], {}


def _members(body: bytes, _: dict[bytes, bytes], __: Random) -> Changed:
    half = len(body) // 2
    packed = gzip.compress(body[:half]) + gzip.compress(body[half:])
    return packed, {b"content-encoding": b"gzip"}


def _doubles(body: bytes, _: dict[bytes, bytes], chance: Random) -> Changed:
    """Write ids as doubles and times in another way."""
    try:
        answer = json.loads(body)
    except ValueError:
        return body, {}
    return json.dumps(_with_doubles(answer, chance)).encode(), {}


def _with_doubles(value: Any, chance: Random, name: str = "") -> Any:
    match value:
        case dict():
            return {key: _with_doubles(item, chance, key) for key, item in value.items()}
        case list():
            return [_with_doubles(item, chance, name) for item in value]
        case int() if name.lower().endswith("id") and not isinstance(value, bool):
            return float(value)
        case str() if name == "dateAssigned":
            return _odd_time(value, chance)
        case _:
            return value


def _odd_time(text: str, chance: Random) -> object:
    """Return the same instant as other sources write it."""
    at = datetime.fromisoformat(text).astimezone(UTC)
    plain = at.replace(tzinfo=None).isoformat(timespec="milliseconds")
    return chance.choice([f"{plain}+0000", plain, f"{plain}z", round(at.timestamp() * 1000)])


def _other_tag(body: bytes, _: dict[bytes, bytes], chance: Random) -> Changed:
    return body, {b"etag": b'W/"%d"' % chance.randrange(10**6)}


def _as_it_is(body: bytes, _: dict[bytes, bytes], __: Random) -> Changed:
    return body, {}


CHANGES: dict[str, Callable[[bytes, dict[bytes, bytes], Random], Changed]] = {
    "odd bytes": _odd_bytes,
    "gzip of two members": _members,
    "doubles and odd times": _doubles,
    "another ETag": _other_tag,
    "no ranges": _as_it_is,
}
OF_API = (
    *("odd bytes", "gzip of two members", "doubles and odd times", "doubles and odd times"),
    *("page", "empty", "half a JSON", "retry-after", "bomb"),
)
OF_ITEL = ("page", "half a JSON", "no success", "retry-after", "gzip of two members")
OF_FILES = ("no ranges", "another ETag", "gzip of two members", "page", "empty", "retry-after")


def _changing(
    send: Send, chance: Random, change: Callable[[bytes, dict[bytes, bytes], Random], Changed]
) -> Send:
    """Hold an answer back until it is whole, and send it changed if all is well with it."""
    start: Message = {}
    parts: list[bytes] = []

    async def changing(message: Message) -> None:
        if message["type"] == "http.response.start":
            start.update(message)
            return
        parts.append(message.get("body", b""))
        if message.get("more_body", False):
            return
        body, headers = b"".join(parts), dict(start["headers"])
        if start["status"] == 200:
            body, more = change(body, headers, chance)
            headers |= {**more, b"content-length": str(len(body)).encode()}
        await send({**start, "headers": list(headers.items())})
        await send({"type": "http.response.body", "body": body})

    return changing


class OddSimulator(SimulatorServer):
    """A simulator whose answers ``odd`` may change."""

    def __init__(self, world: World, seed: int = 0) -> None:
        """Prepare a server that answers like the plain one until ``odd.rate`` is set."""
        super().__init__(world)
        self.odd = OddAnswers(super().application(), Random(f"answers {seed}"))

    def application(self) -> ASGIApp:
        """Return the simulator behind its odd answers."""
        return self.odd
