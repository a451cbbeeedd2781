"""Replaying dead letters: a plan that changes nothing, and carrying it out."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from typing import TYPE_CHECKING

from attrs import define, evolve, field, frozen

from claimx_pipeline.errors import BrokerError, DeadLetterError
from claimx_pipeline.operations.dead_letter_views import DeadLetterGroups
from claimx_pipeline.operations.dead_letters import location_of, open_reader, value_files
from claimx_pipeline.operations.topics import open_admin
from claimx_pipeline.runtime.dead_letters.reader import (
    DeadLetterFilter,
    DeadLetterReader,
    Ends,
    FoundDeadLetter,
)
from claimx_pipeline.runtime.dead_letters.replay import Refused, Replayer, Transform
from claimx_pipeline.runtime.headers import Origin
from claimx_pipeline.topics import DLQ_REPLAYED

if TYPE_CHECKING:
    from claimx_pipeline.pipeline import Pipeline

log = logging.getLogger(__name__)


@define
class Replayed:
    """What became of a replay."""

    groups: DeadLetterGroups = field(factory=DeadLetterGroups)
    """Dead letters that are on their way, and marked as replayed."""
    refused: list[Refused] = field(factory=list)
    """Those that no worker here would take up, with the reason."""
    interrupted: bool = False
    """It was stopped before the end; the same call goes on with the rest."""
    error: BrokerError | None = None
    """What ended it early; the dead letters of that moment may be replayed once more."""


@frozen
class TransformedValue:
    """A dead letter's value before and after it is changed."""

    location: Origin
    """Where the dead letter is."""
    fingerprint: str
    """Its cause."""
    before: bytes | None
    """The value that failed."""
    after: bytes | None
    """The value that is replayed."""


@define
class ReplayPlan:
    """What a replay is going to do."""

    wanted: DeadLetterFilter
    """Which dead letters are meant."""
    locations: Sequence[Origin]
    """Only these; all if none is named."""
    limit: int | None
    """How many at most."""
    ends: Ends
    """Where each partition ended when the plan was made; what came later is not replayed."""
    groups: DeadLetterGroups = field(factory=DeadLetterGroups)
    """Dead letters with one cause, counted."""
    refused: list[Refused] = field(factory=list)
    """Dead letters that no worker here would take up, with the reason."""
    hidden: int = 0
    """Left out because they were replayed already."""
    transform: Transform | None = None
    """Changes each value before it goes back."""
    previews: list[TransformedValue] = field(factory=list)
    """What *transform* makes of one dead letter of each group."""

    @property
    def count(self) -> int:
        """How many dead letters there are to replay."""
        return self.groups.count


async def plan_replay(
    pipeline: Pipeline,
    wanted: DeadLetterFilter | None = None,
    *,
    locations: Sequence[str] = (),
    limit: int | None = None,
    transform: Transform | None = None,
) -> ReplayPlan:
    """Return what a replay would do; nothing is changed.

    Args:
        pipeline: The pipeline.
        wanted: From ``dead_letter_filter``; all that were not replayed if not given.
        locations: Only these, each ``topic/partition/offset``.
        limit: This many at most.
        transform: Changes each value before it goes back, as a ``RecordTransform`` does; one that
            it cannot change is not replayed. The plan shows one of each group changed.

    Raises:
        UsageError: A location is not a valid one of a dead letter.
        DeadLetterError: There is no dead letter at a location.
        BrokerError: The broker did not answer.
    """
    wanted = wanted or DeadLetterFilter()
    origins = [location_of(pipeline, each) for each in locations]
    replayer = _replayer(pipeline)
    async with open_reader(pipeline) as reader:
        plan = ReplayPlan(wanted, origins, limit, reader.ends, transform=transform)
        everything = evolve(wanted, replayed=True)
        async for dead_letters in _chosen(reader, everything, origins):
            fresh = [dead_letter for dead_letter in dead_letters if wanted.matches(dead_letter)]
            plan.hidden += len(dead_letters) - len(fresh)
            for dead_letter in fresh:
                reason = replayer.refusal(dead_letter)
                if reason is None and transform is not None:
                    reason = await _previewed(pipeline, plan, dead_letter, transform)
                if reason is not None:
                    plan.refused.append(Refused(dead_letter.location, reason))
                elif limit is None or plan.count < limit:
                    plan.groups.add([dead_letter])
    return plan


async def _previewed(
    pipeline: Pipeline, plan: ReplayPlan, dead_letter: FoundDeadLetter, transform: Transform
) -> str | None:
    """Return why *dead_letter* cannot be changed; else note the first of each group changed."""
    try:
        before = await asyncio.to_thread(value_files(pipeline).value, dead_letter.record)
        after = transform(before)
    except DeadLetterError as error:
        return error.reason
    except ValueError as error:
        return str(error)
    if dead_letter.fingerprint not in {each.fingerprint for each in plan.previews}:
        plan.previews.append(
            TransformedValue(dead_letter.location, dead_letter.fingerprint, before, after)
        )
    return None


async def replay_dead_letters(
    pipeline: Pipeline,
    plan: ReplayPlan,
    *,
    stop: asyncio.Event | None = None,
    on_part: Callable[[int, int], None] | None = None,
) -> Replayed:
    """Send dead letters back to where they came from, to the worker that failed on them.

    No other worker takes them up again. Each is marked once it is on its way, and left out
    from then on. A broker that fails ends the replay; what was replayed until then is in
    the result, beside the error.

    Args:
        pipeline: The pipeline.
        plan: From ``plan_replay``.
        stop: Ends the replay after the page under way when it is set.
        on_part: Called after each page with the number replayed and that of all planned.
    """
    done = Replayed(refused=list(plan.refused))
    stop = stop or asyncio.Event()
    replayer = _replayer(pipeline)
    producer = pipeline.broker().producer()
    try:
        await _create_marks(pipeline)
        await producer.start()
        async with open_reader(pipeline, plan.ends) as reader:
            async for dead_letters in _chosen(reader, plan.wanted, plan.locations):
                if stop.is_set() or done.groups.count == plan.limit:
                    break
                known = {each.location for each in plan.refused}
                going = [
                    each
                    for each in dead_letters
                    if each.location not in known and replayer.refusal(each) is None
                ]
                if plan.limit is not None:
                    going = going[: plan.limit - done.groups.count]
                page = await replayer.replay(
                    going, producer, again=plan.wanted.replayed, transform=plan.transform
                )
                done.groups.add(page.replayed)
                done.refused += page.refused
                if on_part is not None:
                    on_part(done.groups.count, plan.count)
    except BrokerError as error:
        done.error = error
    finally:
        await producer.close()
    log.info("%d dead letters are replayed, %d refused", done.groups.count, len(done.refused))
    done.interrupted = stop.is_set() and done.groups.count < plan.count
    return done


def _replayer(pipeline: Pipeline) -> Replayer:
    plugins = [name for name, _ in pipeline.plugins.loaded()]
    workers = pipeline.workers.values()
    return Replayer.of(pipeline.topology, workers, plugins, value_files(pipeline), pipeline.clock)


async def _create_marks(pipeline: Pipeline) -> None:
    """Create the topic of marks where it is missing."""
    name = pipeline.topology.physical(DLQ_REPLAYED.name)
    topics = [new for new in pipeline.topology.new_topics() if new.name == name]
    async with open_admin(pipeline) as admin:
        await admin.create_topics(topics)


async def _chosen(
    reader: DeadLetterReader, wanted: DeadLetterFilter, locations: Sequence[Origin]
) -> AsyncIterator[list[FoundDeadLetter]]:
    """Yield the dead letters at *locations*, or all, as far as they are wanted."""
    if not locations:
        async for dead_letters in reader.pages(wanted):
            yield dead_letters
        return
    # All of them first: if one does not exist, none is replayed.
    found = [await reader.at(location) for location in dict.fromkeys(locations)]
    if admitted := [dead_letter for dead_letter in found if wanted.matches(dead_letter)]:
        yield admitted
