"""Puts settings and plugins together; the only module that knows all parts."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from attrs import define, field

from claimx_pipeline.assembly import Sources, assemble, found_plugins
from claimx_pipeline.broker.protocol import Broker
from claimx_pipeline.clock import Clock, SystemClock
from claimx_pipeline.connections.known_secrets import redactor_of
from claimx_pipeline.errors import Problem, Refusals, SettingsError, UsageError
from claimx_pipeline.parts import Parts, refused_build
from claimx_pipeline.plugins.host.heard_domains import unheard
from claimx_pipeline.plugins.host.loading import PluginSet
from claimx_pipeline.plugins.host.registrations import Registrations

if TYPE_CHECKING:
    from claimx_pipeline.name_checks import Findings
    from claimx_pipeline.runtime.resources import Resources
    from claimx_pipeline.runtime.worker import WorkerSpec
    from claimx_pipeline.telemetry.health import Health
    from claimx_pipeline.telemetry.metrics import Metrics

log = logging.getLogger(__name__)


@define(slots=False)
class Pipeline(Parts):
    """Settings, plugins and everything they declare, as operations take it.

    ``claimx_pipeline.Pipeline`` is one, with methods for what programs and notebooks do most.
    """

    _built: bool = field(default=False, init=False, repr=False)
    """Whether everything was built, and nothing was refused."""
    noted: tuple[Problem, ...] = field(default=(), init=False, repr=False)
    """The warnings of the last check, whatever it has refused."""

    @classmethod
    def load(  # noqa: PLR0913 - each may be left out
        cls,
        config: Path | None = None,
        *,
        settings: Mapping[str, Any] | None = None,
        environ: Mapping[str, str] | None = None,
        overrides: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        clock: Clock | None = None,
        plugins: Sequence[object] = (),
    ) -> Self:
        """Read the settings and load the plugins.

        Args:
            config: Settings file or folder; None for ``claimx.yaml`` in *cwd*, if there.
            settings: What a settings file would say, as mappings; then no file is read.
            environ: Environment variables; None for those of this process.
            overrides: Dotted path of a setting to its text; wins over everything.
            cwd: Folder in which ``claimx.yaml`` and the plugins directory are looked for.
            clock: Tells the time to everything.
            plugins: Plugins beside those that are found: objects of ``Plugin``, classes of it,
                modules, or anything with a function marked ``@hookimpl``. What the settings say
                under ``plugins.<name>`` holds for them too.

        Raises:
            SettingsError: The settings are wrong; all problems are named.
            UsageError: One of *plugins* is not a plugin.
            PluginLoadError: A required plugin cannot be loaded.
        """
        refusals = Refusals(collects=True)
        variables = os.environ if environ is None else environ
        folder = cwd or Path.cwd()
        sources = Sources(config, variables, overrides or {}, folder, settings, plugins)
        pipeline = cls.made(sources, refusals, clock)
        refusals.raise_found()
        if pipeline is None:
            raise TypeError("nothing was refused, and there is no pipeline")
        for warning in pipeline.plugins.left_out:
            log.warning("%s", warning.what)
        return pipeline

    @classmethod
    def made(cls, sources: Sources, refusals: Refusals, clock: Clock | None = None) -> Self | None:
        """Return the pipeline of *sources*; what is wrong is raised or collected.

        Returns:
            None if the settings were refused and collected; then what the plugins register is
            looked at, too. A plugin that was refused is left out.
        """
        parts = assemble(sources, refusals)
        if parts is None:
            return None
        pipeline = cls(parts.loaded, parts.plugins, clock or SystemClock(), parts.complete)
        if parts.with_settings:
            with refusals.of():
                pipeline.registrations.answers("claimx_settings_loaded")
            return pipeline
        refusals.add(pipeline.check_plugins())
        return None

    @staticmethod
    def find_plugins(
        config: Path | None, *, environ: Mapping[str, str], cwd: Path | None = None
    ) -> PluginSet:
        """Return every plugin there is, loaded if it can be; for those who only look.

        Raises:
            SettingsError: The section ``plugins`` is wrong.
        """
        return found_plugins(config, environ=environ, cwd=cwd or Path.cwd())

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
        """See that everything can be built, and that what *workers* need is there.

        Raises:
            SettingsError: Something is wrong or missing; every problem is named.
        """
        if problems := self.check([worker.name for worker in workers]):
            raise SettingsError(problems)

    def check(self, workers: Sequence[str] = (), *, every: bool = False) -> list[Problem]:
        """Build everything that a start builds, and return what is wrong with it.

        Connects to nothing and makes nothing on disk.

        Args:
            workers: Names of workers or of sets of them: what these alone need is looked at, too.
            every: The same for all workers.
        """
        self._refusals.collects = True
        # What is not a name is refused by who selects workers.
        named = frozenset(each for each in workers if isinstance(each, str))
        chosen = None if every or not workers else named
        try:
            if not self._built:
                self._build(chosen)
            lacking = self._lacking(workers, every=every)
            with self._refusals.of():
                self.noted = self.warnings
            found = self._refusals.problems
        finally:
            self._refusals.collects = False
            self._refusals.found.clear()
        self._built = not found and chosen is None
        if found:
            self._forget()
        # What only waits for a variable is wrong for those alone who use it.
        found = [problem for problem in found if not problem.missing]
        return list({str(problem): problem for problem in (*found, *lacking)}.values())

    def check_plugins(self) -> list[Problem]:
        """Return what is wrong with what plugins register whatever the settings are."""
        from claimx_pipeline.plugins.host.commands import commands_of

        refusals = Refusals(collects=True)
        registrations = Registrations(
            self.plugins, self.settings, self.clock, refusals, settings_known=False
        )
        _ = registrations.domains, registrations.published, registrations.handlers()
        for hook, what in (
            ("claimx_register_tables", "table"),
            ("claimx_register_workers", "worker"),
            ("claimx_register_queries", "query"),
            ("claimx_register_sources", "source"),
            ("claimx_register_old_tables", "former table"),
        ):
            registrations.by_name(hook, what)
        for hook, what in (
            ("claimx_register_stages", "stage"),
            ("claimx_register_brokers", "broker"),
        ):
            registrations.merged(hook, what)
        commands_of(self.plugins, refusals)
        return refusals.problems

    def _lacking(self, names: Sequence[str], *, every: bool) -> list[Problem]:
        """Return what is missing, or wrong, of what some workers alone need."""
        from claimx_pipeline.trial import PLUGINS, lacks

        try:
            workers = [*self.workers.values()] if every else self.select(names) if names else []
        except UsageError:
            return []  # said by who selects them, if nothing else is wrong
        loaded = [name for name, _ in self.plugins.loaded()]
        owners = self.registrations.owners
        found = lacks(workers, self.loaded, self.connections(), owners, loaded)
        if any(PLUGINS in worker.needs for worker in workers):
            found += self.plugins.unresolved
        return found

    def _build(self, names: frozenset[str] | None) -> None:
        """Build everything, or what workers of *names* need; what is wrong is in the refusals."""
        from claimx_pipeline.connections.checks import service_problems
        from claimx_pipeline.plugins.host.commands import commands_of
        from claimx_pipeline.plugins.host.monitoring import monitoring_parts
        from claimx_pipeline.telemetry.health import Health
        from claimx_pipeline.trial import Trial

        refusals, registrations = self._refusals, self.registrations
        trial = Trial(self.loaded, registrations.owners, refusals)
        broker: Broker | None = None
        with refusals.of():
            broker = self.broker()
        _ = self.handlers, self.queries, monitoring_parts(registrations)
        chosen = [
            each
            for each in self.workers.values()
            if names is None or {each.name, *each.sets, *each.formerly} & names
        ]
        needs = {need.partition(".")[0] for each in chosen for need in each.needs}
        if names is None:
            registrations.by_name("claimx_register_old_tables", "former table")
            trial.queries(self.queries)
        with refusals.of():
            refusals.add(self._names.problems)
        with refusals.of():
            refusals.add(service_problems(self.loaded.settings))
        if names is None or "tables" in needs or any(each.tables for each in chosen):
            with refusals.of():
                trial.tables(self.table_store)
        if names is None or needs & {"storage", "media"}:
            with refusals.of():
                trial.files(self.domains.values())
        trial.tracing()
        trial.commands(commands_of(self.plugins, refusals).values(), self.plugins)
        checked = registrations.several("claimx_check_settings", "problem")
        refusals.add(problem for _, problem in checked)
        if broker is not None:
            with refusals.of():
                resources = self.resources(broker, Health(self.clock))
                workers = (each for each in chosen if each.build is not refused_build)
                trial.processors(workers, resources)

    def _forget(self) -> None:
        """Drop what was built, since parts of it were left out."""
        for kind in type(self).__mro__:
            for name, made in vars(kind).items():
                if isinstance(made, cached_property):
                    vars(self).pop(name, None)

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
            brought=frozenset(self.registrations.brought_connections),
            owner_of=self._owner_of,
            complete=self.complete,
        ).found()

    def resources(
        self, broker: Broker, health: Health, metrics: Metrics | None = None
    ) -> Resources:
        """Return what running workers may use.

        Args:
            broker: The broker.
            health: Where workers report how they are.
            metrics: What all are counted in; of their own if not given.
        """
        from claimx_pipeline.plugins.host.dispatch import Dispatcher
        from claimx_pipeline.plugins.host.hands import Lent
        from claimx_pipeline.plugins.host.results import PublishRules
        from claimx_pipeline.plugins.host.webhooks import webhooks_of
        from claimx_pipeline.runtime.resources import Resources
        from claimx_pipeline.runtime.retry_ladder import plugin_ladder
        from claimx_pipeline.telemetry.metrics import Metrics

        rules = PublishRules(
            core_topics=self.core_topics(),
            known_topics=frozenset(self.topology.topics),
            most_bytes=self.settings.broker.largest_record,
            ladder=plugin_ladder(self.settings.retry),
        )
        metrics, clock = metrics or Metrics(), self.clock
        self.registrations.show_drift(metrics.drift)
        connections = self.connections(metrics)
        lent = Lent(connections, lambda: self.table_store, clock, self.settings.plugins)
        dispatcher = Dispatcher.of(
            self.plugins, rules=rules, clock=clock, metrics=metrics.plugins, lent=lent
        )
        return Resources(
            settings=self.settings,
            clock=self.clock,
            redactor=redactor_of(self.loaded),
            broker=broker,
            topology=self.topology,
            tables=self.tables,
            open_table_store=lambda: self.table_store,
            connections=connections,
            handlers=self.handlers,
            dispatcher=dispatcher,
            health=health,
            metrics=metrics,
            webhooks=webhooks_of(self.plugins.loaded(), self._refusals),
        )
