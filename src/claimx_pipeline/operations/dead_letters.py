"""Dead letters: which there are, one of them with everything about it, all of them in a file."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import IO, TYPE_CHECKING, Literal

import msgspec
from attrs import define, evolve, field

from claimx_pipeline.errors import Category, DeadLetterError, UsageError
from claimx_pipeline.operations.dead_letter_views import DeadLetterGroups, ShownDeadLetter
from claimx_pipeline.operations.moments import moment
from claimx_pipeline.operations.record_filter import RecordFilter
from claimx_pipeline.operations.topics import open_admin
from claimx_pipeline.runtime.dead_letters.large_values import ValueFiles
from claimx_pipeline.runtime.dead_letters.reader import (
    DeadLetterFilter,
    DeadLetterReader,
    Ends,
    FoundDeadLetter,
)
from claimx_pipeline.runtime.headers import Origin
from claimx_pipeline.settings.nearest import meant

if TYPE_CHECKING:
    from claimx_pipeline.pipeline import Pipeline


@define
class DeadLetterLook:
    """Dead letters that were counted."""

    groups: DeadLetterGroups = field(factory=DeadLetterGroups)
    """Dead letters with one cause, counted."""
    hidden: int = 0
    """Left out because they were replayed already."""


def dead_letter_filter(
    pipeline: Pipeline,
    *,
    topic: str | None = None,
    kind: Literal["record", "plugin"] | None = None,
    category: Category | None = None,
    worker: str | None = None,
    since: str | datetime | None = None,
    until: str | datetime | None = None,
    event_id: str | None = None,
    fingerprint: str | None = None,
    replayed: bool = False,
    where: Sequence[str] | RecordFilter = (),
) -> DeadLetterFilter:
    """Return which dead letters are meant; what is not given does not matter.

    Args:
        pipeline: The pipeline.
        topic: One topic of dead letters, by its logical name or the broker's.
        kind: Records that failed, or plugins that failed on events.
        category: Failures of one category.
        worker: Name of the worker that they failed at, or of a set of workers: a domain's name.
        since: Failed at this time or later: a time, ISO 8601 (UTC unless it says otherwise), or
            how long ago (``30m``, ``2h``, ``7d``).
        until: Failed at this time or earlier, written in the same way.
        event_id: Dead letters about one event.
        fingerprint: One group, or how its fingerprint begins.
        replayed: Those that were replayed already are meant as well.
        where: Conditions on dotted paths into the dead letter's record, as
            ``data.projectId=700100``; all of them must hold.

    Raises:
        UsageError: The topic is not one of dead letters, or a time or a condition is not valid.
    """
    now = pipeline.clock.now()
    filtering = where if isinstance(where, RecordFilter) else RecordFilter.parse(where)
    return DeadLetterFilter(
        topic=None if topic is None else _physical(pipeline, topic),
        kind=kind,
        category=None if category is None else category.value,
        workers=None if worker is None else _workers(pipeline, worker),
        since=None if since is None else moment(since, now),
        until=None if until is None else moment(until, now),
        event_id=event_id,
        fingerprint=fingerprint,
        replayed=replayed,
        where=filtering.matches if filtering.conditions else None,
        decoders=tuple(domain.reading(pipeline.settings) for domain in pipeline.domains.values()),
    )


async def look_at_dead_letters(
    pipeline: Pipeline, wanted: DeadLetterFilter | None = None
) -> DeadLetterLook:
    """Count the dead letters that there are now, those of one cause together.

    Args:
        pipeline: The pipeline.
        wanted: From ``dead_letter_filter``; all that were not replayed if not given.

    Raises:
        BrokerError: The broker did not answer.
    """
    wanted = wanted or DeadLetterFilter()
    look = DeadLetterLook()
    async with open_reader(pipeline) as reader:
        async for dead_letters in reader.pages(evolve(wanted, replayed=True)):
            shown = [dead_letter for dead_letter in dead_letters if wanted.matches(dead_letter)]
            look.hidden += len(dead_letters) - len(shown)
            look.groups.add(shown)
    return look


async def show_dead_letter(pipeline: Pipeline, location: str) -> ShownDeadLetter:
    """Return one dead letter with its value.

    Args:
        pipeline: The pipeline.
        location: ``topic/partition/offset``, as ``newest`` of a group names it.

    Raises:
        UsageError: That is not a valid location of a dead letter.
        DeadLetterError: There is no dead letter.
        BrokerError: The broker did not answer.
    """
    at = location_of(pipeline, location)
    async with open_reader(pipeline) as reader:
        dead_letter = await reader.at(at)
    return await asyncio.to_thread(_shown, value_files(pipeline), dead_letter)


async def export_dead_letters(
    pipeline: Pipeline, out: IO[bytes], wanted: DeadLetterFilter | None = None
) -> int:
    """Write dead letters to a file, a JSON object per line with everything about each.

    Args:
        pipeline: The pipeline.
        out: An open file; it is flushed and left open.
        wanted: From ``dead_letter_filter``; all that were not replayed if not given.

    Returns:
        How many were written.

    Raises:
        BrokerError: The broker did not answer.
        OSError: The file cannot be written.
    """
    count = 0
    async for dead_letter in read_dead_letters(pipeline, wanted):
        out.write(msgspec.json.encode(dead_letter.as_json()) + b"\n")
        count += 1
    out.flush()
    return count


async def read_dead_letters(
    pipeline: Pipeline, wanted: DeadLetterFilter | None = None
) -> AsyncIterator[ShownDeadLetter]:
    """Yield dead letters with their values, some hundred of them in memory at once.

    Args:
        pipeline: The pipeline.
        wanted: From ``dead_letter_filter``; all that were not replayed if not given.

    Raises:
        BrokerError: The broker did not answer.
    """
    files = value_files(pipeline)

    def shown(page: list[FoundDeadLetter]) -> list[ShownDeadLetter]:
        return [_shown(files, dead_letter) for dead_letter in page]

    async with open_reader(pipeline) as reader:
        async for page in reader.pages(wanted or DeadLetterFilter()):
            for dead_letter in await asyncio.to_thread(shown, page):
                yield dead_letter


@asynccontextmanager
async def open_reader(
    pipeline: Pipeline, ends: Ends | None = None
) -> AsyncIterator[DeadLetterReader]:
    """Give a reader of the dead letters that there are now, or were at *ends*."""
    async with open_admin(pipeline) as admin:
        yield await DeadLetterReader.open(admin, pipeline.topology, _topics(pipeline), ends)


def location_of(pipeline: Pipeline, text: str) -> Origin:
    """Return the location written as ``topic/partition/offset``.

    Raises:
        UsageError: It is not written so, or the topic is not one of dead letters.
    """
    try:
        location = Origin.parse(text)
    except ValueError as error:
        raise UsageError(
            f"{text!r} is not a valid dead letter; write TOPIC/PARTITION/OFFSET, as the last "
            "column of 'claimx-run dlq list' does"
        ) from error
    return evolve(location, topic=_physical(pipeline, location.topic))


def value_files(pipeline: Pipeline) -> ValueFiles:
    """Return where values are kept that were too large for a dead letter."""
    return ValueFiles(pipeline.settings.storage.files.root)


def _shown(files: ValueFiles, dead_letter: FoundDeadLetter) -> ShownDeadLetter:
    try:
        return ShownDeadLetter(dead_letter, files.value(dead_letter.record))
    except DeadLetterError as error:
        return ShownDeadLetter(dead_letter, None, error.reason)


def _topics(pipeline: Pipeline) -> frozenset[str]:
    """Return the logical names of the topics of dead letters."""
    workers = pipeline.workers.values()
    return frozenset(worker.dead_letters.name for worker in workers if worker.dead_letters)


def _physical(pipeline: Pipeline, topic: str) -> str:
    names = _topics(pipeline)
    known = [pipeline.topology.physical(name) for name in sorted(names)]
    if topic in known or topic in names:
        return pipeline.topology.on_broker(topic)
    raise UsageError(
        f"{topic!r} is not a topic of dead letters; {meant(topic, known)}"
        f"there are {', '.join(known) or 'none'}"
    )


def _workers(pipeline: Pipeline, name: str) -> frozenset[str]:
    """Return the workers that *name* means: a set of them, or one that need not be there now."""
    return frozenset(
        {name, *(each.name for each in pipeline.workers.values() if name in each.sets)}
    )
