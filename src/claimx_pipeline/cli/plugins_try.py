"""``claimx-run plugins try``: what one plugin would do about one event, and nothing done."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections.abc import AsyncIterator, Iterable
from typing import TYPE_CHECKING, Any

from attrs import asdict

from claimx_pipeline.cli.context import CommandLine
from claimx_pipeline.errors import ClaimxError, UsageError
from claimx_pipeline.hooks.result import PluginResult

if TYPE_CHECKING:
    from claimx_pipeline.claimx.events import Event
    from claimx_pipeline.pipeline import Pipeline


SEED, EVENTS = 7, 1000
"""The simulated world, that of 'claimx-run demo', and how much has happened in it."""

TARGETS = ("topic", "url", "connection", "task_type", "level", "name")
"""Fields of actions that say where it would go, the telling ones first."""


def tried(command_line: CommandLine, name: str, event: Event, *, simulated: bool) -> dict[str, Any]:
    """Return what plugin *name* would do about *event*.

    Raises:
        UsageError: There is no such plugin, or it does not react to events.
        ClaimxError: The event cannot be enriched.
    """
    pipeline = command_line.pipeline()
    react = _implementation(pipeline, name)
    return asyncio.run(_try(command_line, pipeline, react, event, simulated=simulated))


async def _try(
    command_line: CommandLine, pipeline: Pipeline, react: Any, event: Event, *, simulated: bool
) -> dict[str, Any]:
    from claimx_pipeline.operations.try_event import context_of

    async with contextlib.AsyncExitStack() as stack:
        if simulated:
            pipeline = await stack.enter_async_context(_simulated(command_line, event))
        else:
            pipeline.require(pipeline.select(["enrichment"]))
        context = await context_of(pipeline, event)
        answer = react(context)
        if inspect.isawaitable(answer):
            answer = await answer
    facts = {"event_id": event.event_id, "event_type": event.event_type}
    facts |= {"project_id": event.project_id}
    if answer is None:
        return {**facts, "answer": "nothing: it does not want this event", "actions": []}
    if not isinstance(answer, PluginResult):
        wrong = f"a {type(answer).__name__}, which is a failure: it must be PluginResult or None"
        return {**facts, "answer": wrong, "actions": []}
    return {**facts, "answer": _told(answer), "actions": list(_actions(answer))}


def _implementation(pipeline: Pipeline, name: str) -> Any:
    """Return the function of plugin *name* that reacts to enriched events."""
    info = pipeline.plugins.infos.get(name)
    if info is None:
        known = ", ".join(sorted(pipeline.plugins.infos)) or "none"
        raise UsageError(f"there is no plugin {name!r}; there are: {known}")
    if info.state != "loaded":
        raise UsageError(f"plugin {name!r} is {info.state}: {info.problem or info.origin}")
    hook = pipeline.plugins.manager.hook.claimx_enrichment_complete
    for implementation in hook.get_hookimpls():
        if implementation.plugin_name == name:
            return implementation.function
    raise UsageError(f"plugin {name!r} does not react to events; its hooks: {info.hooks}")


@contextlib.asynccontextmanager
async def _simulated(command_line: CommandLine, event: Event) -> AsyncIterator[Pipeline]:
    """Give a pipeline that asks a simulated ClaimX, in which much has happened."""
    from claimx_pipeline.simulator.server import SimulatorServer
    from claimx_pipeline.simulator.world import World

    world = World(SEED)
    world.set_clock(world.end(EVENTS))
    projects = {str(each.project_id) for each in world.events(EVENTS)}
    if event.project_id not in projects:
        raise ClaimxError(
            f"the simulated ClaimX has no project {event.project_id}; take an event of its own, "
            f"such as one for project {min(projects)}, or leave --simulated out"
        )
    async with SimulatorServer(world) as simulator:
        overrides = {"claimx.api.base_url": simulator.api_url, "claimx.api.token": "demo-token"}
        yield command_line.pipeline(overrides)


def _told(answer: PluginResult) -> str:
    """Return the answer in words."""
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
