import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from claimx_pipeline.simulator.server import SimulatorServer
from claimx_pipeline.simulator.world import World

EVENTS = 400


@pytest.fixture
async def sim() -> AsyncIterator[SimulatorServer]:
    """A server whose world has seen its first 400 events."""
    world = World(seed=7)
    world.set_clock(world.end(EVENTS))
    async with SimulatorServer(world) as server:
        yield server


@pytest.fixture
async def api(sim: SimulatorServer) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the ClaimX API that has its credential."""
    headers = {"Authorization": "Basic demo-token"}
    async with httpx.AsyncClient(base_url=sim.api_url, headers=headers) as client:
        yield client


@pytest.fixture
async def outside(sim: SimulatorServer) -> AsyncIterator[httpx.AsyncClient]:
    """A client of all else, without credential."""
    async with httpx.AsyncClient(base_url=sim.url) as client:
        yield client


@pytest.fixture(scope="session")
def samples() -> dict[str, Any]:
    """Answers as the real API gives them, with invented values."""
    return json.loads((Path(__file__).parent / "data" / "answers.json").read_text())
