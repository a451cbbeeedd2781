"""The tables of the ClaimX domain."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from claimx_pipeline.claimx.attachments import ATTACHMENTS
from claimx_pipeline.claimx.entities import KINDS
from claimx_pipeline.claimx.event_tables import EVENT_LOG, EVENTS
from claimx_pipeline.delta.spec import TableSpec

__all__ = ["ATTACHMENTS", "ENTITY_TABLES", "EVENTS", "EVENT_LOG", "TABLES"]

ENTITY_TABLES: Mapping[str, TableSpec] = MappingProxyType({kind.name: kind.table for kind in KINDS})
"""Kind of entity to its table, parents before children."""

TABLES: tuple[TableSpec, ...] = (EVENTS, EVENT_LOG, *ENTITY_TABLES.values(), ATTACHMENTS)
"""Every table of the domain."""
