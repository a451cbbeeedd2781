"""The plugin: what it does for each photo, and the table, worker and query it brings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar, Final

from attrs import frozen

from claimx_pipeline import EnrichmentContext, Plugin, PluginResult, Topic, WorkerSpec, hookimpl
from claimx_pipeline.stages import Chain, DeltaConfig, StageSpec, ValidationConfig
from claimx_pipeline.tables import DOUBLE, STRING, Column, NamedQuery, TableSpec
from geofence_alerts.zones import Zone

ALERTS: Final = Topic("geofence.alerts", partitions=3, retention_hours=7 * 24)
FAILED: Final = Topic("geofence.alerts.errors", partitions=1, terminal=True)

TABLE: Final = TableSpec(
    name="geofence_alerts",
    summary="Photos that were taken inside a zone.",
    columns=(
        Column("media_id", STRING, nullable=False),
        Column("zone", STRING, nullable=False),
        Column("project_id", STRING),
        Column("latitude", DOUBLE, doc="Degrees north of where the photo was taken"),
        Column("longitude", DOUBLE, doc="Degrees east of where the photo was taken"),
        Column("event_id", STRING, bookkeeping=True),
    ),
    mode="merge",
    key=("media_id", "zone"),
)

QUERY: Final = NamedQuery(
    name="geofence-alerts",
    summary="How many photos were taken in each zone.",
    sql="SELECT zone, COUNT(*) AS photos FROM geofence_alerts GROUP BY zone ORDER BY photos DESC",
)

WORKER: Final = WorkerSpec(
    name="geofence-alerts",
    summary="Keeps each geofence alert as a row of geofence_alerts.",
    group="geofence-alerts-worker",
    reads=(ALERTS,),
    dead_letters=FAILED,
    linger_seconds=0.5,
    build=Chain.of(
        StageSpec("validation", ValidationConfig(required_fields=("media_id", "zone"))),
        StageSpec("delta", DeltaConfig(table_name=TABLE.name)),
    ),
)


@frozen(kw_only=True)
class GeofenceConfig:
    """Settings under ``plugins.geofence_alerts.config``."""

    zones: tuple[Zone, ...] = ()
    """Photos taken in one of these raise an alert."""
    connection: str | None = None
    """Connection that is called for each alert; none if not given."""
    path: str = "/alerts"
    """Path of the call."""


class GeofenceAlerts(Plugin):
    """Raises an alert for each photo that was taken inside a zone."""

    name = "geofence_alerts"
    event_types = frozenset({"PROJECT_FILE_ADDED"})
    config_class: ClassVar[type[Any] | None] = GeofenceConfig
    config: GeofenceConfig

    def topics(self) -> Iterable[Topic]:
        """Name the topic of the alerts."""
        return [ALERTS]

    def should_run(self, context: EnrichmentContext) -> bool:
        """Tell whether there is a zone to look for and a photo to look at."""
        return bool(self.config.zones) and super().should_run(context)

    def execute(self, context: EnrichmentContext) -> PluginResult:
        """Publish each alert, and have the alarm centre called."""
        result = PluginResult.ok()
        for alert in self.alerts(context):
            result = result.and_then(PluginResult.publish(ALERTS.name, alert))
            if self.config.connection is not None:
                call = PluginResult.webhook(
                    connection=self.config.connection, path=self.config.path, body=alert
                )
                result = result.and_then(call)
        return result

    def alerts(self, context: EnrichmentContext) -> Iterator[dict[str, Any]]:
        """Yield an alert for each photo and zone it was taken in."""
        for photo in context.entities.media:
            latitude, longitude = photo["latitude"], photo["longitude"]
            if latitude is None or longitude is None:
                continue
            for zone in self.config.zones:
                if zone.holds(latitude, longitude):
                    yield {
                        "media_id": photo["media_id"],
                        "zone": zone.name,
                        "project_id": context.project_id,
                        "latitude": latitude,
                        "longitude": longitude,
                        "event_id": context.event_id,
                    }

    @hookimpl
    def claimx_register_tables(self) -> Iterable[TableSpec]:
        """Declare the table of the alerts."""
        return [TABLE]

    @hookimpl
    def claimx_register_workers(self) -> Iterable[WorkerSpec]:
        """Offer the worker that fills it."""
        return [WORKER]

    @hookimpl
    def claimx_register_queries(self) -> Iterable[NamedQuery]:
        """Offer a query."""
        return [QUERY]
