"""What plugins are shown of an event, made for tests from the simulated ClaimX."""

from __future__ import annotations

import functools
from typing import Any

import msgspec

from claimx_pipeline.domain.entities import EntityRow
from claimx_pipeline.hooks.context import EnrichmentContext
from claimx_pipeline.library.pipeline import Pipeline
from claimx_pipeline.operations import context_of
from claimx_pipeline.simulator.entities import WorldEvent
from claimx_pipeline.simulator.server import SimulatorServer
from claimx_pipeline.simulator.world import World
from claimx_pipeline.testing.builders import happened, make_event
from claimx_pipeline.testing.installing import others
from claimx_pipeline.testing.looping import LoopThread

SEED, EVENTS, TIME_LIMIT = 7, 1000, 60.0
USUAL = make_event().event_type
"""Its rows are shown with events of types that the simulated ClaimX does not have."""


def make_context(event_type: str = "", **rows: list[EntityRow]) -> EnrichmentContext:
    """Return what plugins are shown of an event of this type, with the rows that it brings.

    Event and rows are those of the simulated ClaimX; of a type that it does not have, those
    of a new project.

    Args:
        event_type: Type of the event; that of a new claim if not given.
        **rows: Kind of entity to the rows that it has instead: ``tasks=[{…}]``.
    """
    event_type = event_type or USUAL
    context = _sampled(event_type)
    if context is None:
        context = (_sampled(USUAL) or _none()).copy()
        context.event = make_event(event_type, **{context.key_name: context.key})
    else:
        context = context.copy()
    for kind, given in rows.items():
        if kind not in type(context.entities).kinds():
            known = ", ".join(type(context.entities).kinds())
            raise ValueError(f"there is no kind {kind!r}; there are {known}")
        setattr(context.entities, kind, given)
    return context


def _none() -> EnrichmentContext:
    raise LookupError(f"the simulated ClaimX has no event {USUAL}")


@functools.cache
def _sampled(event_type: str) -> EnrichmentContext | None:
    """Return the context of the first such event of the simulated ClaimX; None without one."""
    world = World(SEED)
    events = world.events(EVENTS)
    found = next((event for event in events if event.type == event_type), None)
    if found is None:
        return None
    world.set_clock(world.end(EVENTS))
    loop = LoopThread()
    try:
        return loop.run(_asked(world, found), TIME_LIMIT)
    finally:
        loop.close()


async def _asked(world: World, event: WorldEvent) -> EnrichmentContext:
    async with SimulatorServer(world) as simulator:
        settings: dict[str, Any] = {
            "claimx.api.base_url": simulator.api_url,
            "claimx.api.token": "demo-token",
            "plugins.dir": "",
            # The rows are ClaimX's own, whatever is installed beside.
            **{f"plugins.{name}.enabled": "false" for name in others()},
        }
        pipeline = Pipeline.load(environ={}, overrides=settings)
        value = msgspec.json.encode(event.value)
        return await context_of(pipeline, happened(value, event.at))
