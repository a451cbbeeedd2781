"""Every hook a plugin may implement.

A plugin is a module or an object whose functions carry ``hookimpl``; it is found by
the entry-point group ``claimx_pipeline``. The core registers its own parts here too.

``claimx_register_*`` hooks are called once, when the parts are put together, and return
objects. The others are called while workers run; they may be ``async``.

An implementation may leave out arguments that it does not need. One whose name is not that of
a hook is refused when the plugin is loaded, and so is one that asks for its turn by ``tryfirst`` or
``trylast``: the order is that of ``priority``. Every example below is run by the tests.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from claimx_pipeline.hooks.markers import (  # noqa: F401 - plugins may import them from here
    API_VERSION,
    PROJECT,
    hookimpl,
    hookspec,
)

if TYPE_CHECKING:
    from claimx_pipeline.broker.protocol import BrokerFactory
    from claimx_pipeline.clock import Clock
    from claimx_pipeline.delta.importing.old_table import OldTable
    from claimx_pipeline.delta.querying.queries import NamedQuery
    from claimx_pipeline.delta.spec import TableSpec
    from claimx_pipeline.domain.domain import Domain
    from claimx_pipeline.domain.extension import DomainExtension
    from claimx_pipeline.domain.handlers import EventHandler
    from claimx_pipeline.errors import Problem
    from claimx_pipeline.hooks.command import Command
    from claimx_pipeline.hooks.context import EnrichmentContext, FileContext
    from claimx_pipeline.hooks.moments import DeadLetterContext, RowsCommitted, WorkerReadiness
    from claimx_pipeline.hooks.result import PluginResult
    from claimx_pipeline.monitoring.model import Alert, Dashboard
    from claimx_pipeline.runtime.resources import Resources
    from claimx_pipeline.runtime.worker import WorkerSpec
    from claimx_pipeline.settings.tree.settings import Settings, SettingsSection
    from claimx_pipeline.simulator.events import SimulatedEvents
    from claimx_pipeline.simulator.routes import SimulatedRoute
    from claimx_pipeline.simulator.world import World
    from claimx_pipeline.sources.protocol import SourceSpec, SourceType
    from claimx_pipeline.stages.protocol import Stage
    from claimx_pipeline.telemetry.former_names import FormerMetric


@hookspec
def claimx_register_settings() -> SettingsSection:  # type: ignore[empty-body]
    """Add a section to the settings.

    Called once, before the settings are read. Its environment variables and default
    YAML take part in the one order of precedence that all settings have.

    Returns:
        The section. None if the plugin has no settings of its own.

    Raises:
        Exception: Nothing starts; the error is shown.

    Example::

        from attrs import frozen
        from claimx_pipeline import SettingsSection, hookimpl

        @frozen(kw_only=True)
        class AcmeSettings:
            region: str = "north"

        @hookimpl
        def claimx_register_settings():
            return SettingsSection(
                name="acme", kind=AcmeSettings, environment={"ACME_REGION": "acme.region"}
            )
    """


@hookspec
def claimx_register_brokers() -> Mapping[str, BrokerFactory]:  # type: ignore[empty-body]
    """Offer brokers.

    Called once, when the broker is needed.

    Returns:
        URL scheme to a function that makes a broker from a URL and the ``broker``
        settings. A scheme that another plugin offers is refused.

    Raises:
        Exception: Nothing starts; the error is shown.

    Example::

        from claimx_pipeline import hookimpl
        from claimx_pipeline.broker.sqlite.broker import SqliteBroker

        @hookimpl
        def claimx_register_brokers():
            return {"acme": lambda url, settings: SqliteBroker(url, settings)}
    """


@hookspec
def claimx_register_domains(settings: Settings) -> Iterable[Domain]:  # type: ignore[empty-body]
    """Register domains of events.

    Called once, at start. A domain brings its events, entity kinds, tables, handlers and the
    reader of its API; its topics, consumer groups, dead letters and workers follow from its
    name: a domain ``acme`` is read from ``acme.events.raw`` by worker ``acme-ingest``, and
    ``claimx-run worker acme`` starts all its workers.

    Args:
        settings: All settings; a section of the domain's own is registered by
            ``claimx_register_settings``.

    Returns:
        The domains. A name that another plugin registers is refused.

    Raises:
        Exception: Nothing starts; the error is shown.

    Example::

        from datetime import datetime
        import msgspec
        from attrs import frozen
        from claimx_pipeline import DecodeError, hookimpl
        from claimx_pipeline.domain import NO_PAYLOAD, Domain, RowsByKind, event_log, rows_of
        from claimx_pipeline.tables import STRING, TIMESTAMP, Column, TableSpec

        @frozen
        class AcmeEvent:
            event_id: str
            event_type: str
            job_id: str
            ingested_at: datetime
            id_has_time: bool = False
            payload: msgspec.Raw = NO_PAYLOAD

            @property
            def key(self):
                return self.job_id

        def decode(value, timestamp_ms, origin=None, now=None):
            try:
                said = msgspec.json.decode(value or b"")
                at = datetime.fromisoformat(said["at"])
                return AcmeEvent(said["id"], said["type"], said["job"], at,
                                 payload=msgspec.Raw(value))
            except (msgspec.DecodeError, TypeError, KeyError, ValueError) as error:
                raise DecodeError(f"the record is not a valid event of Acme: {error}") from error

        @rows_of(())
        class AcmeRows(RowsByKind):
            pass

        EVENTS = TableSpec(
            name="acme_events", summary="Every event of Acme as it came, one row per event id",
            mode="append", key=("event_id",), event_time="ingested_at",
            columns=(Column("event_id", STRING, nullable=False), Column("payload", STRING),
                     Column("ingested_at", TIMESTAMP, nullable=False)),
        )

        def event_columns(events, values, now):
            return {"event_id": [event.event_id for event in events],
                    "payload": [bytes(event.payload).decode() for event in events],
                    "ingested_at": [event.ingested_at for event in events]}

        @hookimpl
        def claimx_register_domains():
            log = event_log("acme_event_log", key_name="job_id", kinds=(), example="OPENED",
                            events_table=EVENTS.name, key_doc="The job")
            return [Domain(
                name="acme", summary="Jobs of Acme", key_name="job_id", event=AcmeEvent,
                decoder=lambda settings: decode, rows=AcmeRows, events_table=EVENTS,
                event_columns=event_columns, event_log=log,
            )]
    """


@hookspec
def claimx_extend_domains(  # type: ignore[empty-body]
    settings: Settings,
) -> Iterable[DomainExtension]:
    """Add event types, entity kinds and columns to a domain that is there.

    Called once, at start, when every domain is registered. The handlers get the domain's own
    reader: ``await reader.get(path)`` of ClaimX asks its API. Rows of a plugin's kinds travel
    under the plugin's name: where it is not installed they are dead letters that name it, and
    nothing is lost.

    Args:
        settings: All settings.

    Returns:
        What is added, for each domain. Refused is a name that the domain or another plugin has,
        a domain that is not loaded, and a column that does not begin with the plugin's name.

    Raises:
        Exception: Nothing starts; the error is shown.

    Example::

        from claimx_pipeline import hookimpl
        from claimx_pipeline.domain import DomainExtension, EntityKind, HandledRows
        from claimx_pipeline.tables import STRING, Column, TableSpec

        VISITS = EntityKind("visits", TableSpec(
            name="example_visits", summary="Visits to a claim", mode="merge", key=("visit_id",),
            columns=(Column("visit_id", STRING, nullable=False), Column("project_id", STRING)),
        ))

        class VisitHandler:
            name = "example_visits"
            event_types = frozenset({"VISIT_PLANNED"})
            event_prefixes = ()

            async def handle(self, project_id, events, reader):
                return [await self._handled(event, reader.counted()) for event in events]

            async def _handled(self, event, reader):
                path = f"/visits/{event.project_id}"
                answer = await reader.get(path, not_before=event.ingested_at)
                row = {"visit_id": answer.body["id"], "project_id": event.project_id}
                return HandledRows({"visits": [row]}, api_calls=reader.calls)

        @hookimpl
        def claimx_extend_domains():
            return [DomainExtension(
                domain="claimx", kinds=[VISITS], handlers=lambda clock: [VisitHandler()],
                columns={"projects": [Column("example_visited_by", STRING)]},
            )]
    """


@hookspec
def claimx_register_tables(  # type: ignore[empty-body]
    settings: Settings, domains: Sequence[Domain]
) -> Iterable[TableSpec]:
    """Declare tables.

    Called once, at start; the tables appear in ``claimx-run tables list``.

    Args:
        settings: All settings.
        domains: Every domain; their own tables are declared by the pipeline.

    Returns:
        The tables. A name that another plugin declares is refused.

    Raises:
        Exception: Nothing starts; the error is shown.

    Example::

        from claimx_pipeline import hookimpl
        from claimx_pipeline.tables import LONG, STRING, Column, TableSpec

        @hookimpl
        def claimx_register_tables():
            columns = (Column("assignment_id", LONG, nullable=False), Column("note", STRING))
            return [TableSpec(name="acme_notes", summary="Notes on tasks.", mode="merge",
                              key=("assignment_id",), columns=columns)]
    """


@hookspec
def claimx_register_old_tables() -> Iterable[OldTable]:  # type: ignore[empty-body]
    """Tell what tables of a former system look like, so that they can be imported.

    Called once, when a table is imported, compared or shown as a view.

    Returns:
        Each table of the former system that has become one of ours, called as ours.

    Raises:
        Exception: The command ends; the error is shown.

    Example::

        from claimx_pipeline import hookimpl
        from claimx_pipeline.tables import OldColumn, OldTable, old_columns

        @hookimpl
        def claimx_register_old_tables():
            number = OldColumn("claim", type="long", new="project_id")
            return [OldTable(name="acme_notes", columns=(number, *old_columns("string", "note")))]
    """


@hookspec
def claimx_register_handlers(  # type: ignore[empty-body]
    settings: Settings, clock: Clock
) -> Iterable[EventHandler[Any, Any]]:
    """Say how event types are enriched.

    Called once, at start.

    Args:
        settings: All settings.
        clock: The pipeline's clock.

    Returns:
        Handlers, each naming its event types; a type has one handler. A type that no
        handler names is logged as ``skipped``. A handler of another domain than the first has
        an attribute ``domain`` with its name.

    Raises:
        Exception: Nothing starts; the error is shown.

    Example::

        from claimx_pipeline import EntityRows, Handled, hookimpl

        class NoteHandler:
            name = "acme_notes"
            event_types = frozenset({"ACME_NOTE_ADDED"})
            event_prefixes = ()

            async def handle(self, project_id, events, reader):
                answer = await reader.project(int(project_id))
                city = answer.body["project"].get("city")
                return [Handled(EntityRows(projects=[{"project_id": project_id, "city": city}]))
                        for _ in events]

        @hookimpl
        def claimx_register_handlers():
            return [NoteHandler()]
    """


@hookspec
def claimx_register_stages() -> Mapping[str, type[Stage]]:  # type: ignore[empty-body]
    """Offer stages for the chains of plugin workers.

    Called once, at start.

    Returns:
        Name, as it is written in settings, to the stage's class. Two plugins may offer the
        same class under one name, so that each works without the other.

    Raises:
        Exception: Nothing starts; the error is shown.

    Example::

        from attrs import frozen
        from claimx_pipeline import hookimpl
        from claimx_pipeline.stages import RecordStage

        @frozen(kw_only=True)
        class ShoutConfig:
            field: str = "note"

        class ShoutStage(RecordStage):
            config_class = ShoutConfig

            def __init__(self, config):
                self.config = config

            async def process_one(self, item):
                item.data[self.config.field] = str(item.data[self.config.field]).upper()

        @hookimpl
        def claimx_register_stages():
            return {"acme_shout": ShoutStage}
    """


@hookspec
def claimx_register_workers(  # type: ignore[empty-body]
    settings: Settings, domains: Sequence[Domain]
) -> Iterable[WorkerSpec]:
    """Offer workers.

    Called once, at start; the workers appear in ``claimx-run worker --list`` and their
    topics in ``claimx-run topics list``.

    Args:
        settings: All settings; the plugin's own are ``settings.sections["<name>"]``.
        domains: Every domain; their own workers are offered by the pipeline.

    Returns:
        The workers, each with a name that no other worker has and topics to read.
        ``Topic("…")`` with its name alone is a topic of the pipeline, not declared again;
        ``Topic.named("…")`` is one of another plugin.

    Raises:
        Exception: Nothing starts; the error is shown.

    Example::

        from claimx_pipeline import Topic, WorkerSpec, hookimpl
        from claimx_pipeline.stages import ChainProcessor, TransformConfig, TransformStage

        def build(resources):
            stage = TransformStage(TransformConfig(mappings={"id": "assignment_id"}))
            return ChainProcessor([stage], resources)

        @hookimpl
        def claimx_register_workers(settings):
            return [WorkerSpec(
                name="acme-notes", summary="Notes every photo request.", group="acme_notes",
                reads=(Topic("acme.photo.requests", source=True),), needs=("broker",), build=build,
                dead_letters=Topic("acme.photo.errors", partitions=1, terminal=True),
            )]
    """


@hookspec
def claimx_register_sources(  # type: ignore[empty-body]
    settings: Settings,
) -> Iterable[SourceSpec | SourceType]:
    """Offer sources of events, or types of them for the settings.

    Called once, at start. Every source has a worker ``source-<name>``, which reads it page by
    page and publishes what it reads; how far it is lies on the broker.

    Args:
        settings: All settings; the plugin's own are ``settings.sections["<name>"]``.

    Returns:
        ``SourceSpec`` for a source that is there with the plugin, ``SourceType`` for one that
        a user writes under ``sources:`` with this ``type``. No name is used twice.

    Raises:
        Exception: Nothing starts; the error is shown.

    Example::

        from claimx_pipeline import hookimpl
        from claimx_pipeline.sources import SourceRecord, SourceSpec

        class Numbers:
            async def read(self, position):
                first = position or 0
                values = range(first, min(first + 100, 1000))
                records = [
                    SourceRecord(
                        value=b'{"event_type": "PROJECT_CREATED", "project_id": %d}' % number,
                        at=f"number {number}",
                    )
                    for number in values
                ]
                return records, first + len(records)

            async def close(self):
                pass

        @hookimpl
        def claimx_register_sources():
            return [SourceSpec(
                name="acme", summary="A thousand projects.", build=lambda resources: Numbers()
            )]
    """


@hookspec
def claimx_extend_simulation(  # type: ignore[empty-body]
    world: World,
) -> Iterable[SimulatedRoute | SimulatedEvents]:
    """Add to the simulated world what a plugin asks of its services, and events that it is for.

    Called once by ``claimx-run demo``, ``simulate`` and ``plugins try --simulated`` and by the
    ``Sandbox`` of tests, before anything happens in the world. A pipeline in production never
    calls it.

    Args:
        world: The simulated world, whose clock says what has happened when a route answers.

    Returns:
        ``SimulatedRoute`` for a path of the ClaimX API, or of a connection of the plugin's own,
        which then leads to the simulator; ``SimulatedEvents`` for events that happen to projects.

    Raises:
        Exception: The command ends; the error is shown.

    Example::

        from datetime import timedelta
        from claimx_pipeline import hookimpl
        from claimx_pipeline.testing import SimulatedEvents, SimulatedRoute, WorldEvent

        def storms(project):
            at = project.created_at + timedelta(minutes=7)
            value = {"event_type": "STORM_SEEN", "project_id": project.project_id,
                     "ingested_at": at.isoformat()}
            return [WorldEvent(at, value, "STORM_SEEN", project.project_id)]

        @hookimpl
        def claimx_extend_simulation(world):
            answer = lambda given: {"city": given["city"], "wind": 7, "at": str(world.now)}
            return [SimulatedRoute("/wind/{city}", answer, connection="weather"),
                    SimulatedEvents(storms)]
    """


@hookspec
def claimx_register_queries() -> Iterable[NamedQuery]:  # type: ignore[empty-body]
    """Offer named queries for ``claimx-run query --name``.

    Called once, when a query is asked for.

    Returns:
        The queries, each with a name that no other query has.

    Raises:
        Exception: The command ends; the error is shown.

    Example::

        from claimx_pipeline import hookimpl
        from claimx_pipeline.tables import NamedQuery

        @hookimpl
        def claimx_register_queries():
            sql = "SELECT city, count(*) AS claims FROM claimx_projects GROUP BY city"
            return [NamedQuery("acme-claims-by-city", "How many claims each city has.", sql)]
    """


@hookspec
def claimx_register_monitoring(  # type: ignore[empty-body]
    settings: Settings,
) -> Iterable[Dashboard | Alert | FormerMetric]:
    """Add dashboards, alerts, and names that metrics had in an earlier system.

    Called once, when ``claimx-run monitoring export`` writes dashboards and alerts, and when a
    process begins to serve ``/metrics``.

    Args:
        settings: All settings.

    Returns:
        What is added: ``Dashboard`` and ``Alert`` are written out; a ``FormerMetric`` is served
        beside our own, made of them at every scrape. A name that is there already is refused.

    Raises:
        Exception: The command, or the process, ends; the error is shown.

    Example::

        from claimx_pipeline import hookimpl
        from claimx_pipeline.hooks import Alert, CountedIn, Dashboard, FormerMetric, Panel, Query

        RECEIVED = 'claimx_records_received_total{worker="acme-claims"}'

        @hookimpl
        def claimx_register_monitoring(settings):
            panel = Panel(
                title="Claims seen",
                text="Claims read a second.",
                queries=[Query(f"sum(rate({RECEIVED}[5m]))")],
            )
            counted = CountedIn("claimx_records_received_total", {"worker": ["acme-claims"]})
            return [
                Dashboard(uid="acme", title="Acme", text="What Acme does.", panels=[panel]),
                Alert(
                    name="AcmeSilent",
                    expr=f"sum(increase({RECEIVED}[1h])) == 0",
                    wait="10m",
                    severity="warning",
                    summary="no claims for an hour",
                    means="No claim has come for an hour.",
                    look=["Whether others get claims."],
                    remedy=["Ask the sender."],
                    call="The sender.",
                ),
                FormerMetric(name="acme_seen_total", help="Claims seen", of=[counted]),
            ]
    """


@hookspec
def claimx_register_commands() -> Iterable[Command]:  # type: ignore[empty-body]
    """Add commands to ``claimx-run``.

    Called once per run of the command line, before anything else is known; the module
    of a command is imported only when the command is run.

    Returns:
        The commands. A name that the core or another plugin has is refused.

    Raises:
        Exception: The plugin's commands are missing, and the help says why; nothing starts.

    Example::

        from claimx_pipeline import hookimpl
        from claimx_pipeline.hooks import Command

        @hookimpl
        def claimx_register_commands():
            return [Command("acme", "See what Acme asked for.", "acme_plugin.command:app", "Acme")]
    """


@hookspec
def claimx_check_settings(  # type: ignore[empty-body]
    settings: Settings, domains: Sequence[Domain]
) -> Iterable[Problem]:
    """Look for mistakes that the type of a setting cannot show.

    Called by ``claimx-run config check`` and before workers start. Must not connect
    to anything.

    Args:
        settings: All settings.
        domains: Every domain, for example for the connections that it brings.

    Returns:
        The problems found; nothing starts while there is one.

    Raises:
        Exception: Nothing starts; the error is shown.

    Example::

        from claimx_pipeline import Problem, hookimpl

        @hookimpl
        def claimx_check_settings(settings):
            if settings.retry.delays_seconds[0] < 1:
                yield Problem("retry.delays_seconds", "Acme wants at least 1 second between tries")
    """


@hookspec
def claimx_settings_loaded(settings: Settings) -> None:
    """Look at the settings before anything is made of them.

    Called once by everything that reads settings: workers, and commands that only look. It may
    set up what has to be there before anything else, such as a reporter of errors. What is wrong
    with a setting is said by ``claimx_check_settings``.

    Args:
        settings: All settings; they cannot be changed.

    Returns:
        Nothing.

    Raises:
        Exception: Nothing starts; the error is shown.

    Example::

        import logging
        from claimx_pipeline import hookimpl

        @hookimpl
        def claimx_settings_loaded(settings):
            logging.getLogger("acme").debug("the broker is %s", settings.broker.url)
    """


@hookspec
def claimx_enrichment_starting(
    context: EnrichmentContext,
) -> PluginResult | Awaitable[PluginResult | None] | None:
    """See an event before the API is asked about it, to leave it out or to route it cheaply.

    Called for every event that is about to be enriched, at each try; in the same order and with
    the same limits as ``claimx_enrichment_complete``. If no plugin implements it, it costs nothing.

    Args:
        context: The event, the headers and the attempt. There are no rows yet. It is the plugin's
            own copy.

    Returns:
        ``PluginResult.filter_out(reason)`` and the API is not asked: the event log says
        ``filtered`` with the reason, and no other plugin sees the event. Other actions as
        ``claimx_enrichment_complete``; they are done once the event is. None for nothing.

    Raises:
        Exception: The event goes on without this plugin and becomes a dead letter of kind
            ``plugin``, as with ``claimx_enrichment_complete``.

    Example::

        from claimx_pipeline import PluginResult, hookimpl

        @hookimpl
        async def claimx_enrichment_starting(context):
            if context.event_type != "PROJECT_CREATED":
                return PluginResult.filter_out("Acme wants new projects only")
            return PluginResult.publish("acme.seen", {"project": context.project_id})
    """


@hookspec
def claimx_enrichment_complete(
    context: EnrichmentContext,
) -> PluginResult | Awaitable[PluginResult | None] | None:
    """React to an event that was enriched.

    Called for every event after the API answered and before its rows are published.
    Implementations run one after the other: those of lower priority number first, then in
    the order of the plugins' names. An ``async`` one runs on the event loop and must not
    block; any other runs in a thread of the plugin's own. A ``Plugin`` implements this hook
    by ``should_run`` and ``execute``. After ``claimx-run dlq replay`` it may be called again
    for the same event: what it publishes has the same ``claimx-id`` then.

    Args:
        context: The event, the rows of every kind of entity, the tasks, the project, what
            the API was asked, the headers and the attempt. It is the plugin's own copy: rows
            and headers that it changes are taken over when it has succeeded, columns that the
            plugin added by ``claimx_extend_domains`` may be set. ``context.request_download(…)``
            has a file copied under the plugin's own name.

    Returns:
        What is to be done: ``PluginResult.publish(…)``, ``.webhook(…)``,
        ``.create_claimx_task(…)``, ``.log(…)``, ``.add_header(…)``, ``.metric(…)``,
        ``.filter_out(…)``, joined by ``.and_then(…)``. None, ``.ok()`` or ``.skip(…)`` for
        nothing.

    Raises:
        Exception: The event goes on without this plugin, as if it had not been asked, and
            becomes a dead letter of kind ``plugin`` that ``claimx-run dlq replay`` gives to
            this plugin alone. The same happens if it takes longer
            than ``plugins.<name>.timeout_seconds``, or returns what cannot be done.

    Example::

        from claimx_pipeline import PluginResult, hookimpl

        @hookimpl
        async def claimx_enrichment_complete(context):
            if context.event_type != "PROJECT_CREATED" or context.project is None:
                return None
            found = {"project_id": context.project_id, "city": context.project.get("city")}
            return PluginResult.webhook(connection="acme", path="/claims", body=found).and_then(
                PluginResult.metric("claims", labels={"kind": "new"})
            )
    """


@hookspec
def claimx_row_publishing(
    kind: str, row: dict[str, Any], context: EnrichmentContext
) -> bool | None:
    """See each row before it is published, to mask, to amend or to leave it out.

    Called for every row of an event, after ``claimx_enrichment_complete`` and before the rows go
    to the tables; for all rows of an event at once in the plugin's own thread, and within its time
    limit. It must not be ``async``. If no plugin implements it, it costs nothing.

    Args:
        kind: Kind of the row, such as ``contacts``.
        row: Column to value; it may be changed in place.
        context: The event; not to be changed.

    Returns:
        False to leave the row out. None or True to publish it.

    Raises:
        Exception: The event goes on with its rows as they were, and becomes a dead letter of kind
            ``plugin`` that ``claimx-run dlq replay`` gives to this plugin alone. If rows must not
            be stored without the plugin, it has to make sure that it does not fail.

    Example::

        from claimx_pipeline import hookimpl

        @hookimpl
        def claimx_row_publishing(kind, row, context):
            if kind == "contacts":
                row["contact_email"] = None
            return not (kind == "projects" and row.get("city") == "Testville")
    """


@hookspec
def claimx_download_complete(
    context: FileContext,
) -> PluginResult | Awaitable[PluginResult | None] | None:
    """React to a file that was fetched.

    Called for every file, of every owner, once it is in the cache and its size,
    checksum and kind of content are known, before it is published to the uploader; in the
    same order and with the same limits as ``claimx_enrichment_complete``. Called again if
    the file comes again.

    Args:
        context: ``context.file`` is a ``CachedFile``: ids, owner, target path, size,
            checksum, kind of content.

    Returns:
        ``PluginResult.publish(…)``, ``.webhook(…)``, ``.log(…)`` and so on; what is published
        is acknowledged before the file's offset is committed. None or ``.ok()`` for nothing. A file
        cannot be filtered out.

    Raises:
        Exception: The file goes on without this plugin and becomes a dead letter of kind
            ``plugin`` that ``claimx-run dlq replay`` gives to this plugin alone.

    Example::

        from claimx_pipeline import PluginResult, hookimpl

        @hookimpl
        async def claimx_download_complete(context):
            found = {"sha256": context.file.checksum, "media_id": context.file.media_id}
            return PluginResult.publish("scans.pending", found)
    """


@hookspec
def claimx_upload_complete(
    context: FileContext,
) -> PluginResult | Awaitable[PluginResult | None] | None:
    """React to a file that was stored.

    Called for every file, of every owner, once the object store has it whole and before
    the result is published; in the same order and with the same limits as
    ``claimx_enrichment_complete``. Called again if the file comes again.

    Args:
        context: ``context.file`` is a ``DownloadResult`` with status ``completed``.

    Returns:
        As ``claimx_download_complete``.

    Raises:
        Exception: As with ``claimx_download_complete``.

    Example::

        from claimx_pipeline import PluginResult, hookimpl

        @hookimpl
        async def claimx_upload_complete(context):
            if context.file.content_type != "application/pdf":
                return None
            return PluginResult.publish("reports.stored", {"path": context.file.blob_path})
    """


@hookspec
def claimx_dead_letter(
    context: DeadLetterContext,
) -> PluginResult | Awaitable[PluginResult | None] | None:
    """React to a record that became a dead letter.

    Called by every worker for every dead letter, of kind ``plugin`` as well, once it is on its
    topic and before the record's offset is committed; in the same order and with the same limits
    as ``claimx_enrichment_complete``. After a crash it may be called again for the same one: what
    it publishes has the same ``claimx-id`` then.

    Args:
        context: Worker, topic, kind, plugin, category, error, attempts, and the record's key and
            value.

    Returns:
        ``PluginResult.publish(…)``, ``.webhook(…)``, ``.log(…)`` and so on. None for nothing.

    Raises:
        Exception: It is logged and counted: there is no dead letter about a dead letter.

    Example::

        from claimx_pipeline import PluginResult, hookimpl

        @hookimpl
        async def claimx_dead_letter(context):
            found = {"worker": context.worker, "error": context.error}
            return PluginResult.publish("acme.alerts", found)
    """


@hookspec
def claimx_rows_committed(
    context: RowsCommitted,
) -> PluginResult | Awaitable[PluginResult | None] | None:
    """React to rows that are in the tables.

    Called by every worker that writes tables, once per batch, after its rows are in all of them
    and before its offsets are committed; in the same order and with the same limits as
    ``claimx_enrichment_complete``. After a crash it may be called again for the same rows.

    Args:
        context: Worker, tables with the number of rows, and how far the worker is.

    Returns:
        As ``claimx_dead_letter``.

    Raises:
        Exception: It is logged and counted; the rows stay committed.

    Example::

        from claimx_pipeline import PluginResult, hookimpl

        @hookimpl
        async def claimx_rows_committed(context):
            if "claimx_projects" in context.tables:
                return PluginResult.publish("acme.refresh", {"tables": dict(context.tables)})
    """


@hookspec
def claimx_worker_readiness(
    context: WorkerReadiness,
) -> PluginResult | Awaitable[PluginResult | None] | None:
    """React to a worker that becomes ready, or is not ready any more.

    Called within a second of each change of what ``/health/ready`` says of a worker, and again
    every 30 seconds as long as it is not ready; not when it is stopped on purpose. In the same
    order and with the same limits as ``claimx_enrichment_complete``.

    Args:
        context: Worker, state and the state before, why, and for how many seconds the worker has
            not been ready.

    Returns:
        As ``claimx_dead_letter``. What it publishes is tried once, since the broker may be what
        is unavailable; ``await context.connection(name).request(…)`` does not need the broker.

    Raises:
        Exception: It is logged and counted.

    Example::

        from claimx_pipeline import PluginResult, hookimpl

        @hookimpl
        async def claimx_worker_readiness(context):
            if not context.ready and context.seconds > 600:
                return PluginResult.publish("acme.alerts", {"worker": context.worker})
    """


@hookspec
def claimx_worker_starting(
    worker: WorkerSpec, settings: Settings, resources: Resources
) -> Awaitable[None] | None:
    """Get ready before a worker takes its first record; sync or async.

    Called once per worker and process, in the order of priority. A ``Plugin`` has
    ``on_load(resources)`` for it, called with the first worker that calls the plugin. If one
    fails, those called so far and the one that failed hear ``claimx_worker_stopping``.

    Args:
        worker: The worker.
        settings: All settings.
        resources: What workers use; they belong to the process, so do not close them.

    Returns:
        Nothing.

    Raises:
        Exception: The process does not start; the error names the plugin.

    Example::

        import logging
        from claimx_pipeline import hookimpl

        @hookimpl
        def claimx_worker_starting(worker, settings):
            logging.getLogger("acme").info("%s starts with %s", worker.name, settings.broker.url)
    """


@hookspec
def claimx_worker_stopping(worker: WorkerSpec) -> Awaitable[None] | None:
    """Release what ``claimx_worker_starting`` took; sync or async.

    Called once per worker and process, after its last record was committed and also
    after a failure. It has 5 seconds. A ``Plugin`` has ``on_unload`` for it.

    Args:
        worker: The worker.

    Returns:
        Nothing.

    Raises:
        Exception: It is logged with the plugin's name, and the stop goes on.

    Example::

        import logging
        from claimx_pipeline import hookimpl

        @hookimpl
        async def claimx_worker_stopping(worker):
            logging.getLogger("acme").info("%s has stopped", worker.name)
    """
