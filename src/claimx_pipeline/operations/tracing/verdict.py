"""Says where things are now, what they wait for, and what to do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from attrs import frozen

from claimx_pipeline.operations.tracing.views import Now, Station

if TYPE_CHECKING:
    from claimx_pipeline.pipeline import Pipeline

SEEN = 3
"""Topics that are named."""


@frozen
class WorkerState:
    """How a worker is, as its processes or its group say."""

    state: str
    """``ready``, ``degraded``, ``waiting``, ``failed`` and so on; ``running`` if only the group
    is known, ``not running`` without members."""
    reason: str = ""


def now_of(
    pipeline: Pipeline,
    subject: str,
    stations: Sequence[Station],
    states: Mapping[str, WorkerState],
    at: datetime,
    *,
    cut: bool = False,
) -> list[Now]:
    """Return what is not finished, else how it ended; *cut* says that not all was looked at."""
    if not stations and not cut:
        return [_nothing(pipeline, subject)]
    found = [
        *_dead(stations),
        *_retries(pipeline, stations, states, at),
        *_queues(stations, states),
    ]
    if not found and cut:
        return [_cut(subject)]
    return found or [_ended(stations)]


def _cut(subject: str) -> Now:
    return Now(
        state="unknown",
        what=f"more records hold {subject!r}, whole or in another text, than are looked at",
        remedy="trace one of the events by its own id, or by its correlation id",
        since=None,
    )


def _dead(stations: Iterable[Station]) -> Iterator[Now]:
    for station in stations:
        if station.kind != "dead letter" or station.facts.get("replayed_at"):
            continue
        yield Now(
            state="dead",
            what=f"it is dead at {station.about}",
            remedy=(
                f"'claimx-run dlq show {station.where}' has everything about it; when the cause "
                f"is removed, 'claimx-run dlq replay {station.where}'"
            ),
            since=station.at,
        )


def _retries(
    pipeline: Pipeline,
    stations: Iterable[Station],
    states: Mapping[str, WorkerState],
    at: datetime,
) -> Iterator[Now]:
    topology = pipeline.topology
    groups = {topology.group(each.group): each.name for each in pipeline.workers.values()}
    for station in stations:
        waiting = [each for each in station.readers if not each.done]
        if station.kind != "retry" or not waiting:
            continue
        due = station.facts.get("due")
        group = station.facts.get("group")
        for_worker = groups.get(str(group), str(group))
        tries, topic = station.facts.get("attempts"), station.where.rsplit("/", 2)[0]
        when = f"until {due:%Y-%m-%d %H:%M:%S} UTC" if isinstance(due, datetime) else "for its turn"
        state = states.get(waiting[0].worker, WorkerState("not running"))
        remedy = "nothing to do: it comes back by itself"
        if state.state == "not running":
            remedy = f"start worker {waiting[0].worker!r}, which brings it back"
        elif isinstance(due, datetime) and due < at:
            remedy = "it is due and comes back at once; 'claimx-run status' shows how far that is"
        yield Now(
            state="waits",
            what=f"it waits in {topic} {when}, for worker {for_worker!r} after {tries} tries",
            remedy=remedy,
            since=station.at,
        )


def _queues(stations: Iterable[Station], states: Mapping[str, WorkerState]) -> Iterator[Now]:
    for station in stations:
        if station.kind in ("retry", "dead letter"):
            continue
        for reader in station.readers:
            if not reader.done:
                state = states.get(reader.worker, WorkerState("not running"))
                yield _queue(station, reader.worker, reader.before, state)


def _queue(station: Station, worker: str, before: int, state: WorkerState) -> Now:
    where = f"the {station.kind} at {station.where}"
    queue = f", {before} records are before it" if before else ""
    why = f": {state.reason}" if state.reason else ""
    what, remedy = {
        "waiting": (
            f"worker {worker!r} holds {where} and waits{why}",
            "it goes on by itself when the service answers; 'claimx-run doctor' says what is wrong",
        ),
        "failed": (
            f"worker {worker!r} has failed before {where}{why}",
            f"remove the cause, then start worker {worker!r} again",
        ),
        "not running": (
            f"worker {worker!r} has not read {where}{queue}, and does not run",
            f"start it: 'claimx-run worker {worker}'",
        ),
    }.get(
        state.state,
        (
            f"worker {worker!r} is not past {where}{queue} ({state.state}{why})",
            "wait; 'claimx-run status' shows its rate and what it waits for",
        ),
    )
    return Now(state="waits", what=what, remedy=remedy, since=station.at)


def _ended(stations: Sequence[Station]) -> Now:
    rows = [each for each in stations if each.kind == "row"]
    tables = list(dict.fromkeys(each.where.partition("@")[0] for each in rows))
    last = max((each.at for each in stations if each.at), default=None)
    if rows:
        what = f"nothing is under way; it is in {', '.join(tables)}"
        return Now(state="done", what=what, since=last)
    if any(each.kind == "raw event" for each in stations):
        return Now(
            state="unknown",
            what="every worker is past it, and no table has a row that names it",
            remedy="see whether the tables exist: 'claimx-run tables list'; was it filtered, the "
            "event log says by which plugin",
            since=last,
        )
    return Now(
        state="done", what="nothing is under way; every worker that reads it is past it", since=last
    )


def _nothing(pipeline: Pipeline, subject: str) -> Now:
    topology = pipeline.topology
    kept = []
    for domain in pipeline.domains.values():
        name = topology.physical(domain.topics.events_raw.name)
        given = next((each for each in topology.new_topics() if each.name == name), None)
        if given is not None and given.retention_hours:
            kept.append(f"{name} keeps {given.retention_hours:g} hours")
    return Now(
        state="unknown",
        what=f"no record and no row names {subject!r}",
        remedy=(
            f"see that the id is whole; {'; '.join(kept[:SEEN])}; an event without an id of its "
            "own has a derived one: 'claimx-run topics read' finds it by what is in it"
        ),
    )
