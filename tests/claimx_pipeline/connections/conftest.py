"""Connections to services of the test's own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from claimx_pipeline.connections.client import Connection
from claimx_pipeline.settings.tree.connections import ConnectionSettings
from tests.fakes.hasty_clock import HastyClock


@pytest.fixture
def clock() -> HastyClock:
    return HastyClock()


@pytest.fixture
async def connect(clock: HastyClock) -> AsyncIterator[Callable[..., Connection]]:
    """Makes connections and closes them after the test."""
    made: list[Connection] = []

    def connect(base_url: str, **settings: Any) -> Connection:
        made.append(Connection("vendor", ConnectionSettings(base_url=base_url, **settings), clock))
        return made[-1]

    yield connect
    for connection in made:
        await connection.close()
