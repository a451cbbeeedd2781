"""One event outside a worker: what plugins would be shown of it, and what one would do."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from attrs import frozen

from claimx_pipeline.claimx.api import ClaimxApi
from claimx_pipeline.claimx.events import Event, decode_event
from claimx_pipeline.claimx.reader import ClaimxReader
from claimx_pipeline.errors import ClaimxError, UsageError
from claimx_pipeline.hooks.context import EnrichmentContext
from claimx_pipeline.hooks.result import PluginResult
from claimx_pipeline.operations.names import one_plugin
from claimx_pipeline.plugins.base import listens
from claimx_pipeline.workers.enrichment import HandlerIndex

if TYPE_CHECKING:
    from claimx_pipeline.pipeline import Pipeline


@frozen
class TriedPlugin:
    """What a plugin would do about an event."""

    context: EnrichmentContext
    """What it was shown."""
    answer: PluginResult | None
    """Its actions, none of which was carried out; None if it does not want the event."""
    problem: str = ""
    """Why a worker would count the answer as a failure, if it would."""


def read_event(value: bytes) -> Event:
    """Return the event in a JSON object, spelled as on the topic of raw events.

    An event without a time of its own gets the start of 1970; without an id, one is derived.

    Raises:
        DecodeError: It is not a valid event.
    """
    return decode_event(value, 0)


async def context_of(pipeline: Pipeline, event: Event) -> EnrichmentContext:
    """Return what plugins are shown of *event*, asking the API that *pipeline* is set to.

    Nothing is published and nothing is written.

    Raises:
        ClaimxError: No handler takes events of its type.
        RecordError: The API did not answer, or its answer cannot be used.
    """
    handler = HandlerIndex(pipeline.handlers).find(event.event_type)
    if handler is None:
        raise ClaimxError(f"no handler is for events {event.event_type}; plugins never see them")
    settings = pipeline.settings.claimx.api
    api = ClaimxApi(settings, pipeline.clock)
    try:
        reader = ClaimxReader.of(api, settings, pipeline.clock)
        (handled,) = await handler.handle(event.project_id, [event], reader)
    finally:
        await api.close()
    if handled.error is not None:
        raise handled.error
    return EnrichmentContext(event, handled.entities, api_calls=handled.api_calls)


async def try_plugin(pipeline: Pipeline, name: str, event: Event) -> TriedPlugin:
    """Return what plugin *name* would do about *event*; nothing is sent, published or written.

    Raises:
        UsageError: There is no such plugin, it is not loaded, or it does not react to events.
        ClaimxError: No handler takes events of its type.
        RecordError: The API did not answer, or its answer cannot be used.
    """
    react = reaction_of(pipeline, name)
    context = await context_of(pipeline, event)
    answer = react(context)
    if inspect.isawaitable(answer):
        answer = await answer
    if answer is None or isinstance(answer, PluginResult):
        return TriedPlugin(context, answer)
    kind = type(answer).__name__
    problem = f"a {kind}, which is a failure: it must be PluginResult or None"
    return TriedPlugin(context, None, problem)


def reaction_of(pipeline: Pipeline, name: str) -> Any:
    """Return the function of plugin *name* that reacts to enriched events.

    Raises:
        UsageError: There is no such plugin, it is not loaded, or it does not react to events.
    """
    info = one_plugin(pipeline, name)
    if info.state != "loaded":
        raise UsageError(f"plugin {name!r} is {info.state}: {info.problem or info.origin}")
    hook = pipeline.plugins.manager.hook.claimx_enrichment_complete
    for implementation in hook.get_hookimpls():
        if implementation.plugin_name == name and listens(
            implementation.plugin, "claimx_enrichment_complete"
        ):
            return implementation.function
    raise UsageError(f"plugin {name!r} does not react to events; its hooks: {info.hooks}")
