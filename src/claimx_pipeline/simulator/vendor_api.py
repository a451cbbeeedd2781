"""The vendor behind iTel, as it is since 2026: OAuth2, a gateway, and its habits.

A form that is there already is answered with 400 and "already exists"; some new ones are answered
with 201 and a connection that ends before the answer does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import parse_qs

import msgspec
from attrs import frozen
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from claimx_pipeline.simulator.simulation import Simulation, answer, json_object
from claimx_pipeline.simulator.vendor import VendorState

VENDOR_PATH: Final = "/vendor"
SCOPE: Final = "cabinet-repair/.default"
"""What a token must be asked for."""

_FEWEST_WORDS: Final = 10
_TOKEN_SECONDS: Final = 600
_PARTS: Final = ("insured", "adjuster", "cabinet_repair_specs", "opinion_replacement_value_specs")
_LARGEST: Final = 2**31 - 1


@frozen
class VendorApi:
    """Takes the vendor's payload of 2026."""

    simulation: Simulation

    def routes(self) -> list[Route]:
        """Return the token service and the endpoint."""
        return [
            Route(f"{VENDOR_PATH}/token", self.token, methods=["POST"]),
            Route(f"{VENDOR_PATH}/cabinet-repair-orv", self.submit, methods=["POST"]),
        ]

    async def token(self, request: Request) -> Response:
        """Hand a token out to who has the client's secret and names the scope."""
        form = {name: given[0] for name, given in parse_qs((await request.body()).decode()).items()}
        wanted = ("client_credentials", self._state.client_secret, SCOPE)
        if (form.get("grant_type"), form.get("client_secret"), form.get("scope")) != wanted:
            return answer({"error": "invalid_client"}, 401)
        return answer({"access_token": self._state.issue(), "expires_in": _TOKEN_SECONDS})

    async def submit(self, request: Request) -> Response:
        """Accept a form that is not there yet."""
        state = self._state
        self._authorized(request)
        body = await json_object(request)
        if mistakes := list(mistakes_of(body)):
            state.refused += 1
            return answer({"message": "invalid request", "errors": mistakes}, 422)
        name = str(body["integration_test_id"])
        before = len(state.submissions)
        taken = state.submissions.take(body, name, self.simulation.clock.now())
        if len(state.submissions) == before:
            return answer({"message": f"Assignment {name} already exists"}, 400)
        said = {"success": True, "itel_task_id": taken.itel_task_id}
        if state.disconnect_every and len(state.submissions) % state.disconnect_every == 0:
            state.cut += 1
            return CutOff(msgspec.json.encode(said), 201, media_type="application/json")
        return answer(said, 201)

    @property
    def _state(self) -> VendorState:
        return self.simulation.vendor

    def _authorized(self, request: Request) -> None:
        """Check the subscription, as the gateway does, and the token.

        Raises:
            HTTPException: 401.
        """
        if request.headers.get("ocp-apim-subscription-key") != self._state.subscription_id:
            raise HTTPException(401, "access denied due to missing subscription key")
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not self._state.knows(token):
            raise HTTPException(401, "the token is missing or not valid")


class CutOff(Response):
    """An answer whose status arrives and whose body does not: the server then disconnects."""

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Send the head only."""
        await send(
            {
                "type": "http.response.start",
                "status": self.status_code,
                "headers": self.raw_headers,
            }
        )
        await send({"type": "http.response.body", "body": b"", "more_body": True})


def mistakes_of(body: Mapping[str, Any]) -> Iterator[str]:
    """Yield what the vendor does not take of a form."""
    for name in ("integration_test_id", "claim_number", "external_claim_id"):
        if not isinstance(body.get(name), str) or not body[name]:
            yield f"{name} is missing"
    for name in ("subscription_id", "carrier_id"):
        if name in body:
            yield f"{name} is not a field"
    parts = {name: body.get(name) for name in _PARTS}
    for name, part in parts.items():
        if not isinstance(part, dict):
            yield f"{name} is missing"
            continue
        for key, value in part.items():
            if (wrong := _wrong(key, value)) is not None:
                yield f"{name}.{key} {wrong}"
    adjuster = parts["adjuster"]
    if isinstance(adjuster, dict) and not adjuster.get("carrier_id"):
        yield "adjuster.carrier_id is missing"


def _wrong(key: str, value: Any) -> str | None:
    """Return what is wrong with a value, which must not be null whatever it is called."""
    if value is None:
        return "is null"
    return next(
        (wrong for endings, fits, wrong in _RULES if key.endswith(endings) and not fits(value)),
        None,
    )


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _LARGEST


_RULES: Final[tuple[tuple[tuple[str, ...], Callable[[Any], bool], str], ...]] = (
    (("_count", "_linear_ft"), _whole, "is not a whole number in range"),
    (
        ("damage_description",),
        lambda value: len(str(value).split()) >= _FEWEST_WORDS,
        f"has fewer than {_FEWEST_WORDS} words",
    ),
    (("phone",), lambda value: not str(value).strip("0123456789"), "holds more than digits"),
    (("_available",), lambda value: value in ("yes", "no"), "is neither yes nor no"),
    (
        ("_damaged", "_detached"),
        lambda value: isinstance(value, bool),
        "is neither true nor false",
    ),
)
"""Endings of names, what their values must be, and what is said of another."""
