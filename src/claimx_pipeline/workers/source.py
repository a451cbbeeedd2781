"""``source-<name>``: what a source has is published, once or more and never less."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from attrs import frozen

from claimx_pipeline.broker.protocol import OutRecord, Record
from claimx_pipeline.domain.domain import Domain
from claimx_pipeline.domain.events import Decode
from claimx_pipeline.errors import DecodeError, Problem, SettingsError, collecting
from claimx_pipeline.plugins.host.registrations import Registrations
from claimx_pipeline.runtime.outcome import Done, Outcome
from claimx_pipeline.runtime.resources import Resources
from claimx_pipeline.runtime.worker import Received, WorkerSpec
from claimx_pipeline.settings.loader import LoadedSettings
from claimx_pipeline.settings.nearest import nearest
from claimx_pipeline.settings.tree.sources import SourceSettings
from claimx_pipeline.sources.incoming import IncomingRecord
from claimx_pipeline.sources.intake import SourceIntake
from claimx_pipeline.sources.protocol import NAME, SourceSpec, SourceType
from claimx_pipeline.topics import BRAND, SOURCES_DLQ, Topic, positions_topic

PREFIX = "source-"
"""Begins the name of every worker of a source."""


@frozen
class SourceProcessor:
    """Publishes each record of a source."""

    topic: str
    decode_event: Decode | None
    """Reads an event as the workers of its topic do; None if that is not a raw topic."""

    async def open(self) -> None:
        """Nothing to open."""

    def decode(self, record: Record) -> OutRecord:
        """Return what is to be published.

        Raises:
            DecodeError: The source says that it never can be.
        """
        if isinstance(record, IncomingRecord) and record.fault:
            raise DecodeError(record.fault)
        value = record.value or b""
        key = record.key if record.key is not None else self._key_of(value)
        return OutRecord(self.topic, value, key, tuple(record.headers))

    def _key_of(self, value: bytes) -> bytes | None:
        if self.decode_event is None:
            return None
        try:
            return self.decode_event(value, 0).key.encode()
        except DecodeError:
            return None  # the worker that reads the topic makes a dead letter of it

    async def process(self, batch: Sequence[Received[OutRecord]]) -> Sequence[Outcome]:
        """Have each record published."""
        return [Done(publish=(received.message,)) for received in batch]

    async def close(self) -> None:
        """Nothing to close."""


def source_workers(
    registrations: Registrations, loaded: LoadedSettings, declared: Mapping[str, WorkerSpec]
) -> dict[str, WorkerSpec]:
    """Return the workers *declared*, and behind them those of all sources.

    Args:
        registrations: What the core and the plugins register.
        loaded: The settings: a source that is written there has a worker, too.
        declared: All other workers.

    Raises:
        SettingsError: A source in the settings is not as it should be.
        ClaimxError: Two plugins register sources or types of one name.
    """
    registered = registrations.by_name("claimx_register_sources", "source")
    types = {name: each for name, each in registered.items() if isinstance(each, SourceType)}
    sources = {name: each for name, each in registered.items() if isinstance(each, SourceSpec)}
    problems: list[Problem] = []
    for name, given in loaded.settings.sources.items():
        with collecting(problems):
            sources[name] = written_source(name, given, types, sources, loaded)
    topics = {each.name: each for spec in declared.values() for each in spec.topics().reads}
    workers = dict(declared)
    for source in sources.values():
        with collecting(problems):
            worker = worker_of(source, topics, registrations.domains)
            if worker.name in declared:
                what = (
                    f"its worker would be called {worker.name!r}, as another worker is; rename it"
                )
                raise SettingsError([Problem(f"sources.{source.name}", what)])
            workers[worker.name] = worker
            if owner := registrations.owners.get(("source", source.name)):
                registrations.owners["worker", worker.name] = owner
    registrations.refusals.add(problems)
    return workers


def written_source(
    name: str,
    given: SourceSettings,
    types: Mapping[str, SourceType],
    others: Mapping[str, SourceSpec],
    loaded: LoadedSettings,
) -> SourceSpec:
    """Return the source that the settings call *name*.

    Raises:
        SettingsError: It is not as it should be; everything that is wrong.
    """
    path = f"sources.{name}"
    at = loaded.origins.get(f"{path}.type", "")
    where = f"{at}: {path}" if at else path
    found: list[str] = []
    if not re.fullmatch(NAME, name):
        found.append(
            f"{name!r} is not a valid name of a source; use up to 100 of the letters a to z, "
            "digits, '.', '_' and '-'"
        )
    if name in others:
        found.append(f"a plugin registers a source {name!r} already; choose another name")
    kind = types.get(given.type)
    if kind is None:
        near = nearest(given.type, types)
        hint = f"did you mean {near!r}?" if near else f"there are {', '.join(sorted(types))}"
        found.append(f"there is no type of sources {given.type!r}; {hint}")
    else:
        found += kind.check(given)
        if kind.options is None and given.options and not found:
            found.append(f"type {given.type!r} has no 'options'; remove them")
    if found or kind is None:
        raise SettingsError([Problem(where, each) for each in found])
    options: Any = None
    if kind.options is not None:
        options = loaded.structured(f"{path}.options", kind.options)
    return SourceSpec(
        name=name,
        summary=kind.summary,
        build=partial(kind.make, given, options),
        topic=given.topic or "",
        rate=given.rate,
        poll_seconds=given.poll_seconds,
        needs=(path, *kind.needs),
    )


def worker_of(
    source: SourceSpec, topics: Mapping[str, Topic], domains: Mapping[str, Domain]
) -> WorkerSpec:
    """Return the worker that publishes what *source* has.

    Args:
        source: The source.
        topics: The topics of all other workers, by name.
        domains: Every domain by name; events go to the first one's raw topic if the source names
            none.

    Raises:
        SettingsError: No worker reads the topic that its events go to.
    """
    by_topic = {each.topics.events_raw.name: each for each in domains.values()}
    name = source.topic or next(iter(by_topic))
    topic = topics.get(name)
    if topic is None:
        meant = nearest(name, topics)
        hint = f"did you mean {meant!r}?" if meant else "name the raw topic of a domain"
        what = f"no worker reads topic {name!r}, so its events would be lost; {hint}"
        raise SettingsError([Problem(f"sources.{source.name}.topic", what)])
    positions = positions_topic(source.name)

    def build(resources: Resources) -> SourceProcessor:
        domain = by_topic.get(name)
        decode = None if domain is None else domain.reading(resources.settings)
        return SourceProcessor(topic.name, decode)

    return WorkerSpec(
        name=f"{PREFIX}{source.name}",
        summary=source.summary,
        group=f"{BRAND}-{PREFIX}{source.name}",
        reads=(positions,),
        writes=(topic, positions),
        needs=("broker", *source.needs),
        dead_letters=SOURCES_DLQ,
        intake=SourceIntake(source),
        build=build,
        batch_size=500,
        sets=frozenset({"sources"}),
    )
