"""What a run of workers did, and what of it needs a person."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from attrs import frozen

from claimx_pipeline.errors import ClaimxError
from claimx_pipeline.hooks.cells import shown
from claimx_pipeline.notebook_html import html_table
from claimx_pipeline.operations.checking import to_start
from claimx_pipeline.operations.run import Running, WorkerRun, running
from claimx_pipeline.operations.topics import open_admin
from claimx_pipeline.runtime.idle import progress

if TYPE_CHECKING:
    from claimx_pipeline.pipeline import Pipeline

RETRY = "retry"
"""The worker that reads the retry topics."""
COLUMNS = ("worker", "done", "retried", "dead", "waiting", "until")


@frozen(repr=False)
class RunReport:
    """What each worker did in a run, and what is left to look at."""

    workers: Sequence[WorkerRun]
    """What each worker did."""
    to_be_retried: int = 0
    """Records that a run until idle has left in the retry topics, to be tried again later."""

    @property
    def records(self) -> int:
        """Records that were dealt with and committed."""
        return sum(each.records for each in self.workers)

    @property
    def dead(self) -> int:
        """Of these, those that became dead letters."""
        return sum(each.dead for each in self.workers)

    @property
    def waiting(self) -> int:
        """Records that are not dealt with yet: in a retry topic, or where they were."""
        return self.to_be_retried + sum(each.waiting for each in self.workers)

    @property
    def until(self) -> datetime | None:
        """When the last of those that wait is due; None if no time is known."""
        return max((each.until for each in self.workers if each.until), default=None)

    @property
    def problems(self) -> list[str]:
        """What a person has to look at, in sentences; empty if all records are done."""
        found = [sentence for each in self.workers for sentence in _problems(each)]
        if self.to_be_retried:
            until = f", until {shown(self.until)} at the latest" if self.until else ""
            found.append(f"{_counted(self.to_be_retried, 'record')} in the retry topics{until}")
        return found

    def __iter__(self) -> Iterator[WorkerRun]:
        return iter(self.workers)

    def __len__(self) -> int:
        return len(self.workers)

    def __repr__(self) -> str:
        lines = [f"  {_counts(each)}" for each in self.workers]
        problems = [f"  problem: {each}" for each in self.problems]
        return "\n".join([f"{self.records} records", *lines, *problems])

    def _repr_html_(self) -> str:
        rows = [[shown(getattr(each, column)) for column in COLUMNS] for each in self.workers]
        said = "; ".join(self.problems) or "nothing died and nothing waits"
        numbers = [False, True, True, True, True]
        return html_table(COLUMNS, rows, caption=f"{self.records} records; {said}", numbers=numbers)


async def run_and_report(
    pipeline: Pipeline,
    workers: Sequence[str],
    *,
    until_idle: bool,
    instances: int,
    stop: asyncio.Event | None,
) -> RunReport:
    """Run workers until they are stopped or idle; return what they did.

    Raises:
        ClaimxError: A worker could not start, or failed; a note on it says what all did.
    """
    to_start(
        pipeline, workers
    )  # what is wrong with the settings is said before the broker is asked
    before = await _to_be_retried(pipeline) if until_idle else 0
    after = before
    run: Running | None = None
    try:
        async with running(pipeline, *workers, instances=instances, stop=stop) as run:
            await (run.until_idle() if until_idle else run.until_ended())
            if until_idle:
                after = await run.to_be_retried()
    except ClaimxError as error:
        if run is not None:
            error.add_note(repr(RunReport(run.done())))
        raise
    done = run.done()
    # Where nothing was taken from there, those of before are not this run's.
    taken = any(each.retried or each.worker == RETRY for each in done)
    return RunReport(done, after if taken else max(0, after - before))


async def _to_be_retried(pipeline: Pipeline) -> int:
    async with open_admin(pipeline) as admin:
        retry = [pipeline.workers[RETRY]]
        return (await progress(admin, pipeline.topology, retry)).lag[RETRY]


def _counts(run: WorkerRun) -> str:
    named = (
        ("done", run.done),
        ("retried", run.retried),
        ("dead", run.dead),
        ("waiting", run.waiting),
    )
    counts = ", ".join(f"{count} {name}" for name, count in named if count or name == "done")
    return f"{run.worker}: {counts}"


def _problems(run: WorkerRun) -> Iterator[str]:
    if run.failure:
        yield f"worker {run.worker} failed: {run.failure}"
    if run.dead:
        yield (
            f"{_counted(run.dead, 'dead letter')} of worker {run.worker}; "
            f"dead_letter_filter(pipeline, worker={run.worker!r}) and look_at_dead_letters show why"
        )
    if run.waiting:
        yield f"{_counted(run.waiting, 'record')} of worker {run.worker} not committed yet"


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
