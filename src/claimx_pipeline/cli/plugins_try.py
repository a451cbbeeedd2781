"""``claimx-run plugins try``: what one plugin would do about one event, and nothing done."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable
from typing import TYPE_CHECKING, Any

from attrs import asdict

from claimx_pipeline import operations
from claimx_pipeline.cli.context import CommandLine
from claimx_pipeline.errors import ClaimxError

if TYPE_CHECKING:
    from claimx_pipeline.domain.events import DomainEvent
    from claimx_pipeline.hooks.result import PluginResult
    from claimx_pipeline.operations import TriedPlugin
    from claimx_pipeline.pipeline import Pipeline


SEED, EVENTS = 7, 1000
"""The simulated world, that of 'claimx-run demo', and how much has happened in it."""

TARGETS = ("topic", "url", "connection", "task_type", "level", "name")
"""Fields of actions that say where it would go, the most specific first."""


def tried(
    command_line: CommandLine, name: str, event: DomainEvent, *, simulated: bool
) -> dict[str, Any]:
    """Return what plugin *name* would do about *event*.

    Raises:
        UsageError: There is no such plugin, or it does not react to events.
        ClaimxError: The event cannot be enriched.
    """
    return asyncio.run(_try(command_line, name, event, simulated=simulated))


async def _try(
    command_line: CommandLine, name: str, event: DomainEvent, *, simulated: bool
) -> dict[str, Any]:
    from claimx_pipeline.operations.try_event import reaction_of

    pipeline = command_line.pipeline()
    reaction_of(pipeline, name)  # a wrong name is reported before a simulator starts
    async with contextlib.AsyncExitStack() as stack:
        if simulated:
            pipeline = await stack.enter_async_context(_simulated(command_line, event))
        else:
            operations.to_start(pipeline, ["enrichment"])
        done = await operations.try_plugin(pipeline, name, event)
    return {
        **done.context.describe(),
        "about": f"{done.context.key_name} {done.context.key}",
        "answer": _in_words(done),
        "actions": list(_actions(done.answer)) if done.answer else [],
    }


@contextlib.asynccontextmanager
async def _simulated(command_line: CommandLine, event: DomainEvent) -> AsyncIterator[Pipeline]:
    """Give a pipeline that asks a simulated ClaimX, in which much has happened."""
    from claimx_pipeline.simulator.server import SimulatorServer
    from claimx_pipeline.simulator.world import World

    world = World(SEED)
    world.set_clock(world.end(EVENTS))
    projects = {each.key for each in world.events(EVENTS)}
    if event.key not in projects:
        raise ClaimxError(
            f"the simulated ClaimX has no project {event.key}; take an event of its own, "
            f"such as one for project {min(projects)}, or leave --simulated out"
        )
    async with SimulatorServer(world) as simulator:
        overrides = {"claimx.api.base_url": simulator.api_url, "claimx.api.token": "demo-token"}
        yield command_line.pipeline(overrides)


def _in_words(tried: TriedPlugin) -> str:
    """Return the answer in words."""
    answer = tried.answer
    if answer is None:
        return tried.problem or "nothing: it does not want this event"
    if answer.filtered:
        return f"filter the event out: {answer.message}"
    if answer.actions:
        return f"{len(answer.actions)} actions"
    return f"nothing: {answer.message}" if answer.message else "nothing"


def _actions(answer: PluginResult) -> Iterable[dict[str, Any]]:
    """Yield what would be done, as a person reads it."""
    for action in answer.actions:
        facts = asdict(action)
        to = next((facts.pop(key) for key in TARGETS if facts.get(key)), "")
        yield {"action": type(action).__name__.lower(), "to": to, "what": facts}
