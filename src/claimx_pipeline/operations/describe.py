"""Workers and plugins as the settings leave them: what each reads, writes, runs and brings."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from attrs import field, frozen, has

from claimx_pipeline.operations.extensions import added_by
from claimx_pipeline.operations.names import one_plugin, one_worker
from claimx_pipeline.settings.loading.objects import as_plain
from claimx_pipeline.stages.from_settings import stages_of

if TYPE_CHECKING:
    from claimx_pipeline.pipeline import Pipeline
    from claimx_pipeline.plugins.host.info import PluginInfo


@frozen
class DescribedStage:
    """A stage of a worker's chain."""

    type: str
    """Name that it is registered by."""
    origin: str
    """Where the settings or the code name it."""
    options: Mapping[str, Any]
    """Every option with its value; credentials are masked."""


@frozen(kw_only=True)
class DescribedWorker:
    """A worker; topics and group are called as the broker calls them."""

    worker: str
    """Its name."""
    summary: str
    """What it does, in one line."""
    group: str
    """Its consumer group."""
    reads: Sequence[str]
    """Topics that it reads."""
    writes: Sequence[str]
    """Topics that it writes."""
    tables: Sequence[str]
    """Tables that it writes."""
    retry_topics: Sequence[str]
    """Topics of its retry ladder."""
    dead_letters: str | None
    """Topic of its dead letters."""
    batch_size: int
    """Records taken at once, at most."""
    linger_seconds: float
    """How long a batch may wait to fill."""
    outage: str
    """What happens to a record while the service it needs is unavailable."""
    stages: Sequence[DescribedStage]
    """Its chain."""


@frozen(kw_only=True)
class DescribedPlugin:
    """A plugin with what it brings along; nothing but ``info`` if it is not loaded."""

    info: PluginInfo
    """What was found of it."""
    summary: str = ""
    """What it does, in one line."""
    event_types: Sequence[str] = ()
    """Event types that it wants to see."""
    publishes_to: Sequence[str] = ()
    """Logical names of topics."""
    brings: Mapping[str, Sequence[str]] = field(factory=dict)
    """``workers``, ``tables``, ``stages``, ``queries`` and ``handlers`` to their names."""
    settings: Sequence[str] = ()
    """``name = value`` each; credentials are masked."""
    adds: Sequence[str] = ()
    """Event types, entity kinds and columns that it adds to domains, in words."""


def describe_worker(pipeline: Pipeline, name: str) -> DescribedWorker:
    """Return a worker with its chain of stages.

    Raises:
        UsageError: There is no such worker.
        SettingsError: A stage's options are wrong.
    """
    worker, topology = one_worker(pipeline, name), pipeline.topology
    physical = topology.physical
    return DescribedWorker(
        worker=worker.name,
        summary=worker.summary,
        group=topology.group(worker.group),
        reads=[physical(topic.name) for topic in worker.reads],
        writes=[physical(topic.name) for topic in worker.writes],
        tables=list(worker.tables),
        retry_topics=[
            physical(topic.name) for ladder in worker.ladders() for topic in ladder.topics()
        ],
        dead_letters=physical(worker.dead_letters.name) if worker.dead_letters else None,
        batch_size=worker.batch_size,
        linger_seconds=worker.linger_seconds,
        outage=worker.outage,
        stages=[
            DescribedStage(spec.type, spec.origin, as_plain(spec.config))
            for spec in stages_of(worker, pipeline.settings)
        ],
    )


def describe_plugin(pipeline: Pipeline, name: str) -> DescribedPlugin:
    """Return what there is to know about a plugin.

    Raises:
        UsageError: There is no such plugin.
    """
    info = one_plugin(pipeline, name)
    plugin = dict(pipeline.plugins.loaded()).get(name)
    if plugin is None:
        return DescribedPlugin(info=info)
    return DescribedPlugin(
        info=info,
        summary=(inspect.getdoc(plugin) or "").partition("\n")[0],
        event_types=sorted(getattr(plugin, "event_types", ())),
        publishes_to=[topic.name for by, topic in pipeline.published_by_plugins if by == name],
        brings={
            what: _registered(pipeline, name, what)
            for what in ("workers", "tables", "stages", "queries", "handlers")
        },
        settings=_options(getattr(plugin, "config", None)),
        adds=added_by(pipeline, name),
    )


def _registered(pipeline: Pipeline, plugin: str, what: str) -> list[str]:
    """Return the names of what *plugin* registers of one kind."""
    names: list[str] = []
    for by, answer in pipeline.registrations.answers(f"claimx_register_{what}"):
        if by == plugin:
            names += answer if isinstance(answer, Mapping) else (one.name for one in answer)
    return names


def _options(config: Any) -> list[str]:
    if config is None or not has(type(config)):
        return []
    return [f"{key} = {value!r}" for key, value in as_plain(config).items()]
