"""Puts settings and plugins together; the only module that knows all parts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import define, evolve

from claimx_pipeline import builtin
from claimx_pipeline.broker.protocol import Broker
from claimx_pipeline.clock import Clock, SystemClock
from claimx_pipeline.errors import ClaimxError, Problem, SettingsError, collecting
from claimx_pipeline.plugins.host.heard_domains import unheard
from claimx_pipeline.plugins.host.loading import PluginSet, files_of_plugins, load_plugins
from claimx_pipeline.plugins.host.registrations import Registrations
from claimx_pipeline.settings.loader import (
    LoadedSettings,
    load_settings,
    plugins_settings,
    read_sources,
    require,
)
from claimx_pipeline.settings.loading.sources import lay_beneath
from claimx_pipeline.settings.tree.settings import Settings
from claimx_pipeline.settings.tree.workers import WorkerSettings

if TYPE_CHECKING:
    from claimx_pipeline.connections.registry import Connections
    from claimx_pipeline.delta.querying.queries import NamedQuery
    from claimx_pipeline.delta.spec import TableSpec
    from claimx_pipeline.delta.store import TableStore
    from claimx_pipeline.domain.domain import Domain
    from claimx_pipeline.domain.handlers import EventHandler
    from claimx_pipeline.name_checks import Findings
    from claimx_pipeline.plugins.base import Plugin
    from claimx_pipeline.runtime.resources import Resources
    from claimx_pipeline.runtime.worker import WorkerSpec
    from claimx_pipeline.stages.from_settings import ChainWriter
    from claimx_pipeline.stages.protocol import Stage
    from claimx_pipeline.telemetry.health import Health
    from claimx_pipeline.telemetry.metrics import Metrics
    from claimx_pipeline.topics import Topology

PLUGINS = "plugins"
"""What a worker that runs plugins needs of the settings."""


@define(slots=False)
class Pipeline:
    """Settings, plugins and everything they declare. Making one connects to nothing."""

    loaded: LoadedSettings
    """The settings, and where each comes from."""
    plugins: PluginSet
    """Every plugin that was found."""
    clock: Clock
    """Tells the time to everything."""

    @classmethod
    def load(
        cls,
        config: Path | None = None,
        *,
        environ: Mapping[str, str],
        overrides: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        clock: Clock | None = None,
    ) -> Pipeline:
        """Read the settings and load the plugins.

        Args:
            config: Settings file or folder; None for ``claimx.yaml`` in *cwd*, if there.
            environ: Environment variables.
            overrides: Dotted path of a setting to its text; wins over everything.
            cwd: Folder in which ``claimx.yaml`` and the plugins directory are looked for.
            clock: Tells the time to everything.

        Raises:
            SettingsError: The settings are wrong; all problems are named.
            PluginLoadError: A required plugin cannot be loaded.
        """
        cwd = cwd or Path.cwd()
        sources = read_sources(config, environ=environ, overrides=overrides or {}, cwd=cwd)
        wanted = plugins_settings(sources)
        directory = cwd / wanted.dir if wanted.dir else None
        plugins = load_plugins(wanted, core=builtin, directory=directory, environ=environ)
        if directory is not None:
            sources = lay_beneath(sources, files_of_plugins(directory, plugins), cwd)
        sections = plugins.manager.hook.claimx_register_settings()
        loaded = load_settings(sources, sections)
        loaded = evolve(loaded, warnings=(*loaded.warnings, *plugins.warnings))
        return cls(loaded, plugins, clock or SystemClock())

    @staticmethod
    def find_plugins(
        config: Path | None, *, environ: Mapping[str, str], cwd: Path | None = None
    ) -> PluginSet:
        """Return every plugin there is, loaded if it can be; for those who only look.

        Raises:
            SettingsError: The section ``plugins`` is wrong.
        """
        cwd = cwd or Path.cwd()
        wanted = plugins_settings(read_sources(config, environ=environ, cwd=cwd))
        directory = cwd / wanted.dir if wanted.dir else None
        return load_plugins(
            wanted, core=builtin, directory=directory, environ=environ, tolerant=True
        )

    @property
    def settings(self) -> Settings:
        """All settings; what ``network`` says is filled in wherever a service is reached."""
        return self.loaded.settings.with_network()

    @cached_property
    def registrations(self) -> Registrations:
        """What the core and the plugins register."""
        return Registrations(self.plugins, self.settings, self.clock)

    @cached_property
    def _declared(self) -> dict[str, WorkerSpec]:
        """The workers of the core, of plugins and of sources, as they are without settings."""
        declared = self.registrations.by_name("claimx_register_workers", "worker")
        from claimx_pipeline.workers.source import source_workers

        return source_workers(self.registrations, self.loaded, declared)

    @cached_property
    def workers(self) -> dict[str, WorkerSpec]:
        """Every worker by name, with what the settings change of it."""
        adjusted = {name: self._adjusted(worker) for name, worker in self._declared.items()}
        for name in sorted(set(self.settings.workers) - {*adjusted}):
            written = self._chains.worker(name, self.settings.workers[name], self._declared)
            adjusted[name] = self._adjusted(written)
        for worker in tuple(adjusted.values()):
            if worker.serves is not None:
                del adjusted[worker.name]
                if serving := worker.serves(worker, tuple(adjusted.values())):
                    adjusted[worker.name] = serving
        return adjusted

    @cached_property
    def tables(self) -> dict[str, TableSpec]:
        """Every declared table by name, with the columns that chains add."""
        declared = self.registrations.by_name("claimx_register_tables", "table")
        return self._chains.tables(declared, self.workers.values())

    @cached_property
    def stages(self) -> dict[str, type[Stage]]:
        """Every registered stage by the name that settings know."""
        return self.registrations.merged("claimx_register_stages", "stage")

    @cached_property
    def _chains(self) -> ChainWriter:
        """What turns the chains of the settings into workers."""
        from claimx_pipeline.stages.from_settings import ChainWriter

        topics = {topic.name: topic for _, topic in self.published_by_plugins}
        for worker in self._declared.values():
            topics |= {topic.name: topic for topic in worker.topics().all()}
        return ChainWriter(self.loaded, self.stages, topics)

    @cached_property
    def queries(self) -> dict[str, NamedQuery]:
        """Every named query by name."""
        return self.registrations.by_name("claimx_register_queries", "query")

    @cached_property
    def domains(self) -> Mapping[str, Domain]:
        """Every domain by name, the pipeline's own first."""
        return self.registrations.domains

    @cached_property
    def handlers(self) -> Mapping[str, tuple[EventHandler[Any, Any], ...]]:
        """Every handler, by the name of its domain; no two for one event type of a domain."""
        return self.registrations.handlers()

    @cached_property
    def topology(self) -> Topology:
        """All topics of all workers and plugins."""
        from claimx_pipeline.topics import Topology

        uses = [worker.topics() for worker in self.workers.values()]
        return Topology.of(uses, self.settings.broker, self.published_by_plugins)

    @property
    def published_by_plugins(self) -> list[tuple[str, Any]]:
        """Return the topics that loaded plugins publish to, each with the plugin's name."""
        return [
            (name, topic) for name, plugin in self._plugin_objects() for topic in plugin.topics()
        ]

    @cached_property
    def table_store(self) -> TableStore:
        """Where the tables are."""
        from claimx_pipeline.delta.store import TableStore

        tables, storage = self.settings.tables, self.settings.storage
        merged = evolve(tables, storage_options=storage.limited(tables.storage_options))
        limit = storage.table_timeout_seconds
        return TableStore(merged, self.tables, self.clock, time_limit=limit)

    def broker(self) -> Broker:
        """Return the broker that the settings name; not connected.

        Raises:
            SettingsError: The URL is of no known kind.
        """
        where = self.loaded.origins.get("broker.url", "broker.url")
        return self.registrations.broker(where)

    def select(self, names: Sequence[str]) -> list[WorkerSpec]:
        """Return the workers called *names*, a name being a worker or a set of them.

        Raises:
            UsageError: Nothing is named, or there is no worker or set of a name.
        """
        from claimx_pipeline.runtime.selection import selected

        infos = self.plugins.infos.values()
        missing = [each for each in infos if each.state != "loaded"]
        hints = [f"plugin {each.name!r} is {each.state}" for each in missing]
        return selected(self.workers, names, hints)

    def require(self, workers: Iterable[WorkerSpec]) -> None:
        """See that the settings *workers* need are there.

        Raises:
            SettingsError: Something is missing or does not resolve.
        """
        workers = list(workers)
        needs = [path for worker in workers for path in worker.needs]
        problems = [problem for worker in workers for problem in worker.check(self.settings)]
        if PLUGINS in needs:
            # A plugin that is switched off needs nothing.
            needs.remove(PLUGINS)
            needs += [f"{PLUGINS}.{name}" for name, _ in self.plugins.loaded()]
            problems += self.plugins.unresolved
        problems += self.check()
        unique = list({str(problem): problem for problem in problems}.values())
        if unique:
            raise SettingsError(unique)
        require(self.loaded, needs)

    def check(self) -> list[Problem]:
        """Return what the plugins find wrong with the settings, and where they would publish."""
        from claimx_pipeline.connections.checks import service_problems

        found = [*self._names.problems, *service_problems(self.loaded.settings)]
        with collecting(found):
            self.broker()
        try:
            _ = self.handlers
        except ClaimxError as error:
            found.append(Problem("plugins", str(error)))
        answers = self.registrations.answers("claimx_check_settings")
        return [*found, *(problem for _, problems in answers for problem in problems)]

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """What is unwise or without effect in the settings."""
        unheard_plugins = unheard(self.plugins.loaded(), self.domains)
        return (*self.loaded.warnings, *self._names.warnings, *unheard_plugins)

    @cached_property
    def _names(self) -> Findings:
        """What is found about the names that settings and plugins give."""
        from claimx_pipeline.name_checks import NameChecks

        return NameChecks(
            loaded=self.loaded,
            workers=self.workers,
            declared=self._declared,
            tables=self.tables,
            topology=self.topology,
            plugins=frozenset(self.plugins.infos),
            published=self.published_by_plugins,
            core_topics=self.core_topics(),
        ).found()

    def resources(
        self, broker: Broker, health: Health, metrics: Metrics | None = None
    ) -> Resources:
        """Return what running workers may use.

        Args:
            broker: The broker.
            health: Where workers report how they are.
            metrics: What plugins and workers are counted in; of their own if not given.
        """
        from claimx_pipeline.plugins.host.dispatch import Dispatcher
        from claimx_pipeline.plugins.host.results import PublishRules
        from claimx_pipeline.plugins.host.webhooks import webhooks_of
        from claimx_pipeline.runtime.resources import Resources
        from claimx_pipeline.telemetry.metrics import Metrics

        rules = PublishRules(
            core_topics=self.core_topics(),
            known_topics=frozenset(self.topology.topics),
            most_bytes=self.settings.broker.largest_record,
        )
        metrics = metrics or Metrics()
        dispatcher = Dispatcher.of(
            self.plugins, rules=rules, clock=self.clock, metrics=metrics.plugins
        )
        return Resources(
            settings=self.settings,
            clock=self.clock,
            broker=broker,
            topology=self.topology,
            tables=self.tables,
            open_table_store=lambda: self.table_store,
            connections=self.connections(),
            handlers=self.handlers,
            dispatcher=dispatcher,
            health=health,
            metrics=metrics,
            webhooks=webhooks_of(self._plugin_objects()),
        )

    def connections(self) -> Connections:
        """Return the named connections, those of domains among them; the caller closes them."""
        return self.registrations.connections()

    def _plugin_objects(self) -> Iterator[tuple[str, Plugin]]:
        """Yield the loaded plugins that are made from the class ``Plugin``, by name."""
        from claimx_pipeline.plugins.base import Plugin

        for name, plugin in self.plugins.loaded():
            if isinstance(plugin, Plugin):
                yield name, plugin

    def core_topics(self) -> frozenset[str]:
        """Return every topic that is the pipeline's own, by any name that leads there."""
        own = [
            self.workers.get(declared.name, declared).topics()
            for declared in builtin.claimx_register_workers(tuple(self.domains.values()))
            # The topics of a worker that serves others are theirs.
            if declared.serves is None
        ]
        return self.topology.every_name_of(own)

    def _adjusted(self, worker: WorkerSpec) -> WorkerSpec:
        """Return *worker* with what the settings say of it."""
        given = self.settings.workers.get(worker.name, WorkerSettings())
        adjusted = self._chains.adjusted(worker, given)  # then it is known what a chain calls
        return adjusted.with_settings(given, self.settings.retry)
