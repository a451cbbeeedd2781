"""Makes what a start makes, on trial: nothing is connected to and nothing is made on disk."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from attrs import evolve, frozen

from claimx_pipeline.connections.registry import Connections
from claimx_pipeline.errors import (
    ClaimxError,
    Problem,
    Refusals,
    SettingsError,
    TableError,
)
from claimx_pipeline.plugins.host.answers import called, require_kind, section_of, several
from claimx_pipeline.plugins.host.commands import target_of
from claimx_pipeline.plugins.host.load_checks import CORE
from claimx_pipeline.plugins.host.loading import PluginSet
from claimx_pipeline.settings.loader import LoadedSettings, require
from claimx_pipeline.settings.loading.paths import format_path

if TYPE_CHECKING:
    from claimx_pipeline.delta.querying.queries import NamedQuery
    from claimx_pipeline.delta.store import TableStore
    from claimx_pipeline.domain.domain import Domain
    from claimx_pipeline.hooks.command import Command
    from claimx_pipeline.runtime.resources import Resources
    from claimx_pipeline.runtime.worker import WorkerSpec

PLUGINS = "plugins"
"""What a worker that runs plugins needs of the settings."""

CONNECTIONS = "connections."
"""What the names of connections begin with in what a worker needs."""

Owners = Mapping[tuple[str, str], str]
"""What is registered, such as ``worker``, and its name to the plugin that registers it."""


@frozen
class Trial:
    """Makes each kind of part; what is wrong with one is in the refusals."""

    loaded: LoadedSettings
    owners: Owners
    refusals: Refusals

    def tables(self, store: TableStore) -> None:
        """See that every table has a location, and can be created and written."""
        located: set[str] = set()
        for name in store.specs:
            try:
                store.location(name)
            except TableError as error:
                # All tables below one root are at the same wrong location.
                if (reason := error.reason.replace(name, "")) not in located:
                    located.add(reason)
                    with self.refusals.of(self._where_of_table(name)):
                        raise
                continue
            with self.refusals.of(section_of(self.owners.get(("table", name), CORE))):
                store.try_out(name)

    def files(self, domains: Iterable[Domain]) -> None:
        """See that the stores of the files of every domain can be opened."""
        for domain in domains:
            if (flow := domain.file_flow) is not None:
                owner = self.owners.get(("domain", domain.name), CORE)
                said = f"the files of domain {domain.name!r}"
                for refuse in (flow.refuse_unusable_cache, flow.refuse_unusable_store):
                    with self.refusals.of(section_of(owner)):
                        called(owner, said, refuse, self.loaded.settings)

    def queries(self, queries: Mapping[str, NamedQuery]) -> None:
        """See that the SQL of what plugins add to ``query --name`` can be read."""
        for name, query in queries.items():
            owner = self.owners.get(("query", name), CORE)
            if owner != CORE:
                with self.refusals.of(section_of(owner)):
                    called(owner, f"its query {name!r}", query.check)

    def commands(self, commands: Iterable[tuple[str, Command]], plugins: PluginSet) -> None:
        """See that what plugins add to ``claimx-run`` can be imported."""
        for plugin, command in commands:
            if plugin != CORE:
                with self.refusals.of(section_of(plugin)):
                    target_of(command, plugins.infos[plugin])

    def tracing(self) -> None:
        """See that what makes spans is installed, if the settings ask for some."""
        if self.loaded.settings.tracing.endpoint:
            with self.refusals.of():
                from claimx_pipeline.telemetry.tracing import Tracing  # noqa: F401, PLC0415 - its import refuses

    def processors(self, workers: Iterable[WorkerSpec], resources: Resources) -> None:
        """See that the processor of every worker can be made."""
        for worker in workers:
            owner = self.owners.get(("worker", worker.name), CORE)
            with self.refusals.of(section_of(owner) or f"workers.{worker.name}"):
                called(owner, f"worker {worker.name!r}", _processor, worker, resources)

    def _where_of_table(self, name: str) -> str:
        own = name in self.loaded.settings.tables.paths
        path = format_path(("tables", "paths", name) if own else ("tables", "root"))
        origin = self.loaded.origins.get(path, "default")
        return path if origin == "default" else f"{origin}: {path}"


def lacks(
    workers: Sequence[WorkerSpec],
    loaded: LoadedSettings,
    connections: Connections,
    owners: Owners,
    plugins: Iterable[str],
) -> list[Problem]:
    """Return what is missing, or wrong, of what *workers* alone need.

    Args:
        workers: The workers.
        loaded: The settings.
        connections: The connections, none of which is opened to the outside.
        owners: Which plugin offers each worker.
        plugins: Names of the loaded plugins.
    """
    needs = [path for worker in workers for path in worker.needs]
    found = Refusals(collects=True)
    for worker in workers:
        owner = owners.get(("worker", worker.name), CORE)
        with found.of(section_of(owner)):
            found.add(_checked(worker, owner, loaded))
    if PLUGINS in needs:
        # A plugin that is switched off needs nothing.
        needs = [path for path in needs if path != PLUGINS]
        with found.of():
            _require_of_plugins(loaded, plugins)
    for name in dict.fromkeys(
        path.removeprefix(CONNECTIONS) for path in needs if path.startswith(CONNECTIONS)
    ):
        if name in connections.names:
            with found.of(f"{CONNECTIONS}{name}"):
                called(CORE, f"connection {name!r}", connections.get, name)
    with found.of():
        require(loaded, needs)
    return found.problems


def _checked(worker: WorkerSpec, owner: str, loaded: LoadedSettings) -> list[Problem]:
    said = f"the check of worker {worker.name!r}"
    problems = several(said, owner, called(owner, said, worker.check, loaded.settings))
    for each in problems:
        require_kind(said, owner, each, "problem")
    return problems


def _require_of_plugins(loaded: LoadedSettings, plugins: Iterable[str]) -> None:
    """See that no setting of a loaded plugin waits for a variable: it runs, so it is wrong.

    Raises:
        SettingsError: One does.
    """
    try:
        require(loaded, [f"{PLUGINS}.{name}" for name in plugins])
    except SettingsError as error:
        raise SettingsError([evolve(each, missing=False) for each in error.problems]) from error


def _processor(worker: WorkerSpec, resources: Resources) -> None:
    own = resources.of(worker)
    processor = worker.build(own)
    wrong = [
        name
        for name in ("open", "decode", "process", "close")
        if not callable(getattr(processor, name, None))
    ]
    if wrong:
        raise ClaimxError(
            f"worker {worker.name!r} is built as a {type(processor).__name__}, which lacks "
            f"{wrong[0]!r}; return a Processor from 'build'"
        )
