"""Further answers of the simulated ClaimX API, for what plugins ask."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from attrs import frozen
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import Receive, Scope, Send

from claimx_pipeline.simulator.simulation import Simulation, answer, authorized


@frozen
class SimulatedRoute:
    """What the simulated ClaimX API answers to one path, also instead of its own answer."""

    path: str
    """Below the API's address, with parameters in braces: ``/notes/{note_id}``."""
    answer: Callable[[Mapping[str, str]], Any]
    """Returns the JSON that is answered, None for a 404, from the parameters of path and query."""
    method: str = "GET"
    """HTTP method that it answers to."""


@frozen
class PluginRoutes(BaseRoute):
    """The routes that a simulation has got, as they are when a request comes."""

    simulation: Simulation
    base: str
    """Path of the API."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Return whether one of the routes is for this request."""
        for route in self._routes():
            match, more = route.matches(scope)
            if match is Match.FULL:
                return match, {**more, "route": route}
        return Match.NONE, {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer by the route that matched."""
        await scope["route"].handle(scope, receive, send)

    def _routes(self) -> Sequence[Route]:
        return [
            Route(self.base + each.path, self._endpoint(each), methods=[each.method])
            for each in self.simulation.routes
        ]

    def _endpoint(self, route: SimulatedRoute) -> Callable[[Request], Any]:
        async def endpoint(request: Request) -> Response:
            authorized(request, self.simulation.api_token, "basic", "bearer")
            found = route.answer({**request.query_params, **request.path_params})
            if found is None:
                raise HTTPException(404, f"there is nothing at {request.url.path}")
            return answer(found)

        return endpoint
