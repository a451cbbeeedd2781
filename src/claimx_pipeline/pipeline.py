"""Puts settings and plugins together; the only place that knows all parts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define, evolve

from claimx_pipeline import core
from claimx_pipeline.broker.protocol import Broker
from claimx_pipeline.clock import Clock, SystemClock
from claimx_pipeline.errors import ClaimxError, Problem, SettingsError, UsageError
from claimx_pipeline.plugins.loading import CORE, PluginSet, load_plugins
from claimx_pipeline.settings.loader import (
    LoadedSettings,
    load_settings,
    plugins_settings,
    read_sources,
    require,
)
from claimx_pipeline.settings.tree import ConnectionSettings, Settings

if TYPE_CHECKING:
    from claimx_pipeline.claimx.handlers.protocol import Handler
    from claimx_pipeline.delta.queries import NamedQuery
    from claimx_pipeline.delta.spec import TableSpec
    from claimx_pipeline.delta.store import TableStore
    from claimx_pipeline.runtime.resources import Resources
    from claimx_pipeline.runtime.worker import WorkerSpec
    from claimx_pipeline.telemetry.health import Health
    from claimx_pipeline.telemetry.metrics import Metrics
    from claimx_pipeline.topology import Topology

T = TypeVar("T")

CLAIMX_CONNECTION = "claimx_api"
"""Connection under which stages reach the ClaimX API."""


@define(slots=False)
class Pipeline:
    """Settings, plugins and everything they declare. Making one connects to nothing."""

    loaded: LoadedSettings
    plugins: PluginSet
    clock: Clock

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
        plugins = load_plugins(wanted, core=core, directory=directory)
        sections = plugins.manager.hook.claimx_register_settings()
        return cls(load_settings(sources, sections), plugins, clock or SystemClock())

    @property
    def settings(self) -> Settings:
        """All settings."""
        return self.loaded.settings

    @cached_property
    def workers(self) -> dict[str, WorkerSpec]:
        """Every worker by name, with what the settings change of it."""
        found = self._collect("claimx_register_workers", "worker", lambda worker: worker.name)
        unknown = sorted(set(self.settings.workers) - {*found, "retry"})
        if unknown:
            known = ", ".join(found)
            problems = [
                Problem(f"workers.{name}", f"there is no such worker; there are {known}")
                for name in unknown
            ]
            raise SettingsError(problems)
        adjusted = {name: self._adjusted(worker) for name, worker in found.items()}
        if families := [worker for worker in adjusted.values() if worker.family]:
            from claimx_pipeline.steps.retry import retry_worker

            retry = retry_worker(families, self.settings.retry.delays_seconds)
            adjusted[retry.name] = self._adjusted(retry)
        return adjusted

    @cached_property
    def tables(self) -> dict[str, TableSpec]:
        """Every declared table by name."""
        return self._collect("claimx_register_tables", "table", lambda table: table.name)

    @cached_property
    def queries(self) -> dict[str, NamedQuery]:
        """Every named query by name."""
        return self._collect("claimx_register_queries", "query", lambda query: query.name)

    @cached_property
    def handlers(self) -> tuple[Handler, ...]:
        """Every handler; no two for one event type."""
        found: dict[str, Handler] = {}
        for plugin, handlers in self._answers("claimx_register_handlers"):
            for handler in handlers:
                for event_type in (*handler.event_types, *handler.event_prefixes):
                    other = found.setdefault(event_type, handler)
                    if other is not handler:
                        raise ClaimxError(
                            f"plugin {plugin!r}: events {event_type} are handled by "
                            f"{other.name!r} already"
                        )
        return tuple({id(handler): handler for handler in found.values()}.values())

    @cached_property
    def topology(self) -> Topology:
        """All topics of all workers and plugins."""
        from claimx_pipeline.topology import Topology

        return Topology.of(
            self.workers.values(),
            self.settings.broker,
            self.published_by_plugins,
            self.settings.retry.delays_seconds,
        )

    @property
    def published_by_plugins(self) -> list[tuple[str, Any]]:
        """Return the topics that loaded plugins publish to, each with the plugin's name."""
        from claimx_pipeline.plugins.base import Plugin

        return [
            (name, topic)
            for name, plugin in self.plugins.loaded()
            if isinstance(plugin, Plugin)
            for topic in plugin.topics()
        ]

    @cached_property
    def table_store(self) -> TableStore:
        """Where the tables are."""
        from claimx_pipeline.delta.store import TableStore

        tables, shared = self.settings.tables, self.settings.storage.options
        merged = evolve(tables, storage_options={**shared, **tables.storage_options})
        return TableStore(merged, self.tables, self.clock)

    def broker(self) -> Broker:
        """Return the broker that the settings name; not connected.

        Raises:
            SettingsError: The URL is of no known kind.
        """
        factories = self._merged("claimx_register_brokers", "broker")
        url = self.settings.broker.url
        scheme, separator, _ = url.partition("://")
        if not separator or scheme not in factories:
            known = " or ".join(f"{name}://" for name in sorted(factories))
            where = self.loaded.origins.get("broker.url", "broker.url")
            what = f"broker.url is {url!r}, which is no broker; it starts with {known}"
            raise SettingsError([Problem(where, what)])
        broker: Broker = factories[scheme](url, self.settings.broker)
        return broker

    def select(self, names: Sequence[str]) -> list[WorkerSpec]:
        """Return the workers called *names*, a name being a worker or a set of them.

        Raises:
            UsageError: There is no worker or set of a name.
        """
        chosen: dict[str, WorkerSpec] = {}
        for name in names:
            members = {
                worker.name: worker
                for worker in self.workers.values()
                if name == worker.name or name in worker.sets
            }
            if not members:
                raise UsageError(self._no_such_worker(name))
            chosen.update(members)
        return list(chosen.values())

    def require(self, workers: Iterable[WorkerSpec]) -> None:
        """See that the settings *workers* need are there.

        Raises:
            SettingsError: Something is missing or does not resolve.
        """
        workers = list(workers)
        problems = [problem for worker in workers for problem in worker.check(self.settings)]
        problems += self.check()
        unique = list({str(problem): problem for problem in problems}.values())
        if unique:
            raise SettingsError(unique)
        require(self.loaded, [path for worker in workers for path in worker.needs])

    def check(self) -> list[Problem]:
        """Return what the plugins find wrong with the settings."""
        return [
            problem
            for _, problems in self._answers("claimx_check_settings")
            for problem in problems
        ]

    def resources(
        self, broker: Broker, health: Health, metrics: Metrics | None = None
    ) -> Resources:
        """Return what running workers may use; without *metrics* they count for themselves."""
        from claimx_pipeline.connections.registry import Connections
        from claimx_pipeline.plugins.dispatch import Dispatcher
        from claimx_pipeline.runtime.resources import Resources
        from claimx_pipeline.telemetry.metrics import Metrics

        core_workers = self._core_workers()
        core_topics = {
            topic.name for worker in core_workers for topic in (*worker.reads, *worker.writes)
        }
        return Resources(
            settings=self.settings,
            clock=self.clock,
            broker=broker,
            topology=self.topology,
            tables=self.tables,
            table_store=self.table_store,
            connections=Connections(self._connections(), self.clock),
            handlers=self.handlers,
            dispatcher=Dispatcher.of(self.plugins, core_topics),
            health=health,
            metrics=metrics or Metrics(),
        )

    def _connections(self) -> dict[str, ConnectionSettings]:
        """Return the named connections, the ClaimX API among them."""
        connections = dict(self.settings.connections)
        api = self.settings.claimx.api
        if api.base_url is not None:
            from claimx_pipeline.claimx.api import connection_settings

            connections.setdefault(CLAIMX_CONNECTION, connection_settings(api))
        return connections

    def _core_workers(self) -> list[WorkerSpec]:
        return list(core.claimx_register_workers(self.settings))

    def _adjusted(self, worker: WorkerSpec) -> WorkerSpec:
        given = self.settings.workers.get(worker.name)
        if given is None:
            return worker
        size, linger = given.batch_size, given.linger_seconds
        return evolve(
            worker,
            batch_size=worker.batch_size if size is None else size,
            linger_seconds=worker.linger_seconds if linger is None else linger,
            outage=given.outage or worker.outage,
        )

    def _no_such_worker(self, name: str) -> str:
        from difflib import get_close_matches

        sets = sorted({name for worker in self.workers.values() for name in worker.sets})
        close = get_close_matches(name, [*self.workers, *sets], 1)
        hint = f"did you mean {close[0]!r}" if close else "see 'claimx-run worker --list'"
        for info in self.plugins.infos.values():
            if info.state != "loaded":
                hint += f"; plugin {info.name!r} is {info.state}"
        return f"there is no worker {name!r}; {hint}"

    def _answers(self, hook: str) -> list[tuple[str, Any]]:
        """Return what each plugin answers to *hook*, the core first, then by plugin name."""
        implementations = getattr(self.plugins.manager.hook, hook).get_hookimpls()
        given = {"settings": self.settings, "clock": self.clock}
        answers = []
        for implementation in sorted(
            implementations, key=lambda each: (each.plugin_name != CORE, each.plugin_name)
        ):
            answer = implementation.function(*(given[name] for name in implementation.argnames))
            if answer is not None:
                answers.append((implementation.plugin_name, answer))
        return answers

    def _collect(self, hook: str, what: str, name_of: Callable[[Any], str]) -> dict[str, Any]:
        """Return everything registered through *hook* by name; no name twice."""
        found: dict[str, Any] = {}
        owners: dict[str, str] = {}
        for plugin, things in self._answers(hook):
            for thing in things:
                name = name_of(thing)
                if name in found:
                    raise ClaimxError(
                        f"plugin {plugin!r} registers {what} {name!r}, which plugin "
                        f"{owners[name]!r} has registered already"
                    )
                found[name], owners[name] = thing, plugin
        return found

    def _merged(self, hook: str, what: str) -> dict[str, Any]:
        """Return the mappings registered through *hook* as one; no key twice."""
        pairs = [(plugin, list(answer.items())) for plugin, answer in self._answers(hook)]
        found: dict[str, Any] = {}
        for plugin, items in pairs:
            for name, thing in items:
                if name in found:
                    raise ClaimxError(f"plugin {plugin!r} registers {what} {name!r} a second time")
                found[name] = thing
        return found
