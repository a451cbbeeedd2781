"""Workers made of stages as settings write them: a whole chain, or options of one.

Settings hold names and options, never code. Both ways of writing a chain, Python and
YAML, end in the same objects, and a mistake is named with file, line, worker and stage.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from attrs import evolve, frozen

from claimx_pipeline.delta.spec import TableSpec
from claimx_pipeline.errors import Problem, Refusals, SettingsError
from claimx_pipeline.runtime.worker import WorkerSpec
from claimx_pipeline.settings.loader import LoadedSettings
from claimx_pipeline.settings.nearest import nearest
from claimx_pipeline.settings.tree.settings import Settings
from claimx_pipeline.settings.tree.workers import WorkerSettings
from claimx_pipeline.stages.chain import Chain
from claimx_pipeline.stages.delta import DeltaConfig, delta_problems, widened
from claimx_pipeline.stages.protocol import Stage, StageSpec
from claimx_pipeline.topics import Topic

_BATCHING = "set the worker's batch_size and linger_seconds, and batch_size of stage 'send'"
_DELTA = "write 'delta', and set the worker's batch_size and linger_seconds"
RETIRED_STAGES: Mapping[str, str] = {
    "batching": _BATCHING,
    "batchinghandler": _BATCHING,
    "deltatablewriter": "write 'delta'",
    "deltatablebatchwriter": _DELTA,
    "transformhandler": "write 'transform'",
    "validationhandler": "write 'validation'",
    "lookuphandler": "write 'lookup'",
    "pluginactionworker": "what it did is the stage 'send', as the last one; write 'send'",
}
"""Stages of the system before, by name or class in lower case, each with what to write
instead."""


@frozen
class ChainWriter:
    """Puts what the settings say of chains into workers."""

    loaded: LoadedSettings
    stages: Mapping[str, type[Stage]]
    """Registered stages by name."""
    topics: Mapping[str, Topic]
    """Topics that workers and plugins declare, by name."""
    brought: Collection[str] = frozenset()
    """Names of the connections that domains bring under these settings."""

    def worker(
        self, name: str, given: WorkerSettings, others: Mapping[str, WorkerSpec]
    ) -> WorkerSpec:
        """Return the worker *name*, which only the settings know, its chain still empty.

        Args:
            name: Its name.
            given: What the settings say of it.
            others: The workers of the core and of plugins.

        Raises:
            SettingsError: It is one of *others* under a wrong name, or what it needs is missing.
        """
        if meant := _meant(name, others):
            raise SettingsError([Problem(self._where(name), meant)])
        if given.input_topic is None and given.enrichment_handlers is None:
            what = (
                f"there is no such worker; there are {', '.join(others)}; a worker of your own "
                "has input_topic and enrichment_handlers"
            )
            raise SettingsError([Problem(self._where(name), what)])
        missing = [
            Problem(self._where(name), f"worker {name!r} lacks {key}")
            for key in ("input_topic", "enrichment_handlers")
            if getattr(given, key) is None
        ]
        if missing:
            raise SettingsError(missing)
        source = self._topic(given.input_topic or "")
        return WorkerSpec(
            name=name,
            summary="A chain of stages from the settings.",
            group=given.consumer_group or f"claimx-{name}",
            reads=(source,),
            family=name,
            dead_letters=self._topic(given.error_topic or f"{name}.errors"),
            needs=("broker", "tables"),
            build=Chain.of(),
        )

    def adjusted(self, worker: WorkerSpec, given: WorkerSettings) -> WorkerSpec:
        """Return *worker* with the chain, topics and group that *given* names.

        Raises:
            SettingsError: The worker has no chain, or what is written of it is wrong.
        """
        changes: dict[str, Any] = {}
        if given.input_topic is not None:
            changes["reads"] = (self._topic(given.input_topic),)
        if given.consumer_group is not None:
            changes["group"] = given.consumer_group
        if given.error_topic is not None and worker.dead_letters is not None:
            changes["dead_letters"] = self._topic(given.error_topic)
        chain = worker.build
        written = given.enrichment_handlers is not None or given.stages or given.success_topic
        if written and not isinstance(chain, Chain):
            what = f"worker {worker.name!r} is not a chain of stages; its other options can be set"
            raise SettingsError([Problem(self._where(worker.name), what)])
        if isinstance(chain, Chain):
            changes |= self._chain(worker, given, chain)
        return evolve(worker, **changes)

    def tables(
        self, tables: Mapping[str, TableSpec], workers: Iterable[WorkerSpec], refusals: Refusals
    ) -> dict[str, TableSpec]:
        """Return *tables* with the columns that the workers' chains add.

        Raises:
            SettingsError: A chain names a table or column that cannot be.
        """
        found = dict(tables)
        for worker, path, config in self._sinks(workers):
            where = f"{path}, worker {worker.name!r}"
            with refusals.of(where):
                if config.table_name in found:
                    found[config.table_name] = widened(found[config.table_name], config, where)
                refusals.add(delta_problems(config, found, where))
        return found

    def _sinks(
        self, workers: Iterable[WorkerSpec]
    ) -> Iterable[tuple[WorkerSpec, str, DeltaConfig]]:
        for worker in workers:
            for spec in stages_of(worker, self.loaded.settings):
                if isinstance(spec.config, DeltaConfig):
                    yield worker, spec.origin, spec.config

    def _chain(self, worker: WorkerSpec, given: WorkerSettings, chain: Chain) -> dict[str, Any]:
        """Return what differs in a worker whose chain is *chain*."""
        if given.enrichment_handlers is not None:
            if given.stages:
                what = (
                    "'stages' changes the worker's own chain, which 'enrichment_handlers' replaces"
                )
                raise SettingsError([Problem(self._where(worker.name), what)])
            specs = self._replaced(worker.name, given)
        else:
            specs = self._changed(worker.name, given, chain)
        success = chain.success
        if given.success_topic is not None:
            success = self._topic(given.success_topic)
        # A worker that names connections knows best which of them its settings lead to.
        named_by_worker = given.enrichment_handlers is None and any(
            need.startswith("connections.") for need in worker.needs
        )
        connecting = [] if named_by_worker else [spec for spec in specs if _connects(spec)]
        connections = sorted({spec.config.connection for spec in connecting})
        names = [spec.config.table_name for spec in specs if isinstance(spec.config, DeltaConfig)]
        written = [success] if success and success not in worker.writes else []
        brought = self.brought
        return {
            "build": Chain(lambda _: specs, success, worker.name, self.stages),
            "writes": (*worker.writes, *written),
            "tables": tuple(dict.fromkeys([*worker.tables, *names])),
            "needs": tuple(
                dict.fromkeys([*worker.needs, *(f"connections.{name}" for name in connections)])
            ),
            "check": lambda settings: (
                worker.check(settings)
                or unknown_connections(worker.name, connecting, {*settings.connections, *brought})
            ),
        }

    def _replaced(self, worker: str, given: WorkerSettings) -> list[StageSpec]:
        specs, problems = [], []
        for index, written in enumerate(given.enrichment_handlers or ()):
            path = f"workers.{worker}.enrichment_handlers[{index}]"
            origin = self.loaded.origins.get(f"{path}.type", path)
            kind = self.stages.get(written.type)
            if kind is None:
                problems.append(Problem(f"{origin}: {path}.type", self._no_stage(written.type)))
                continue
            if not hasattr(kind, "config_class"):
                what = f"stage {written.type!r} has no config_class, so only Python can use it"
                problems.append(Problem(f"{origin}: {path}.type", what))
                continue
            try:
                config = self.loaded.structured(f"{path}.config", kind.config_class)
            except SettingsError as error:
                problems += named(error.problems, worker, written.type)
            else:
                specs.append(StageSpec(written.type, config, origin))
        if problems:
            raise SettingsError(problems)
        return specs

    def _changed(self, worker: str, given: WorkerSettings, chain: Chain) -> list[StageSpec]:
        """Return the worker's own stages with the options that the settings change."""
        specs = list(chain.stages(self.loaded.settings))
        problems = []
        for name in given.stages:
            path = f"workers.{worker}.stages.{name}"
            found = [index for index, spec in enumerate(specs) if spec.type == name]
            if len(found) != 1:
                known = ", ".join(spec.type for spec in specs)
                near = nearest(name, (spec.type for spec in specs)) if not found else None
                hint = f"did you mean {near!r}? " if near else ""
                what = (
                    f"worker {worker!r} has {len(found)} stages {name!r}; {hint}"
                    f"its stages are {known}"
                )
                problems.append(Problem(path, what))
                continue
            own = specs[found[0]]
            try:
                config = self.loaded.structured(path, type(own.config), over=own.config)
            except SettingsError as error:
                problems += named(error.problems, worker, name)
            else:
                specs[found[0]] = evolve(own, config=config, origin=f"{own.origin} and {path}")
        if problems:
            raise SettingsError(problems)
        return specs

    def _no_stage(self, name: str) -> str:
        last = name.replace(":", ".").rpartition(".")[2]
        if (instead := RETIRED_STAGES.get(last.casefold())) is not None:
            return f"there is no stage {name!r}; {instead}"
        known = ", ".join(sorted(self.stages))
        for registered, kind in self.stages.items():
            if kind.__name__.casefold() == last.casefold():
                return f"{name!r} is code, and settings hold names; write {registered!r}"
        close = get_close_matches(last.casefold(), self.stages, 1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        return f"there is no stage {name!r}; {hint}registered stages are {known}"

    def _topic(self, name: str) -> Topic:
        """Return the topic that the settings call *name*: one for its readers and writers."""
        if name in self.topics:
            return self.topics[name]
        written = {
            topic
            for worker, given in self.loaded.settings.workers.items()
            for topic in (given.success_topic, given.error_topic or f"{worker}.errors")
        }
        return Topic(name, 1, terminal=True) if name in written else Topic(name, source=True)

    def _where(self, worker: str) -> str:
        path = f"workers.{worker}"
        under = [origin for at, origin in self.loaded.origins.items() if at.startswith(path)]
        written = [origin for origin in under if origin != "default"]
        return f"{written[0]}: {path}" if written else path


def stages_of(worker: WorkerSpec, settings: Settings) -> list[StageSpec]:
    """Return the stages of *worker*; none if it is not made of stages."""
    return list(worker.build.stages(settings)) if isinstance(worker.build, Chain) else []


def unknown_connections(
    worker: str, specs: Iterable[StageSpec], known: Collection[str]
) -> list[Problem]:
    """Return a problem for each stage that names a connection that is not one of *known*."""
    return [
        Problem(
            f"{spec.origin}: worker {worker!r}, stage {spec.type!r}",
            f"there is no connection {spec.config.connection!r}; "
            f"set connections.{spec.config.connection}",
        )
        for spec in specs
        if spec.config.connection not in known
    ]


def named(problems: Iterable[Problem], worker: str, stage: str) -> list[Problem]:
    """Return *problems* saying also which worker and stage they are of."""
    return [
        Problem(problem.where, f"worker {worker!r}, stage {stage!r}: {problem.what}")
        for problem in problems
    ]


def _meant(name: str, others: Mapping[str, WorkerSpec]) -> str:
    """Return which of *others* the worker *name* of the settings is meant to be, in a sentence."""
    for other in others.values():
        if name in other.formerly:
            return f"this worker is called {other.name!r}; write workers.{other.name}"
    near = nearest(name, others)
    return f"there is no worker {name!r}; did you mean {near!r}?" if near else ""


def _connects(spec: StageSpec) -> bool:
    return isinstance(getattr(spec.config, "connection", None), str)
