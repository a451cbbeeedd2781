"""ClaimX as a domain, registered as a plugin would register its own."""

from __future__ import annotations

from collections.abc import Mapping

from claimx_pipeline.claimx.api import ClaimxApi, connection_settings, missing_access
from claimx_pipeline.claimx.entities import KINDS, EntityRows
from claimx_pipeline.claimx.event_tables import EVENT_LOG, EVENTS, event_columns
from claimx_pipeline.claimx.events import Event, event_decoder
from claimx_pipeline.claimx.files import FILES
from claimx_pipeline.claimx.handlers import core_handlers
from claimx_pipeline.claimx.marked import marked_events
from claimx_pipeline.claimx.project_actions import CREATE_TASK
from claimx_pipeline.claimx.reader import ClaimxReader
from claimx_pipeline.domain.domain import Domain, ReaderParts
from claimx_pipeline.domain.events import Decode
from claimx_pipeline.domain.people import PersonColumns
from claimx_pipeline.errors import Problem
from claimx_pipeline.settings.tree.connections import CLAIMX_API, ConnectionSettings
from claimx_pipeline.settings.tree.settings import Settings

__all__ = ["CLAIMX"]


def decoder(settings: Settings) -> Decode:
    """Return the function that reads raw events, wrapped as the settings say."""
    return event_decoder(settings.claimx.events)


def reader(parts: ReaderParts) -> ClaimxReader:
    """Return what asks the API for handlers."""
    settings = parts.settings.claimx.api
    return ClaimxReader.of(ClaimxApi(settings, parts.clock), settings, parts.clock)


def check(settings: Settings, worker: str) -> list[Problem]:
    """Return what is missing before *worker* can ask the API."""
    return missing_access(settings.claimx.api, worker)


def connections(settings: Settings) -> Mapping[str, ConnectionSettings]:
    """Return the connection to the API, if the settings have one."""
    api = settings.claimx.api
    return {CLAIMX_API: connection_settings(api)} if api.base_url is not None else {}


CLAIMX = Domain(
    name="claimx",
    summary="Claims: projects, contacts, media and tasks, asked from the ClaimX API",
    title="ClaimX",
    key_name="project_id",
    event=Event,
    decoder=decoder,
    kinds=KINDS,
    rows=EntityRows,
    events_table=EVENTS,
    event_columns=event_columns,
    event_log=EVENT_LOG,
    answer_handlers=core_handlers,
    reader=reader,
    marked_events=marked_events,
    needs=("claimx.api", "claimx.media.path"),
    check=check,
    files=FILES,
    people=(
        PersonColumns(
            table="claimx_contacts",
            names=("first_name", "last_name"),
            addresses=("contact_email", "phone_number"),
            only={"contact_type": "POLICYHOLDER"},
        ),
        PersonColumns(
            table="claimx_projects",
            names=("customer_first_name", "customer_last_name"),
            addresses=("primary_email", "primary_phone"),
        ),
    ),
    connections=connections,
    actions=(CREATE_TASK,),
    demo="claimx_pipeline.simulator.demonstration:ClaimxDemonstration",
    worker_prefix="",
    formerly={
        "ingest": frozenset({"claimx-ingester", "event_ingester"}),
        "events": frozenset({"claimx-delta-writer", "delta_events_writer"}),
        "enrichment": frozenset({"claimx-enricher", "enrichment_worker"}),
        "entities": frozenset({"claimx-entity-writer", "entity_delta_writer"}),
    },
)
"""The first domain: its workers have no prefix."""
