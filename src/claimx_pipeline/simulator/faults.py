"""What can go wrong between a client and a service, on purpose and by chance of a seed."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Mapping
from random import Random
from typing import Any, Literal, get_args

import msgspec
from attrs import define, field, frozen
from attrs.validators import ge, gt, in_, le, optional
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from claimx_pipeline.clock import Clock
from claimx_pipeline.simulator.recording import CONTROL

FaultKind = Literal[
    "latency",
    "error",
    "throttle",
    "half_body",
    "wrong_types",
    "expired_links",
    "black_hole",
    "empty_file",
    "error_page",
    "stall",
]
"""latency waits before it answers; error answers ``status``; throttle answers 429 with
``Retry-After``; half_body cuts the connection within the answer, after the request was
carried out; wrong_types answers JSON whose values are of other types; expired_links hands
out links that have ended, and on the media host refuses links that have not; black_hole
takes the request and never answers. On the media host alone: empty_file sends no bytes,
error_page a page with status 200, stall half of the file and then nothing."""

EXPIRED_LINKS = "claimx_simulator.expired_links"
"""Key of the ASGI scope that tells an endpoint to treat links as ended."""

MET = "claimx_simulator.met"
"""Key of the ASGI scope that tells an endpoint the kinds of all that goes wrong."""


@frozen(kw_only=True)
class Fault:
    """One thing that goes wrong."""

    kind: FaultKind = field(validator=in_(get_args(FaultKind)))
    path: str = "/"
    """Requests whose path begins with this are concerned."""
    method: str | None = None
    """Only requests of this method, if given."""
    rate: float = field(default=1.0, validator=[ge(0), le(1)])
    """Share of the requests that meet it."""
    seconds: float = field(default=1.0, validator=ge(0))
    """How long latency waits, or what ``Retry-After`` asks for."""
    seconds_most: float | None = field(default=None, validator=optional(ge(0)))
    """Latency is drawn evenly between ``seconds`` and this, if given."""
    status: int = field(default=503, validator=[ge(400), le(599)])
    """What error answers."""
    times: int | None = field(default=None, validator=optional(gt(0)))
    """It happens this often and then no more; None for ever."""


@define
class FaultPlan:
    """The faults that are set; may be changed while requests are served."""

    seed: int = 0
    met: Counter[FaultKind] = field(factory=Counter, init=False)
    """How often each kind has happened."""
    _faults: dict[int, Fault] = field(factory=dict, init=False)
    _left: dict[int, int] = field(factory=dict, init=False)
    _added: int = field(default=0, init=False)
    _rng: Random = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._rng = Random(self.seed)  # noqa: S311 - no secret

    def add(self, fault: Fault) -> int:
        """Set a fault and return its number."""
        self._added += 1
        self._faults[self._added] = fault
        if fault.times is not None:
            self._left[self._added] = fault.times
        return self._added

    def remove(self, number: int) -> bool:
        """Lift one fault; False if there is none of that number."""
        self._left.pop(number, None)
        return self._faults.pop(number, None) is not None

    def clear(self) -> None:
        """Lift all faults."""
        self._faults.clear()
        self._left.clear()

    def all(self) -> Mapping[int, Fault]:
        """Return the faults that are set, by their numbers."""
        return dict(self._faults)

    def draw(self, method: str, path: str) -> dict[FaultKind, Fault]:
        """Return what goes wrong with the next request, at most one of each kind."""
        met: dict[FaultKind, Fault] = {}
        for number, fault in list(self._faults.items()):
            concerned = path.startswith(fault.path) and fault.method in (None, method)
            if not concerned or fault.kind in met or self._rng.random() >= fault.rate:
                continue
            met[fault.kind] = fault
            if number in self._left:
                self._left[number] -= 1
                if not self._left[number]:
                    self.remove(number)
        self.met.update(met.keys())
        return met

    def wait_of(self, fault: Fault) -> float:
        """Return how many seconds a latency waits this time."""
        if fault.seconds_most is None:
            return fault.seconds
        return self._rng.uniform(fault.seconds, fault.seconds_most)


@frozen
class Faulty:
    """ASGI middleware that lets go wrong what the plan says."""

    app: ASGIApp
    plan: FaultPlan
    clock: Clock
    closing: asyncio.Event
    """Set when the server ends: nothing waits any longer."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or do to it what was drawn."""
        if scope["type"] != "http" or scope["path"].startswith(CONTROL):
            await self.app(scope, receive, send)
            return
        met = self.plan.draw(scope["method"], scope["path"])
        if not met:
            await self.app(scope, receive, send)
            return
        if fault := met.get("latency"):
            await self._first(self.clock.sleep(self.plan.wait_of(fault)))
        if "black_hole" in met:
            await self._first(_disconnected(receive))
            return
        if answer := _refusal(met):
            await answer(scope, receive, send)
            return
        scope[EXPIRED_LINKS] = "expired_links" in met
        scope[MET] = frozenset(met)
        if "wrong_types" in met:
            send = _wrong_types(send)
        if "half_body" in met:
            send = _half_body(send)
        await self.app(scope, receive, send)

    async def _first(self, waiting: Any) -> None:
        """Wait for *waiting* or the end of the server."""
        tasks = {asyncio.ensure_future(waiting), asyncio.ensure_future(self.closing.wait())}
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def _refusal(met: Mapping[FaultKind, Fault]) -> JSONResponse | None:
    if fault := met.get("throttle"):
        headers = {"Retry-After": str(math.ceil(fault.seconds))}
        return JSONResponse({"message": "too many requests"}, 429, headers)
    if fault := met.get("error"):
        return JSONResponse({"message": "the simulator was asked to fail"}, fault.status)
    return None


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _half_body(send: Send) -> Send:
    """Send half of the first piece and nothing more: the server then cuts the connection."""
    cut = False

    async def halving(message: Message) -> None:
        nonlocal cut
        if cut:
            return
        if message["type"] == "http.response.body":
            cut = True
            body = message.get("body", b"")
            message = {**message, "body": body[: len(body) // 2], "more_body": True}
        await send(message)

    return halving


def _wrong_types(send: Send) -> Send:
    """Hold the answer back until it is whole, and send it with other types."""
    start: Message = {}
    parts: list[bytes] = []

    async def changing(message: Message) -> None:
        if message["type"] == "http.response.start":
            start.update(message)
            return
        parts.append(message.get("body", b""))
        if message.get("more_body", False):
            return
        body = b"".join(parts)
        if (b"content-type", b"application/json") in start["headers"]:
            body = msgspec.json.encode(_changed(msgspec.json.decode(body)))
        kept = [(name, value) for name, value in start["headers"] if name != b"content-length"]
        headers = [*kept, (b"content-length", str(len(body)).encode())]
        await send({**start, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return changing


def _changed(value: Any) -> Any:
    """Return *value* with lists in place of numbers and objects in place of texts."""
    match value:
        case dict():
            return {key: _changed(item) for key, item in value.items()}
        case list():
            return [_changed(item) for item in value]
        case str():
            return {"text": value}
        case int() | float() if not isinstance(value, bool):
            return [value]
        case _:
            return value
