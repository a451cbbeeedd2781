"""A plugin class with settings, topics and a registration."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, ClassVar, assert_type

from attrs import frozen

from claimx_pipeline import (
    EnrichmentContext,
    Event,
    Plugin,
    PluginResult,
    Problem,
    Settings,
    Topic,
    hookimpl,
)
from claimx_pipeline.domain import DomainEvent, EntityRow

NOTES = Topic("acme.notes", partitions=3, retention_hours=24)


@frozen(kw_only=True)
class AcmeConfig:
    states: tuple[str, ...] = ()
    connection: str | None = None


class Acme(Plugin):
    name = "acme"
    event_types = frozenset({"PROJECT_CREATED"})
    config_class: ClassVar[type[Any] | None] = AcmeConfig
    config: AcmeConfig

    def topics(self) -> Iterable[Topic]:
        return [NOTES]

    def should_run(self, context: EnrichmentContext) -> bool:
        return super().should_run(context) and bool(self.config.states)

    def execute(self, context: EnrichmentContext) -> PluginResult:
        assert_type(context.event, DomainEvent)
        assert_type(context.key, str)
        if isinstance(context.event, Event):
            assert_type(context.event.project_id, str)
        assert_type(context.event.ingested_at, datetime)
        # A domain's own words are read through, so they have no type.
        assert_type(context.project_id, Any)
        assert_type(context.attempt, int)
        if context.project is None:
            return PluginResult.skip("the event brought no project")
        result = PluginResult.ok("noted")
        for note in self.notes(context):
            result = result.and_then(PluginResult.publish(NOTES.name, note, key=context.project_id))
            if self.config.connection is not None:
                call = PluginResult.webhook(connection=self.config.connection, body=note)
                result = result.and_then(call)
        return assert_type(result, PluginResult)

    def notes(self, context: EnrichmentContext) -> Iterator[dict[str, str]]:
        assert_type(context.entities.media, list[EntityRow])
        for photo in context.entities.media:
            yield {"media_id": str(photo["media_id"]), "event_id": context.event_id}

    @hookimpl
    def claimx_check_settings(self, settings: Settings) -> Iterable[Problem]:
        if self.config.connection not in {None, *settings.connections}:
            return [Problem("plugins.acme.config.connection", "names no connection")]
        return []


assert_type(NOTES.name, str)
assert_type(Acme(AcmeConfig()).config, AcmeConfig)
