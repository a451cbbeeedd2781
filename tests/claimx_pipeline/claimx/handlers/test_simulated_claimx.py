"""The handlers against the simulated ClaimX: all that its world holds becomes rows."""

from __future__ import annotations

import asyncio
from collections import defaultdict

import msgspec
import pytest

from claimx_pipeline.claimx.api import ClaimxApi
from claimx_pipeline.claimx.events import decode_event
from claimx_pipeline.claimx.handlers import core_handlers
from claimx_pipeline.claimx.reader import ClaimxReader
from claimx_pipeline.claimx.tables import ENTITY_TABLES
from claimx_pipeline.clock import SystemClock
from claimx_pipeline.delta.writing.convert import to_arrow
from claimx_pipeline.domain.answer_columns import Unreadable
from claimx_pipeline.settings.secret import Secret
from claimx_pipeline.settings.tree.claimx import ApiSettings
from claimx_pipeline.simulator.server import SimulatorServer
from claimx_pipeline.simulator.world import World

EVENTS = 150


@pytest.fixture
async def handled_events():
    """Every event of the world, grouped as the worker groups them, and what became of it."""
    world, clock, unreadable = World(seed=3), SystemClock(), Unreadable()
    events = [decode_event(msgspec.json.encode(event.value), 0) for event in world.events(EVENTS)]
    world.set_clock(world.end(EVENTS))
    handlers = core_handlers(clock, unreadable)
    groups = defaultdict(list)
    for event in events:
        exact = [handler for handler in handlers if event.event_type in handler.event_types]
        if exact:
            groups[exact[0], event.project_id].append(event)
    async with SimulatorServer(world) as server:
        settings = ApiSettings(base_url=server.api_url, token=Secret("demo-token"))
        api = ClaimxApi(settings, clock)
        reader = ClaimxReader.of(api, settings, clock)
        results = await asyncio.gather(
            *(
                handler.handle(project_id, group, reader)
                for (handler, project_id), group in groups.items()
            )
        )
        await api.close()
        asked = server.requests.total
    return world, [handled for group in results for handled in group], unreadable, asked


@pytest.mark.incident("DEL-11")
async def test_every_entity_of_the_world_becomes_a_row(handled_events):
    world, results, unreadable, asked = handled_events
    assert [handled.error for handled in results if handled.error] == []
    assert not unreadable.counts
    assert sum(handled.api_calls for handled in results) == asked
    found = defaultdict(set)
    for handled in results:
        for kind, rows in handled.entities.items():
            spec = ENTITY_TABLES[kind]
            _, refused = to_arrow(spec, rows)
            assert refused == []
            keys = (spec.key_of(row) for row in rows)
            found[kind] |= {key[0] if len(key) == 1 else key for key in keys}
    expected = world.expected(EVENTS)
    assert {kind: len(keys) for kind, keys in found.items() if keys} == {
        kind: len(keys) for kind, keys in expected.items()
    }
    for kind, keys in expected.items():
        plain = {key[0] if isinstance(key, tuple) and len(key) == 1 else key for key in keys}
        assert found[kind] == plain
