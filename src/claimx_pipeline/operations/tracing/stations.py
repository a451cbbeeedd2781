"""Makes stations of records: what each is, what it says, and who is past it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from attrs import define, field

from claimx_pipeline.broker.protocol import Admin, Record
from claimx_pipeline.clock import published_at
from claimx_pipeline.errors import DecodeError
from claimx_pipeline.operations.record_filter import json_value
from claimx_pipeline.operations.tracing.views import Kind, Reader, Station
from claimx_pipeline.runtime import headers
from claimx_pipeline.runtime.dead_letters.dead_letter import DeadLetter
from claimx_pipeline.runtime.offsets.reading import topics_read
from claimx_pipeline.runtime.raw_event import read_event
from claimx_pipeline.topics import ACTIONS_PENDING

if TYPE_CHECKING:
    from claimx_pipeline.domain.domain import Domain
    from claimx_pipeline.domain.events import DomainEvent
    from claimx_pipeline.pipeline import Pipeline

_KINDS: Mapping[str, Kind] = {
    "events_raw": "raw event",
    "enrichment_pending": "task to enrich",
    "entities_rows": "rows to store",
    "downloads_pending": "file to fetch",
    "downloads_cached": "fetched file",
    "downloads_results": "result of a file",
}


@define
class StationMaker:
    """Knows the topics, and how far their readers are."""

    pipeline: Pipeline
    admin: Admin
    existing: Mapping[str, int]
    _kinds: dict[str, tuple[Kind, Domain | None]] = field(init=False)
    _readers: dict[str, list[tuple[str, str]]] = field(init=False)
    """Topic to the workers that read it, each with its group."""
    _retries: frozenset[str] = field(init=False)
    _committed: dict[tuple[str, str], Mapping[int, int]] = field(init=False, factory=dict)

    def __attrs_post_init__(self) -> None:
        physical = self.pipeline.topology.physical
        self._kinds = {physical(ACTIONS_PENDING.name): ("action", None)}
        for domain in self.pipeline.domains.values():
            for attribute, kind in _KINDS.items():
                self._kinds[physical(getattr(domain.topics, attribute).name)] = (kind, domain)
        workers = self.pipeline.workers.values()
        for worker in workers:
            for dead in (worker.dead_letters, *worker.dead_letters_of.values()):
                if dead is not None:
                    self._kinds[physical(dead.name)] = ("dead letter", None)
        self._readers = {}
        retries: set[str] = set()
        for worker in workers:
            group = self.pipeline.topology.group(worker.group)
            for topic in topics_read(worker, self.pipeline.topology, self.existing):
                self._readers.setdefault(topic, []).append((worker.name, group))
                if worker.drains:
                    retries.add(topic)
        self._retries = frozenset(retries)

    def kind_of(self, topic: str) -> Kind:
        """Return what the records of a topic are."""
        if topic in self._retries:
            return "retry"
        return self._kinds.get(topic, ("message", None))[0]

    def topics(self, *kinds: Kind) -> list[str]:
        """Return the topics that there are whose records are of one of *kinds*."""
        return [topic for topic in self.existing if self.kind_of(topic) in kinds]

    def event_in(self, record: Record) -> DomainEvent | None:
        """Return the event in a record of a topic of raw events; None if it is none."""
        domain = self._kinds.get(record.topic, ("message", None))[1]
        if domain is None or self.kind_of(record.topic) != "raw event":
            return None
        try:
            decode = domain.reading(self.pipeline.settings)
            return read_event(record, self.pipeline.clock, decode)
        except DecodeError:
            return None

    async def station(self, record: Record) -> Station:
        """Return *record* as a station."""
        kind = self.kind_of(record.topic)
        value = json_value(record.value)
        said = value if isinstance(value, Mapping) else {}
        about, facts = _ABOUT.get(kind, _message)(record, said)
        event = self.event_in(record)
        # A file's header has the id of the file.
        said_id = str(said.get("event_id") or headers.header(record.headers, headers.ID) or "")
        if event is not None:
            about = f"{event.event_type} of {event.key}"
        return Station(
            kind=kind,
            at=published_at(record.timestamp),
            where=f"{record.topic}/{record.partition}/{record.offset}",
            about=about,
            event_id=event.event_id if event else said_id,
            readers=await self._past(record),
            facts=facts,
        )

    async def _past(self, record: Record) -> list[Reader]:
        only = headers.header(record.headers, headers.GROUP)
        if record.topic in self._retries:
            only = None  # the header is for the worker to which it returns
        found = []
        for worker, group in self._readers.get(record.topic, ()):
            if only not in (None, group):
                continue
            committed = await self._committed_of(group, record.topic)
            left = record.offset - committed.get(record.partition, 0)
            found.append(Reader(worker=worker, done=left < 0, before=max(0, left)))
        return found

    async def _committed_of(self, group: str, topic: str) -> Mapping[int, int]:
        if (group, topic) not in self._committed:
            self._committed[group, topic] = await self.admin.committed(group, topic)
        return self._committed[group, topic]


_Facts = tuple[str, dict[str, Any]]


def _message(record: Record, said: Mapping[str, Any]) -> _Facts:
    named = [
        f"{key}={said[key]}" for key in ("trigger_name", "event_type", "status") if key in said
    ]
    key = (record.key or b"").decode("utf-8", "replace")
    return " ".join([*named, *([f"key {key}"] if key else [])]) or "a record", {}


def _task(record: Record, said: Mapping[str, Any]) -> _Facts:
    tries = headers.attempts_of(record)
    again = f", try {tries + 1}" if tries else ""
    return f"{said.get('event_type', '')}{again}", {"attempts": tries}


def _rows(record: Record, said: Mapping[str, Any]) -> _Facts:
    del record
    log = said.get("log") or {}
    rows = said.get("rows") or {}
    counts = {kind: len(each) for kind, each in rows.items() if each}
    shown = ", ".join(f"{count} {kind}" for kind, count in counts.items()) or "no rows"
    outcome, reason = log.get("outcome", ""), log.get("reason", "")
    about = f"{outcome}: {shown}{f' ({reason})' if reason else ''}"
    return about, {"outcome": outcome, "reason": reason, "rows": counts}


def _file(record: Record, said: Mapping[str, Any]) -> _Facts:
    del record
    media, path = said.get("media_id", ""), said.get("blob_path", "")
    status = said.get("status", "")
    error = said.get("error_message") or ""
    about = " ".join(filter(None, (f"media {media}", path, status, error)))
    return about, {"media_id": media, "path": path, "status": status, "error": error}


def _action(record: Record, said: Mapping[str, Any]) -> _Facts:
    del record
    kind, plugin = said.get("kind", ""), said.get("plugin", "")
    call = said.get("webhook") or {}
    target = call.get("connection") or str(call.get("url") or "").partition("?")[0]
    where = f" {call.get('method', '')} {target}" if call else ""
    return f"{kind} of plugin {plugin}{where}", {"kind": kind, "plugin": plugin}


def _retry(record: Record, said: Mapping[str, Any]) -> _Facts:
    del said
    due = published_at(headers.number_in(record, headers.DUE))
    back = headers.header(record.headers, headers.RETURN_TO) or ""
    tries = headers.attempts_of(record)
    shown = f"{due:%H:%M:%S}" if due else "at once"
    facts = {
        "due": due,
        "return_to": back,
        "attempts": tries,
        "group": headers.header(record.headers, headers.GROUP),
        "plugin": headers.header(record.headers, headers.PLUGIN) or "",
        "origin": str(headers.origin_of(record)),
    }
    return f"after {tries} tries, due {shown}, back to {back}", facts


def _dead(record: Record, said: Mapping[str, Any]) -> _Facts:
    del said
    failed = DeadLetter.read(record)
    if failed is None:
        return "not written by this pipeline", {}
    plugin = f" (plugin {failed.plugin})" if failed.plugin else ""
    facts = {
        "worker": failed.worker,
        "plugin": failed.plugin,
        "category": failed.category,
        "error": failed.error,
        "attempts": failed.attempts,
        "origin": str(failed.origin),
    }
    return f"{failed.worker}{plugin}, {failed.category}: {failed.error}", facts


_ABOUT: Mapping[Kind, Callable[[Record, Mapping[str, Any]], _Facts]] = {
    "task to enrich": _task,
    "rows to store": _rows,
    "file to fetch": _file,
    "fetched file": _file,
    "result of a file": _file,
    "action": _action,
    "retry": _retry,
    "dead letter": _dead,
}
