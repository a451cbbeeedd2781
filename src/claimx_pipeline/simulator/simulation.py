"""All that one simulator holds: its world, its credentials, its faults, its memory."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec
from attrs import define, field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from claimx_pipeline.clock import Clock, SystemClock
from claimx_pipeline.simulator.faults import FaultPlan
from claimx_pipeline.simulator.links import LinkSigner
from claimx_pipeline.simulator.recording import RequestLog
from claimx_pipeline.simulator.submissions import Submissions
from claimx_pipeline.simulator.vendor import VendorState
from claimx_pipeline.simulator.world import World

if TYPE_CHECKING:
    from claimx_pipeline.simulator.routes import SimulatedRoute


@define(kw_only=True)
class Simulation:
    """What the endpoints of one server share."""

    world: World
    api_token: str
    """Credential of the ClaimX API, for ``Basic`` and ``Bearer`` alike."""
    itel_token: str
    """Credential of the iTel API, ``Bearer`` only."""
    links: LinkSigner
    media_bytes: int | None = None
    """Size of every media file; None for a few thousand bytes, different for each."""
    clock: Clock = field(factory=SystemClock)
    """Wall clock: of links, latencies and the log. The world's clock is ``world.now``."""
    faults: FaultPlan = field(factory=FaultPlan)
    requests: RequestLog = field(factory=RequestLog)
    submissions: Submissions = field(factory=Submissions)
    vendor: VendorState = field(factory=VendorState)
    routes: list[SimulatedRoute] = field(factory=list)
    """Further answers of the ClaimX API; they go before its own."""
    closing: asyncio.Event = field(factory=asyncio.Event)
    """Set when the server ends."""


def answer(value: Any, status: int = 200) -> Response:
    """Return *value* as a JSON answer."""
    return Response(msgspec.json.encode(value, enc_hook=str), status, media_type="application/json")


def authorized(request: Request, token: str, *schemes: str) -> None:
    """Check the credential of a request.

    Raises:
        HTTPException: 401, unless one of *schemes* comes with *token*.
    """
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if given != token or scheme.lower() not in schemes:
        raise HTTPException(401, "the credential is missing or not valid")


async def json_object(request: Request) -> dict[str, Any]:
    """Return the JSON object that a request carries.

    Raises:
        HTTPException: 400, if it carries anything else.
    """
    try:
        value = msgspec.json.decode(await request.body())
    except msgspec.DecodeError as error:
        raise HTTPException(400, f"the body is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise HTTPException(400, "the body is not a JSON object")
    return value


def number(text: Any, name: str) -> int:
    """Return an id given as text or number.

    Raises:
        HTTPException: 400, if it is none.
    """
    try:
        return int(text)
    except (TypeError, ValueError) as error:
        raise HTTPException(400, f"{name} is not a number: {text!r}") from error
