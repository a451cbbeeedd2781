"""Finds every station of an event, or of what several events are about, and where it is now."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from attrs import define, evolve, field

from claimx_pipeline.broker.inspection import inspector_of
from claimx_pipeline.broker.partitioning import partition_of
from claimx_pipeline.broker.protocol import OutRecord, Record
from claimx_pipeline.clock import published_at
from claimx_pipeline.delta.spec import bucket_of
from claimx_pipeline.errors import UsageError
from claimx_pipeline.operations.dead_letters import open_reader
from claimx_pipeline.operations.probes import ask_probes
from claimx_pipeline.operations.status import worker_states
from claimx_pipeline.operations.topics import open_admin
from claimx_pipeline.operations.tracing.rows import rows_of
from claimx_pipeline.operations.tracing.searching import Search, SearchedNames
from claimx_pipeline.operations.tracing.stations import StationMaker
from claimx_pipeline.operations.tracing.verdict import WorkerState, now_of
from claimx_pipeline.operations.tracing.views import Kind, Station, Trace
from claimx_pipeline.runtime import headers
from claimx_pipeline.runtime.headers import Origin
from claimx_pipeline.runtime.offsets.reading import topics_read

if TYPE_CHECKING:
    from claimx_pipeline.domain.events import DomainEvent
    from claimx_pipeline.pipeline import Pipeline

SHORTEST = 2
"""Characters of an id: fewer are in every record."""
_FLOW: Sequence[Kind] = (
    *("raw event", "task to enrich", "rows to store", "file to fetch", "fetched file"),
    *("result of a file", "action", "message", "retry", "dead letter", "row"),
)
_LATEST = datetime.max.replace(tzinfo=UTC)


async def trace(pipeline: Pipeline, subject: str, *, probes: Sequence[str] = ()) -> Trace:
    """Return every station of *subject* in time order, and where it is now.

    Args:
        pipeline: The pipeline.
        subject: Id of an event; or of what events are about: a project, an assignment, a file;
            or a correlation id.
        probes: ``http://HOST:PORT`` of the processes that run workers; those of this machine if
            not given.

    Raises:
        UsageError: The subject is too short, or an address is not valid.
        BrokerError: The broker did not answer.
    """
    subject = subject.strip()
    if len(subject) < SHORTEST:
        raise UsageError(f"{subject!r} is too short to search for; give a whole id")
    began = pipeline.clock.monotonic()
    asking = asyncio.create_task(ask_probes(pipeline, probes))
    inspector = inspector_of(pipeline.broker())
    try:
        async with open_admin(pipeline) as admin:
            existing = _own_topics(pipeline, await admin.topics())
            maker = StationMaker(pipeline, admin, existing)
            search = Search(pipeline, admin, inspector, existing)
            found = await _Finder(maker, search, subject).found()
            stations = [await maker.station(record) for record in found.records]
            stations = await _with_replays(pipeline, stations)
            states = await worker_states(pipeline, await asking)
    finally:
        asking.cancel()
        if inspector is not None:
            await inspector.close()
    rows, notes = await asyncio.to_thread(rows_of, pipeline, found.names, found.keys)
    stations = sorted([*stations, *rows], key=_order)
    at = pipeline.clock.now()
    known = {name: WorkerState(*state) for name, state in states.items()}
    return Trace(
        subject=subject,
        at=at,
        events=list(dict.fromkeys(each.event_id for each in stations if each.event_id)),
        stations=stations,
        now=now_of(pipeline, subject, stations, known, at, cut=search.cut),
        seconds=round(pipeline.clock.monotonic() - began, 3),
        cut=search.cut,
        notes=notes,
    )


def _own_topics(pipeline: Pipeline, existing: Mapping[str, int]) -> dict[str, int]:
    """Return those of *existing* that are this pipeline's: a broker has others' topics as well."""
    topology = pipeline.topology
    own = {topology.physical(name) for name in topology.topics}
    for worker in pipeline.workers.values():
        own |= {*topics_read(worker, topology, existing)}
    return {name: count for name, count in existing.items() if name in own}


@define
class _Finder:
    """Finds the records, the raw ones first."""

    maker: StationMaker
    search: Search
    subject: str
    records: list[Record] = field(init=False, factory=list)
    names: set[str] = field(init=False)
    """What rows are searched by."""
    keys: set[str] = field(init=False, factory=set)
    """Keys of the events, if it is about single events."""

    def __attrs_post_init__(self) -> None:
        self.names = {self.subject}

    async def found(self) -> _Finder:
        """Return this, with everything filled in."""
        raw = self.maker.topics("raw event")
        others = [topic for topic in self.maker.existing if topic not in raw]
        wanted = SearchedNames(frozenset({self.subject}))
        self.records = await self.search.find(raw, wanted)
        events = self._events(self.records, {self.subject})
        if events:
            self.records = [record for record, _ in events]
            self.keys = {event.key for _, event in events}
            since = min((published_at(each.timestamp) or _LATEST for each, _ in events))
            only = self._partitions(self.keys)
            self.records += await self.search.find(others, wanted, since=since, partitions=only)
            return self
        self.records += await self.search.find(others, wanted)
        if ids := self._ids_behind():
            await self._by_ids(ids, raw, others)
        return self

    def _events(
        self, records: Sequence[Record], ids: Collection[str]
    ) -> list[tuple[Record, DomainEvent]]:
        """Return those of *records* that are one of the events, with the event."""
        read = ((record, self.maker.event_in(record)) for record in records)
        return [(record, event) for record, event in read if event and event.event_id in ids]

    def _ids_behind(self) -> set[str]:
        """Return the ids of the events if the subject is one, derived, or a correlation id."""
        found = set()
        for record in self.records:
            event_id = headers.header(record.headers, headers.ID)
            if event_id and any(
                name.startswith(headers.OWN_PREFIX) and value == self.subject.encode()
                for name, value in record.headers
            ):
                found.add(event_id)
        return found

    async def _by_ids(self, ids: set[str], raw: Sequence[str], others: Sequence[str]) -> None:
        """Add the raw events, found by their keys, and what names them by their ids."""
        tasks = [
            each for each in self.records if self.maker.kind_of(each.topic) == "task to enrich"
        ]
        self.keys = {(record.key or b"").decode("utf-8", "replace") for record in tasks}
        if self.keys:
            by_key = await self.search.find(raw, SearchedNames(frozenset(self.keys)))
            self.records += [record for record, _ in self._events(by_key, ids)]
        if fresh := ids - self.names:
            self.names |= fresh
            self.records += await self.search.find(others, SearchedNames(frozenset(fresh)))
        self.records = list(
            {(each.topic, each.partition, each.offset): each for each in self.records}.values()
        )

    def _partitions(self, keys: Collection[str]) -> Mapping[str, int]:
        """Return the one partition of each topic that the pipeline itself spreads by key.

        Nothing if there are several keys.
        """
        if len(keys) != 1:
            return {}
        (key,) = keys
        found = {}
        for topic, count in self.maker.existing.items():
            kind = self.maker.kind_of(topic)
            if kind == "task to enrich":
                found[topic] = partition_of(OutRecord(topic, None, key.encode()), count, 0)
            elif kind == "rows to store":
                found[topic] = bucket_of(key, self.maker.pipeline.settings.tables.buckets) % count
        return found


async def _with_replays(pipeline: Pipeline, stations: Sequence[Station]) -> list[Station]:
    """Return *stations*, the dead letters among them with when they were replayed."""
    if not any(each.kind == "dead letter" for each in stations):
        return list(stations)
    found = []
    async with open_reader(pipeline) as reader:
        for station in stations:
            if station.kind == "dead letter":
                dead = await reader.at(Origin.parse(station.where))
                if dead.replayed_at is not None:
                    facts = {**station.facts, "replayed_at": dead.replayed_at}
                    about = f"{station.about} (replayed {dead.replayed_at[:19]})"
                    found.append(evolve(station, facts=facts, about=about))
                    continue
            found.append(station)
    return found


def _order(station: Station) -> tuple[datetime, int]:
    return station.at or _LATEST, _FLOW.index(station.kind)
