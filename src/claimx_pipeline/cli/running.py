"""Starting workers from the command line: what ``worker``, ``up`` and ``demo`` share."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from claimx_pipeline import operations
from claimx_pipeline.cli.garbage import rarely
from claimx_pipeline.cli.live import live
from claimx_pipeline.cli.process_log import Say, process_log
from claimx_pipeline.errors import ClaimxError, UsageError
from claimx_pipeline.settings.kinds import url_of

if TYPE_CHECKING:
    from claimx_pipeline.operations import Running, WorkerRun
    from claimx_pipeline.pipeline import Pipeline
    from claimx_pipeline.runtime.worker import WorkerSpec

FEW = 3
"""So many workers are shown a line each as they start; of more a person reads the names."""


def run_workers(
    pipeline: Pipeline,
    workers: Sequence[WorkerSpec],
    *,
    instances: int = 1,
    until_idle: bool = False,
    strict: bool = False,
    console: bool = False,
) -> None:
    """Run *workers* in this process until a signal, a failure or, if asked, until idle.

    Args:
        pipeline: The pipeline.
        workers: What to run.
        instances: Members of each.
        until_idle: End when nothing is left to do.
        strict: Then fail if a record is dead or waits to be retried.
        console: Serve the web console beside them.

    Raises:
        ClaimxError: A setting is missing, a worker cannot start, or a record failed.
        UsageError: *strict* without *until_idle*.
    """
    if strict and not until_idle:
        raise UsageError("--strict says how a run ended that ends by itself; add --until-idle")
    with process_log(pipeline) as say:
        asyncio.run(
            _run(
                pipeline,
                workers,
                say,
                instances=instances,
                until_idle=until_idle,
                strict=strict,
                console=console,
            )
        )


async def _run(
    pipeline: Pipeline,
    workers: Sequence[WorkerSpec],
    say: Say,
    *,
    instances: int,
    until_idle: bool,
    strict: bool,
    console: bool,
) -> None:
    names = [worker.name for worker in workers]
    run: Running | None = None
    waiting = 0
    looking: asyncio.Task[None] | None = None
    try:
        async with (
            _console(pipeline, wanted=console) as url,
            operations.running(
                pipeline, *names, instances=instances, signals=True, health_server=True
            ) as run,
        ):
            if url:
                say(f"console {url}")
            _announce(pipeline, run, say)
            looking = asyncio.create_task(_warn_of_topics(pipeline, say))
            for unread in await operations.unread_outputs(pipeline, names):
                say(f"warning: {unread}")
            async with rarely(run), live(run, pipeline.clock):
                await (run.until_idle() if until_idle else run.until_ended())
                waiting = await run.to_be_retried() if strict else 0
    finally:
        if looking is not None:
            looking.cancel()
        # Also where one has failed: what the others did is not lost with it.
        for each in run.done() if run is not None else ():
            say(_summary(each))
    if strict and run is not None:
        _refuse_unfinished(run.done(), waiting)


def _refuse_unfinished(done: Sequence[WorkerRun], waiting: int) -> None:
    """Fail if not everything is done; of what waits to be retried only where one has failed."""
    dead = sum(each.dead for each in done)
    waiting = waiting * any(each.retried for each in done) + sum(each.waiting for each in done)
    if dead or waiting:
        raise ClaimxError(
            f"not everything is done: {dead} dead, {waiting} waiting; "
            "'claimx-run dlq list' shows what is dead and why, 'claimx-run status' what waits"
        )


async def _warn_of_topics(pipeline: Pipeline, say: Say) -> None:
    """Say which topics are not made as the settings say."""
    try:
        for warning in await operations.differing_topics(pipeline):
            say(f"warning: {warning}")
    except ClaimxError:
        return  # the workers wait for the broker, and say so


@asynccontextmanager
async def _console(pipeline: Pipeline, *, wanted: bool) -> AsyncIterator[str]:
    """Give the address of the console, which is served meanwhile if it is *wanted*."""
    if not wanted:
        yield ""
        return
    from claimx_pipeline.console.server import ConsoleServer

    async with ConsoleServer(pipeline, pipeline.settings.console) as server:
        yield server.url


def _summary(done: WorkerRun) -> str:
    """Return what one worker did, as the last line about it."""
    ended = "failed" if done.failure else "stopped"
    until = f", until {done.until:%Y-%m-%d %H:%M:%S} UTC at the latest" if done.until else ""
    return (
        f"worker {done.worker} {ended} after {done.records} records: {done.done} done, "
        f"{done.retried} to be retried, {done.dead} dead, {done.waiting} waiting{until}"
    )


def _announce(pipeline: Pipeline, run: Running, say: Say) -> None:
    """Say what is about to run, and where."""
    say(f"broker  {run.broker_url}")
    if run.health_port:
        url = url_of(pipeline.settings.health.host, run.health_port)
        say(f"health  {url}/health/ready  and /metrics")
    if any("plugins" in worker.needs for worker in run.workers):
        say(_plugins(pipeline))
    for warning in pipeline.warnings:
        say(f"warning: {warning}")
    topology = pipeline.topology
    if len(run.workers) > FEW and sys.stderr.isatty():
        say(f"workers {', '.join(worker.name for worker in run.workers)}")
        return
    for worker in run.workers:
        reads = ", ".join(topology.physical(topic.name) for topic in worker.reads)
        say(f"worker  {worker.name}: reads {reads} as group {topology.group(worker.group)}")


def _plugins(pipeline: Pipeline) -> str:
    """Return which plugins were found, by what became of them."""
    by_state: dict[str, list[str]] = {}
    for info in pipeline.plugins.infos.values():
        by_state.setdefault(info.state, []).append(info.name)
    found = [
        f"{', '.join(by_state[state])} {state}"
        for state in ("loaded", "disabled", "failed")
        if state in by_state
    ]
    return f"plugins {'; '.join(found) or 'none found'}"
