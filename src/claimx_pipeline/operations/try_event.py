"""One event outside a worker: what plugins would be shown of it."""

from __future__ import annotations

from claimx_pipeline.claimx.api import ClaimxApi
from claimx_pipeline.claimx.events import Event
from claimx_pipeline.claimx.reader import ClaimxReader
from claimx_pipeline.errors import ClaimxError
from claimx_pipeline.hooks.context import EnrichmentContext
from claimx_pipeline.pipeline import Pipeline
from claimx_pipeline.workers.enrichment import HandlerIndex


async def context_of(pipeline: Pipeline, event: Event) -> EnrichmentContext:
    """Return what plugins are shown of *event*, asking the API that *pipeline* is set to.

    Nothing is published and nothing is written.

    Raises:
        ClaimxError: No handler is for its type.
        RecordError: The API did not answer, or its answer is no use.
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
