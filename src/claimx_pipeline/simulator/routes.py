"""Further answers of the simulated ClaimX API and of services of plugins."""

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

SERVICES_PATH = "/services"
"""Where the simulator answers for connections of plugins."""


@frozen
class SimulatedRoute:
    """What a simulated service answers to one path.

    The service is the ClaimX API, whose own answer it may replace, or that of a connection.
    """

    path: str
    """Below the service's address, with parameters in braces: ``/notes/{note_id}``."""
    answer: Callable[[Mapping[str, str]], Any]
    """Returns the JSON that is answered, None for a 404, from the parameters of path and query."""
    method: str = "GET"
    """HTTP method that it answers to."""
    connection: str = ""
    """Name of the connection whose service it is; its ``base_url`` is then set to the simulator,
    which asks for no credential. Empty for the ClaimX API."""


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
            Route(self._base_of(each) + each.path, self._endpoint(each), methods=[each.method])
            for each in self.simulation.routes
        ]

    def _base_of(self, route: SimulatedRoute) -> str:
        return f"{SERVICES_PATH}/{route.connection}" if route.connection else self.base

    def _endpoint(self, route: SimulatedRoute) -> Callable[[Request], Any]:
        async def endpoint(request: Request) -> Response:
            if not route.connection:
                authorized(request, self.simulation.api_token, "basic", "bearer")
            found = route.answer({**request.query_params, **request.path_params})
            if found is None:
                raise HTTPException(404, f"there is nothing at {request.url.path}")
            return answer(found)

        return endpoint
