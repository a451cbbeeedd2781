"""A batch that failed as a whole: each of its records is tried alone before it is charged.

One record may make a processor or a stage raise for all of its batch. Its neighbours must not
climb the ladder and die with it, so the failure becomes the outcome of those records alone that
fail by themselves.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from claimx_pipeline.clock import Clock
from claimx_pipeline.errors import Category, RecordError, category_of
from claimx_pipeline.isolation import described
from claimx_pipeline.runtime.outcome import Held, Outcome, failure

log = logging.getLogger(__name__)

ALONE_SECONDS = 60.0
"""How long records are tried alone at a time; the rest waits, so that the worker gets on."""


def is_worth_trying_alone(error: Exception) -> bool:
    """Return whether *error*, raised for a batch, may be the failure of one record in it.

    A service that is unavailable fails each of them as well, one timeout after the other.
    """
    outage = isinstance(error, RecordError) and error.outage
    return not outage and category_of(error) in {Category.PERMANENT, Category.BUG}


async def each_alone(
    worker: str,
    count: int,
    error: Exception,
    try_one: Callable[[int], Awaitable[Outcome]],
    clock: Clock,
) -> list[Outcome]:
    """Return what becomes of *count* records of a batch that failed with *error*.

    Args:
        worker: For the log.
        count: Records in the batch.
        error: What was raised for all of them.
        try_one: Processes the record of that number by itself.
        clock: Tells when to stop; what was not tried by then is held, and comes again.
    """
    each = count > 1 and is_worth_trying_alone(error)
    log.warning(
        "worker %s failed on a batch of %d (%s)%s",
        worker,
        count,
        described(error),
        "; each record is tried alone" if each else "",
        exc_info=error,
    )
    if not each:
        return [failure(error) for _ in range(count)]
    deadline = clock.monotonic() + ALONE_SECONDS
    outcomes: list[Outcome] = []
    for number in range(count):
        if outcomes and clock.monotonic() >= deadline:
            # Held, so that nothing is charged to a record that was not tried.
            outcomes += [Held(until=clock.now()) for _ in range(number, count)]
            break
        try:
            outcomes.append(await try_one(number))
        except BaseException as alone:  # noqa: BLE001 - one record's failure is that record's outcome
            outcomes.append(failure(alone))
    return outcomes
