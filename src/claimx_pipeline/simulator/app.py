"""The simulator as one ASGI application."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from claimx_pipeline.simulator.claimx_api import API_PATH, ClaimxEndpoints
from claimx_pipeline.simulator.control import Control
from claimx_pipeline.simulator.faults import Faulty
from claimx_pipeline.simulator.itel_api import ItelApi, webhook_routes
from claimx_pipeline.simulator.media_host import MediaHost
from claimx_pipeline.simulator.recording import Recorder
from claimx_pipeline.simulator.routes import PluginRoutes
from claimx_pipeline.simulator.simulation import Simulation, answer
from claimx_pipeline.simulator.vendor_api import VendorApi


def build_app(simulation: Simulation) -> ASGIApp:
    """Return the application: endpoints, with faults before them and the log before those."""
    endpoints = Starlette(
        routes=[
            PluginRoutes(simulation, API_PATH),
            *ClaimxEndpoints(simulation).routes(),
            *MediaHost(simulation).routes(),
            *ItelApi(simulation).routes(),
            *VendorApi(simulation).routes(),
            *webhook_routes(),
            *Control(simulation).routes(),
        ],
        exception_handlers={HTTPException: _refused},
    )
    faulty = Faulty(endpoints, simulation.faults, simulation.clock, simulation.closing)
    return Recorder(faulty, simulation.requests, simulation.clock)


async def _refused(_: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    return answer({"message": error.detail}, error.status_code)
