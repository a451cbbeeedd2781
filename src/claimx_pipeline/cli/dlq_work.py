"""What the ``dlq`` commands do, apart from their options and their output."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import IO, TYPE_CHECKING

import msgspec
from attrs import define, evolve, field, frozen

from claimx_pipeline.broker.protocol import Admin
from claimx_pipeline.cli.dlq_output import LetterGroups, facts
from claimx_pipeline.errors import BrokerError, Category, DeadLetterError, UsageError
from claimx_pipeline.runtime.dead_letters.large_values import ValueFiles
from claimx_pipeline.runtime.dead_letters.reader import (
    DeadLetterReader,
    Ends,
    FoundLetter,
    LetterFilter,
)
from claimx_pipeline.runtime.dead_letters.replay import Refused, Replayer
from claimx_pipeline.runtime.headers import Origin
from claimx_pipeline.runtime.process import stop_on_signals
from claimx_pipeline.topics import DLQ_REPLAYED

if TYPE_CHECKING:
    from claimx_pipeline.pipeline import Pipeline

_AGO = re.compile(r"(\d+)\s*([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def moment(text: str, now: datetime) -> datetime:
    """Return the time that *text* means: ISO 8601 (UTC unless it says), or how long ago.

    Raises:
        UsageError: It is neither.
    """
    if ago := _AGO.fullmatch(text.strip()):
        return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(
            f"{text!r} is no time; give ISO 8601, as 2026-01-31T08:00, or how long ago, as 2h"
        ) from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)


@define
class Look:
    """Letters that were counted."""

    groups: LetterGroups = field(factory=LetterGroups)
    hidden: int = 0
    """Left out because they were replayed already."""


@define
class Replayed:
    """What became of a replay."""

    groups: LetterGroups = field(factory=LetterGroups)
    refused: list[Refused] = field(factory=list)
    interrupted: bool = False
    error: BrokerError | None = None
    """What ended it early."""


@define
class Plan:
    """What a replay is going to do."""

    wanted: LetterFilter
    places: Sequence[Origin]
    limit: int | None
    ends: Ends
    groups: LetterGroups = field(factory=LetterGroups)
    refused: list[Refused] = field(factory=list)
    hidden: int = 0

    @property
    def count(self) -> int:
        """How many letters there are to replay."""
        return self.groups.count

    def nothing_yet(self) -> Replayed:
        """Return the plan as if it was carried out, for a dry run."""
        return Replayed(self.groups, self.refused)


@frozen
class DeadLetters:
    """The dead letters of a pipeline."""

    pipeline: Pipeline
    files: ValueFiles
    replayer: Replayer
    names: frozenset[str]
    """Logical names of the topics of dead letters."""

    @classmethod
    def of(cls, pipeline: Pipeline) -> DeadLetters:
        """Return the dead letters of all workers of *pipeline*."""
        workers = pipeline.workers.values()
        files = ValueFiles(pipeline.settings.storage.files.root)
        plugins = [name for name, _ in pipeline.plugins.loaded()]
        replayer = Replayer.of(pipeline.topology, workers, plugins, files, pipeline.clock)
        names = {worker.dead_letters.name for worker in workers if worker.dead_letters}
        return cls(pipeline, files, replayer, frozenset(names))

    def wanted(
        self,
        topic: str | None,
        kind: str | None,
        category: Category | None,
        worker: str | None,
        since: str | None,
        until: str | None,
        event_id: str | None,
        fingerprint: str | None,
        *,
        replayed: bool,
    ) -> LetterFilter:
        """Return the filter that the options mean.

        Raises:
            UsageError: One of them means nothing.
        """
        now = self.pipeline.clock.now()
        return LetterFilter(
            topic=None if topic is None else self._physical(topic),
            kind=kind,
            category=None if category is None else category.value,
            worker=worker,
            since=None if since is None else moment(since, now),
            until=None if until is None else moment(until, now),
            event_id=event_id,
            fingerprint=fingerprint,
            replayed=replayed,
        )

    def place(self, text: str) -> Origin:
        """Return the place written as ``topic/partition/offset``.

        Raises:
            UsageError: It is not written so, or the topic is none of dead letters.
        """
        try:
            place = Origin.parse(text)
        except ValueError as error:
            raise UsageError(
                f"{text!r} is no dead letter; write TOPIC/PARTITION/OFFSET, as the last column "
                "of 'claimx-run dlq list' does"
            ) from error
        return evolve(place, topic=self._physical(place.topic))

    def _physical(self, topic: str) -> str:
        known = {self.pipeline.topology.physical(name): name for name in sorted(self.names)}
        if topic in known:
            return topic
        if topic in self.names:
            return self.pipeline.topology.physical(topic)
        raise UsageError(
            f"{topic!r} is no topic of dead letters; there are {', '.join(known) or 'none'}"
        )

    @asynccontextmanager
    async def _reader(self, ends: Ends | None = None) -> AsyncIterator[DeadLetterReader]:
        async with self._admin() as admin:
            yield await DeadLetterReader.open(admin, self.pipeline.topology, self.names, ends)

    @asynccontextmanager
    async def _admin(self) -> AsyncIterator[Admin]:
        admin = self.pipeline.broker().admin()
        try:
            yield admin
        finally:
            await admin.close()

    async def look(self, wanted: LetterFilter) -> Look:
        """Count the letters that are wanted."""
        look = Look()
        async with self._reader() as reader:
            async for letters in reader.pages(evolve(wanted, replayed=True)):
                shown = [letter for letter in letters if wanted.admits(letter)]
                look.hidden += len(letters) - len(shown)
                look.groups.add(shown)
        return look

    async def at(self, place: Origin) -> FoundLetter:
        """Return the letter at *place*."""
        async with self._reader() as reader:
            return await reader.at(place)

    def value(self, letter: FoundLetter) -> tuple[bytes | None, str]:
        """Return the value of *letter* and, if it cannot be had, why."""
        try:
            return self.files.value(letter.record), ""
        except DeadLetterError as error:
            return None, error.reason

    async def export(self, wanted: LetterFilter, out: IO[bytes]) -> int:
        """Write the letters that are wanted to *out*; return how many there were."""

        def write(letters: list[FoundLetter]) -> None:
            for letter in letters:
                out.write(msgspec.json.encode(facts(letter, *self.value(letter))) + b"\n")
            out.flush()

        count = 0
        async with self._reader() as reader:
            async for letters in reader.pages(wanted):
                await asyncio.to_thread(write, letters)
                count += len(letters)
        return count

    async def plan(self, wanted: LetterFilter, places: Sequence[Origin], limit: int | None) -> Plan:
        """Return what a replay would do; nothing is changed.

        Raises:
            DeadLetterError: One of *places* has no letter.
        """
        async with self._reader() as reader:
            plan = Plan(wanted, places, limit, reader.ends)
            everything = evolve(wanted, replayed=True)
            async for letters in _chosen(reader, everything, places):
                fresh = [letter for letter in letters if wanted.admits(letter)]
                plan.hidden += len(letters) - len(fresh)
                for letter in fresh:
                    if (reason := self.replayer.refusal(letter)) is not None:
                        plan.refused.append(Refused(letter.place, reason))
                    elif limit is None or plan.count < limit:
                        plan.groups.add([letter])
        return plan

    async def replay(self, plan: Plan) -> Replayed:
        """Carry out *plan*, a page at a time, until it is done or a signal comes."""
        done = Replayed(refused=plan.refused)
        stop = asyncio.Event()
        producer = self.pipeline.broker().producer()
        async with stop_on_signals(stop.set):
            try:
                await self._create_marks()
                await producer.start()
                async with self._reader(plan.ends) as reader:
                    async for letters in _chosen(reader, plan.wanted, plan.places):
                        if stop.is_set() or done.groups.count == plan.limit:
                            break
                        going = [each for each in letters if self.replayer.refusal(each) is None]
                        if plan.limit is not None:
                            going = going[: plan.limit - done.groups.count]
                        page = await self.replayer.replay(going, producer)
                        done.groups.add(page.replayed)
                        done.refused += page.refused
            except BrokerError as error:
                done.error = error
            finally:
                await producer.close()
        done.interrupted = stop.is_set() and done.groups.count < plan.count
        return done

    async def _create_marks(self) -> None:
        """Create the topic of marks where it is missing."""
        name = self.pipeline.topology.physical(DLQ_REPLAYED.name)
        topics = [new for new in self.pipeline.topology.new_topics() if new.name == name]
        async with self._admin() as admin:
            await admin.create_topics(topics)


async def _chosen(
    reader: DeadLetterReader, wanted: LetterFilter, places: Sequence[Origin]
) -> AsyncIterator[list[FoundLetter]]:
    """Yield the letters at *places*, or all, as far as they are wanted."""
    if not places:
        async for letters in reader.pages(wanted):
            yield letters
        return
    # All of them first: if one is not there, none is replayed.
    found = [await reader.at(place) for place in dict.fromkeys(places)]
    if admitted := [letter for letter in found if wanted.admits(letter)]:
        yield admitted
