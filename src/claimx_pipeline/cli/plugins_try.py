"""``claimx-run plugins try``: what one plugin would do about one event, and nothing done."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Iterable, Mapping
from textwrap import indent
from typing import TYPE_CHECKING, Any

import msgspec
from attrs import asdict

from claimx_pipeline import operations
from claimx_pipeline.cli.context import CommandLine
from claimx_pipeline.errors import ClaimxError, UsageError
from claimx_pipeline.topics import BRAND

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
            pipeline = await stack.enter_async_context(_simulated(command_line, pipeline, event))
        else:
            operations.to_start(pipeline, ["enrichment"])
        done = await operations.try_plugin(pipeline, name, event)
    return {
        **done.context.describe(),
        "about": f"{done.context.key_name} {done.context.key}",
        "answer": _in_words(done),
        "problem": done.problem,
        "actions": list(_actions(done.answer)) if done.answer else [],
    }


def domain_of(pipeline: Pipeline, name: str, wanted: str | None) -> str:
    """Return the domain whose event is read: the one that is *wanted*, or the plugin's own.

    A plugin that hears of one domain only is tried on an event of that.
    """
    if wanted is not None:
        return wanted
    heard = pipeline.plugins.infos[name].domains if name in pipeline.plugins.infos else None
    return heard[0] if heard and BRAND not in heard else BRAND


def text_of(outcome: Mapping[str, Any]) -> str:
    """Return what ``tried`` found, to be read."""
    lines = [
        f"event    {outcome['event_type']} about {outcome['about']}",
        f"answer   {outcome['answer']}",
    ]
    for number, action in enumerate(outcome["actions"], start=1):
        to = f" to {action['to']}" if action["to"] else ""
        lines.append(f"\n{number}. {action['action']}{to}")
        lines += [indent(line, "   ") for line in _facts(action["what"])]
    return "\n".join(lines) + "\n"


def _facts(what: Mapping[str, Any]) -> Iterable[str]:
    """Yield what an action says, a fact a line; a message as indented JSON."""
    for name, value in what.items():
        if value in (None, "", {}, ()):
            continue
        if isinstance(value, (dict, list, tuple)):
            shown = msgspec.json.format(msgspec.json.encode(value, enc_hook=str), indent=2)
            yield f"{name}:\n{indent(shown.decode(), '  ')}"
        else:
            yield f"{name}: {value}"


@contextlib.asynccontextmanager
async def _simulated(
    command_line: CommandLine, pipeline: Pipeline, event: DomainEvent
) -> AsyncIterator[Pipeline]:
    """Give a pipeline that asks a simulated ClaimX, in which much has happened."""
    from claimx_pipeline.claimx.events import Event
    from claimx_pipeline.simulator.extending import connections_of, extend
    from claimx_pipeline.simulator.server import SimulatorServer
    from claimx_pipeline.simulator.world import World

    if not isinstance(event, Event):
        raise UsageError(
            f"--simulated simulates ClaimX, and this is a {type(event).__name__}; leave it out"
        )
    world = World(SEED)
    server = SimulatorServer(world)
    extend(server, pipeline.plugins)
    world.set_clock(world.end(EVENTS))
    projects = {each.key for each in world.events(EVENTS)}
    if event.key not in projects:
        raise ClaimxError(
            f"the simulated ClaimX has no project {event.key}; take an event of its own, "
            f"such as one for project {min(projects)}, or leave --simulated out"
        )
    async with server as simulator:
        overrides = {"claimx.api.base_url": simulator.api_url, "claimx.api.token": "demo-token"}
        for name, url in connections_of(simulator).items():
            overrides[f"connections.{name}.base_url"] = url
        yield command_line.pipeline(overrides)


def _in_words(tried: TriedPlugin) -> str:
    """Return the answer in words."""
    answer = tried.answer
    if tried.problem:
        return tried.problem
    if answer is None:
        return "nothing: it does not want this event"
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
        kind = type(action)
        words = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", kind.__name__).lower()
        yield {"action": words, "to": to, "what": facts}
