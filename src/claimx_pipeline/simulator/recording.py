"""What the simulated services were asked."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from attrs import define, field, frozen
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from claimx_pipeline.clock import Clock

CONTROL = "/_control"
"""Requests under this path steer the simulator and are not recorded."""


@frozen
class RecordedRequest:
    """One request and how it was answered."""

    at: datetime
    """Wall-clock time of its arrival."""
    method: str
    path: str
    query: str
    authorization: str | None
    """Scheme only; the credential itself is not kept."""
    idempotency_key: str | None
    body: bytes
    status: int | None
    """None if it was never answered."""
    seconds: float
    """Until the answer was on its way, or the client had disconnected."""
    whole: bool = True
    """Whether the answer was sent to its end."""
    headers: Mapping[str, str] = field(factory=dict)
    """All but the credential, names in lower case."""

    def json(self) -> Any:
        """Return the decoded body."""
        return msgspec.json.decode(self.body)

    def shown(self) -> dict[str, Any]:
        """Return it as the control endpoint shows it."""
        return {
            "at": self.at,
            "method": self.method,
            "path": self.path,
            "query": self.query,
            "authorization": self.authorization,
            "idempotency_key": self.idempotency_key,
            "body": self.body.decode(errors="replace"),
            "status": self.status,
            "seconds": round(self.seconds, 6),
            "whole": self.whole,
        }


@define
class RequestLog:
    """The latest requests, oldest first, and counts of all."""

    limit: int = 100_000
    """Requests kept; older ones are only counted."""
    total: int = 0
    statuses: Counter[int | None] = field(factory=Counter)
    in_flight: int = 0
    most_in_flight: int = 0
    """The most that were under way at once."""
    _entries: deque[RecordedRequest] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._entries = deque(maxlen=self.limit)

    def add(self, request: RecordedRequest) -> None:
        """Keep a request that was dealt with."""
        self.total += 1
        self.statuses[request.status] += 1
        self._entries.append(request)

    def find(
        self, path: str = "/", *, method: str | None = None, status: int | None = None
    ) -> list[RecordedRequest]:
        """Return the kept requests under a path, of one method and status if given."""
        return [
            request
            for request in self._entries
            if request.path.startswith(path)
            and method in (None, request.method)
            and status in (None, request.status)
        ]

    def clear(self) -> None:
        """Forget all requests and counts."""
        self._entries.clear()
        self.statuses.clear()
        self.total = 0
        self.most_in_flight = self.in_flight


@frozen
class Recorder:
    """ASGI middleware that writes the log."""

    app: ASGIApp
    log: RequestLog
    clock: Clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and record how it was answered."""
        if scope["type"] != "http" or scope["path"].startswith(CONTROL):
            await self.app(scope, receive, send)
            return
        at, begun = self.clock.now(), self.clock.monotonic()
        body = b"" if scope["method"] in ("GET", "HEAD") else await _body(receive)
        status: int | None = None
        whole = False

        async def watching(message: Message) -> None:
            nonlocal status, whole
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)
            if message["type"] == "http.response.body":
                whole = not message.get("more_body", False)

        self.log.in_flight += 1
        self.log.most_in_flight = max(self.log.most_in_flight, self.log.in_flight)
        try:
            await self.app(scope, _again(body, receive) if body else receive, watching)
        finally:
            self.log.in_flight -= 1
            self._record(scope, at, body, (status, self.clock.monotonic() - begun, whole))

    def _record(
        self,
        scope: Scope,
        at: datetime,
        body: bytes,
        answer: tuple[int | None, float, bool],
    ) -> None:
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        authorization = headers.pop("authorization", None)
        if authorization is not None:
            authorization = authorization.split(" ", 1)[0] + " ***"
        key = headers.get("idempotency-key")
        query = scope["query_string"].decode("latin-1")
        method, path = scope["method"], scope["path"]
        self.log.add(
            RecordedRequest(at, method, path, query, authorization, key, body, *answer, headers)
        )


async def _body(receive: Receive) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def _again(body: bytes, receive: Receive) -> Receive:
    """Return a receive that gives the whole body once more, then what *receive* gives."""
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
