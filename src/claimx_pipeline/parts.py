"""The parts of a pipeline, each made when it is first asked for, from settings and plugins."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from attrs import define, evolve, field

from claimx_pipeline import builtin
from claimx_pipeline.clock import Clock
from claimx_pipeline.errors import Refusals
from claimx_pipeline.plugins.host.answers import called
from claimx_pipeline.plugins.host.load_checks import CORE
from claimx_pipeline.plugins.host.loading import PluginSet
from claimx_pipeline.plugins.host.registrations import Registrations
from claimx_pipeline.settings.loader import LoadedSettings
from claimx_pipeline.settings.tree.settings import Settings
from claimx_pipeline.settings.tree.workers import WorkerSettings

if TYPE_CHECKING:
    from claimx_pipeline.connections.registry import Connections
    from claimx_pipeline.delta.querying.queries import NamedQuery
    from claimx_pipeline.delta.spec import TableSpec
    from claimx_pipeline.delta.store import TableStore
    from claimx_pipeline.domain.domain import Domain
    from claimx_pipeline.domain.handlers import EventHandler
    from claimx_pipeline.runtime.resources import Resources
    from claimx_pipeline.runtime.worker import Processor, WorkerSpec
    from claimx_pipeline.stages.from_settings import ChainWriter
    from claimx_pipeline.stages.protocol import Stage
    from claimx_pipeline.telemetry.metrics import Metrics
    from claimx_pipeline.topics import Topic, Topology


def refused_build(_: Resources) -> Processor:
    """Stand in for what builds a worker that was refused; it is not called."""
    raise TypeError("a worker that was refused is not built")


@define(slots=False)
class Parts:
    """What settings and plugins declare, put together. Making one connects to nothing."""

    loaded: LoadedSettings
    """The settings, and where each comes from."""
    plugins: PluginSet
    """Every plugin that was found."""
    clock: Clock
    """Tells the time to everything."""
    complete: bool = True
    """False for what is only checked, a plugin that was refused being left out."""
    _refusals: Refusals = field(factory=Refusals, init=False, repr=False)
    """Where what is wrong with a part is raised; collected while all are checked."""

    @property
    def settings(self) -> Settings:
        """All settings; what ``network`` says is filled in wherever a service is reached."""
        return self.loaded.settings.with_network()

    def where(self, path: str) -> str:
        """Return *path* after the file and line that its first setting is from, if from one."""
        for at, origin in self.loaded.origins.items():
            if (at == path or at.startswith((f"{path}.", f"{path}["))) and origin != "default":
                return f"{origin}: {path}"
        return path

    @cached_property
    def registrations(self) -> Registrations:
        """What the core and the plugins register."""
        return Registrations(self.plugins, self.settings, self.clock, self._refusals)

    @cached_property
    def _declared(self) -> dict[str, WorkerSpec]:
        """The workers of the core, of plugins and of sources, as they are without settings."""
        from claimx_pipeline.workers.plugin_state import with_state_worker
        from claimx_pipeline.workers.source import source_workers

        declared = self.registrations.by_name("claimx_register_workers", "worker")
        with self._refusals.of("workers.plugin-state"):
            declared = with_state_worker(declared, self.plugins, self.domains)
        return source_workers(self.registrations, self.loaded, declared)

    @cached_property
    def workers(self) -> dict[str, WorkerSpec]:
        """Every worker by name, with what the settings change of it."""
        found = {**self._declared}
        for name, given in sorted(self.settings.workers.items()):
            if name not in found and (self.complete or given.input_topic):
                with self._refusals.of():
                    found[name] = self._chains.worker(name, given, self._declared)
        for name, worker in found.items():
            # One that is refused is looked at without what it does from here on.
            found[name] = evolve(worker, build=refused_build)
            with self._refusals.of(self._section_of(name)):
                found[name] = self._of_its_owner(name, self._adjusted, worker)
        for name, worker in tuple(found.items()):
            if worker.serves is not None:
                del found[name]
                with self._refusals.of(self._section_of(name)):
                    others = tuple(found.values())
                    serving = self._of_its_owner(name, worker.serves, worker, others)
                    if serving is not None:
                        found[name] = serving
        return found

    @cached_property
    def tables(self) -> dict[str, TableSpec]:
        """Every declared table by name, with the columns that chains add."""
        declared = self.registrations.by_name("claimx_register_tables", "table")
        found = self._chains.tables(declared, self.workers.values(), self._refusals)
        buckets = self.settings.tables.buckets
        return {
            name: table if table.buckets == buckets else evolve(table, buckets=buckets)
            for name, table in found.items()
        }

    @cached_property
    def stages(self) -> dict[str, type[Stage]]:
        """Every registered stage by the name that settings know."""
        return self.registrations.merged("claimx_register_stages", "stage")

    @cached_property
    def _chains(self) -> ChainWriter:
        """What turns the chains of the settings into workers."""
        from claimx_pipeline.stages.from_settings import ChainWriter

        topics: dict[str, Topic] = {}
        declared = [topic for worker in self._declared.values() for topic in worker.topics().all()]
        for topic in (*declared, *(topic for _, topic in self.published_by_plugins)):
            topics.setdefault(topic.name, topic)
        brought = frozenset(self.registrations.brought_connections)
        return ChainWriter(self.loaded, self.stages, topics, brought)

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
        from claimx_pipeline.domain.spreading import within_buckets
        from claimx_pipeline.topics import Topology

        uses = [
            evolve(worker.topics(), owner=self._owner_of(worker.name))
            for worker in self.workers.values()
        ]
        published = self.published_by_plugins
        found = Topology.of(uses, self.settings.broker, published, self._refusals)
        return within_buckets(found, self.domains.values(), self.settings, self._refusals)

    @property
    def published_by_plugins(self) -> list[tuple[str, Topic]]:
        """Return the topics that loaded plugins publish to, each with the plugin's name."""
        return self.registrations.published

    @cached_property
    def table_store(self) -> TableStore:
        """Where the tables are."""
        from claimx_pipeline.delta.store import TableStore

        tables, storage = self.settings.tables, self.settings.storage
        merged = evolve(tables, storage_options=storage.limited(tables.storage_options))
        limit = storage.table_timeout_seconds
        return TableStore(merged, self.tables, self.clock, time_limit=limit)

    def connections(self, metrics: Metrics | None = None) -> Connections:
        """Return the named connections, counted in *metrics*; the caller closes them."""
        return self.registrations.connections(metrics)

    def core_topics(self) -> frozenset[str]:
        """Return every topic that is the pipeline's own, by any name that leads there."""
        core = builtin.claimx_register_workers(tuple(self.domains.values()))
        state = [each for name, each in self.workers.items() if name == "plugin-state"]
        own = [
            self.workers.get(declared.name, declared).topics()
            for declared in (*core, *state)
            # The topics of a worker that serves others are theirs.
            if declared.serves is None
        ]
        return self.topology.every_name_of(own)

    def _adjusted(self, worker: WorkerSpec) -> WorkerSpec:
        """Return *worker* with what the settings say of it."""
        given = self.settings.workers.get(worker.name, WorkerSettings())
        adjusted = self._chains.adjusted(worker, given)  # then it is known what a chain calls
        return adjusted.with_settings(given, self.settings.retry)

    def _owner_of(self, worker: str) -> str:
        """Return the plugin that offers *worker*; empty if none does."""
        owner = self.registrations.owners.get(("worker", worker), CORE)
        return "" if owner == CORE else owner

    def _section_of(self, worker: str) -> str:
        """Return the section under which problems of *worker* are listed."""
        owner = self._owner_of(worker)
        return f"plugins.{owner}" if owner else f"workers.{worker}"

    def _of_its_owner(self, worker: str, function: Callable[..., Any], *given: Any) -> Any:
        """Return what a function of a worker returns; what it raises is its owner's."""
        return called(self._owner_of(worker) or CORE, f"worker {worker!r}", function, *given)
