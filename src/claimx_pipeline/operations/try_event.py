"""One event outside a worker: what plugins would be shown of it, and what one would do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from attrs import evolve, frozen

from claimx_pipeline import builtin
from claimx_pipeline.clock import Clock
from claimx_pipeline.connections.registry import Connections
from claimx_pipeline.domain.domain import Domain
from claimx_pipeline.domain.events import DomainEvent
from claimx_pipeline.errors import ClaimxError, UsageError
from claimx_pipeline.hooks.context import EnrichmentContext
from claimx_pipeline.hooks.result import PluginResult
from claimx_pipeline.operations.names import one_domain, one_plugin
from claimx_pipeline.operations.trial import PluginTrial
from claimx_pipeline.plugins.base import listens
from claimx_pipeline.settings.tree.settings import Settings
from claimx_pipeline.topics import BRAND
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


def read_event(value: bytes, pipeline: Pipeline | None = None, domain: str = BRAND) -> DomainEvent:
    """Return the event in a JSON object, spelled as on the topic of raw events.

    An event without a time of its own gets the start of 1970; without an id, one is derived.

    Args:
        value: The JSON object.
        pipeline: Whose settings say how events are wrapped, and whose plugins register domains;
            None for the pipeline's own domain as it is without settings.
        domain: The domain of the event.

    Raises:
        DecodeError: It is not a valid event.
        UsageError: There is no such domain.
    """
    if pipeline is not None:
        found = one_domain(pipeline, domain)
        return found.reading(pipeline.settings)(value, 0)
    known = {each.name: each for each in builtin.claimx_register_domains()}
    if domain not in known:
        raise UsageError(f"domain {domain!r} is a plugin's; give the pipeline that has loaded it")
    return known[domain].reading(Settings())(value, 0)


@frozen
class _Parts:
    """What a reader outside a worker is made from."""

    settings: Settings
    clock: Clock
    connections: Connections


async def context_of(pipeline: Pipeline, event: DomainEvent) -> EnrichmentContext:
    """Return what plugins are shown of *event*, asking the API that *pipeline* is set to.

    Nothing is published and nothing is written.

    Raises:
        ClaimxError: No handler takes events of its type.
        RecordError: The API did not answer, or its answer cannot be used.
        UsageError: It is not an event of a domain that *pipeline* has.
    """
    async with _enriched(pipeline, event) as context:
        return evolve(context, reader=None)


@asynccontextmanager
async def _enriched(pipeline: Pipeline, event: DomainEvent) -> AsyncIterator[EnrichmentContext]:
    """Give what plugins are shown of *event*; until the end of the block they may ask the API.

    Raises:
        ClaimxError: No handler takes events of its type.
        RecordError: The API did not answer, or its answer cannot be used.
        UsageError: It is not an event of a domain that *pipeline* has.
    """
    domain = _domain_of(pipeline, event)
    handler = HandlerIndex(pipeline.handlers[domain.name]).find(event.event_type)
    if handler is None:
        raise ClaimxError(f"no handler is for events {event.event_type}; plugins never see them")
    connections = pipeline.connections()
    parts = _Parts(pipeline.settings, pipeline.clock, connections)
    reader = domain.reader(parts) if domain.reader else None
    try:
        (handled,) = await handler.handle(event.key, [event], reader)
        if handled.error is not None:
            raise handled.error
        yield EnrichmentContext(
            event,
            domain.rows_from(handled.entities),
            api_calls=handled.api_calls,
            domain=domain.name,
            key_name=domain.key_name,
            reader=reader,
        )
    finally:
        if reader is not None:
            await reader.close()
        await connections.close()


def _domain_of(pipeline: Pipeline, event: DomainEvent) -> Domain:
    for domain in pipeline.domains.values():
        if isinstance(event, domain.event):
            return domain
    raise UsageError(
        f"{type(event).__name__} is not an event of a domain of this pipeline; it has "
        f"{', '.join(pipeline.domains)}"
    )


async def try_plugin(pipeline: Pipeline, name: str, event: DomainEvent) -> TriedPlugin:
    """Return what plugin *name* would do about *event*; nothing is sent, published or written.

    It is called as a worker calls it: ``on_load``, then its hook with a time limit and in a
    thread if it may block, then ``on_unload``; and its answer is checked as a worker checks it.
    It may ask the API and the tables; a connection, which may send, it does not get.

    Raises:
        UsageError: There is no such plugin, it is not loaded, or it does not react to events.
        ClaimxError: No handler takes events of its type, or the plugin cannot be loaded.
        RecordError: The API did not answer, or its answer cannot be used.
    """
    reaction_of(pipeline, name)
    async with _enriched(pipeline, event) as context:
        trial = PluginTrial.of(pipeline, name, context.domain)
        return TriedPlugin(context, *await trial.run(context))


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
