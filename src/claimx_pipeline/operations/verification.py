"""Sends marked events through the user's own settings, end to end, and cleans up afterwards.

Topics and groups have a prefix of their own, tables and files a folder of their own, so nothing
is mixed with what is real. What workers would send is written as files, unless it is to be sent.
"""

from __future__ import annotations

import asyncio
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from attrs import frozen

from claimx_pipeline.broker.inspection import inspector_of
from claimx_pipeline.errors import ClaimxError, UsageError
from claimx_pipeline.operations.create import create_all
from claimx_pipeline.operations.names import one_domain
from claimx_pipeline.operations.run import running
from claimx_pipeline.operations.tables import list_tables
from claimx_pipeline.operations.topic_reading import ShownRecord
from claimx_pipeline.operations.topics import open_admin, publish_events, read_topic
from claimx_pipeline.operations.tracing.trace import trace
from claimx_pipeline.operations.tracing.views import Trace
from claimx_pipeline.operations.trial_settings import apart, emptied, sending_workers
from claimx_pipeline.runtime.raw_event import read_event
from claimx_pipeline.topics import ACTIONS_PENDING, BRAND

if TYPE_CHECKING:
    from claimx_pipeline.domain.domain import Domain
    from claimx_pipeline.pipeline import Pipeline

__all__ = ["Verified", "verify"]

TIMEOUT_SECONDS = 120.0
MOST_EVENTS = 50
"""Each of them is traced."""


@frozen(kw_only=True)
class Verified:
    """What became of the marked events."""

    mark: str
    """Begins the ids of the events, and names the prefix and the folders."""
    events: Sequence[Trace]
    """One for each."""
    rows: dict[str, int]
    """Table to the rows that it had in the end, of those that had some."""
    not_sent: Sequence[Path]
    """Files with what would have been sent."""
    not_run: Sequence[str] = ()
    """Workers that were left out, as they would have sent something."""
    timed_out: bool = False
    """Whether it took longer than it might."""
    problems: Sequence[str] = ()
    """What could not be cleaned up, and by whom it is to be done."""

    @property
    def ok(self) -> bool:
        """Whether every event was found, and is done."""
        states = [found.state for each in self.events for found in each.now]
        return (
            bool(self.events)
            and not self.timed_out
            and all(each.found for each in self.events)
            and all(state == "done" for state in states)
        )

    def as_json(self) -> dict[str, Any]:
        """Return it as ``claimx-run verify --json`` prints it."""
        return {
            "ok": self.ok,
            "mark": self.mark,
            "events": [each.as_json() for each in self.events],
            "rows": self.rows,
            "not_sent": [str(each) for each in self.not_sent],
            "not_run": list(self.not_run),
            "timed_out": self.timed_out,
            "problems": list(self.problems),
        }


async def verify(
    pipeline: Pipeline,
    key: str,
    *,
    domain: str = BRAND,
    out: Path,
    events: Iterable[bytes] | None = None,
    send: bool = False,
    timeout: float = TIMEOUT_SECONDS,  # noqa: ASYNC109 - of the workers, which end by themselves
) -> Verified:
    """Send marked events through all workers, and say what became of each.

    Args:
        pipeline: The pipeline, with the settings that are to be verified.
        key: What the events are about, which the service knows: for ClaimX a project.
        domain: The domain of the events.
        out: Folder for what would have been sent; made if there is something.
        events: Raw events to send instead of the domain's own, one JSON object each.
        send: Let requests and actions out.
        timeout: Seconds until the workers are stopped.

    Raises:
        UsageError: There is no such domain, it has no events of its own to send, or an event is
            not valid.
        SettingsError: A setting is missing that the workers need.
        BrokerError: The broker did not answer.
        TableError: A table cannot be created.
    """
    of = one_domain(pipeline, domain)
    mark = f"verify-{uuid.uuid4().hex[:8]}"
    lines = _events(pipeline, of, key, mark, events)
    with tempfile.TemporaryDirectory(prefix="claimx-") as folder:
        where = await asyncio.to_thread(out.absolute)
        trial = apart(pipeline, mark, Path(folder), where, send=send)
        left_out = [] if send else sending_workers(pipeline)
        workers = [
            name
            for name, worker in trial.workers.items()
            if worker.intake is None and name not in left_out and worker.serves is None
        ]
        trial.require([trial.workers[name] for name in workers])
        problems: list[str] = []
        async with _cleaned(trial, problems):
            await create_all(trial)
            done = await publish_events(trial, lines, domain)
            if done.refused:
                raise UsageError(f"an event to send is not valid: {done.refused[0].reason}")
            timed_out = not await _run(trial, workers, timeout)
            if not send:
                await _write_actions(trial, where)
                await _pass_by(trial, left_out)
            found = [await trace(trial, each) for each in await _ids(trial, of)]
            rows = {each.table: each.rows for each in await list_tables(trial) if each.rows}
    return Verified(
        mark=mark,
        events=found,
        rows=rows,
        not_sent=() if send else await asyncio.to_thread(_files, where),
        not_run=left_out,
        timed_out=timed_out,
        problems=problems,
    )


def _events(
    pipeline: Pipeline, domain: Domain, key: str, mark: str, given: Iterable[bytes] | None
) -> list[bytes]:
    if given is not None:
        lines = list(given)
        if len(lines) > MOST_EVENTS:
            raise UsageError(
                f"{len(lines)} events are too many to verify; send {MOST_EVENTS} at most"
            )
        return lines
    if domain.marked_events is None:
        raise UsageError(f"domain {domain.name!r} has no events of its own to send; give a file")
    return list(domain.marked_events(key, mark, pipeline.clock.now()))


@asynccontextmanager
async def _cleaned(trial: Pipeline, problems: list[str]) -> AsyncIterator[None]:
    """Delete in the end what *trial* has made; what cannot be goes to *problems*."""
    try:
        yield
    finally:
        inspector = inspector_of(trial.broker())
        try:
            if inspector is not None:
                await inspector.delete_topics([each.name for each in trial.topology.new_topics()])
        except ClaimxError as error:
            prefix = trial.settings.broker.prefix
            problems.append(f"topics that begin with {prefix!r} are left, delete them: {error}")
        finally:
            if inspector is not None:
                await inspector.close()
        problems += await emptied(trial)


async def _run(trial: Pipeline, workers: Sequence[str], seconds: float) -> bool:
    """Run until nothing is left to do; return whether that was in time."""
    async with running(trial, *workers) as run:
        try:
            async with asyncio.timeout(seconds):
                await run.until_idle()
        except TimeoutError:
            return False
    return True


async def _ids(trial: Pipeline, domain: Domain) -> list[str]:
    decode = domain.reading(trial.settings)
    records = await read_topic(trial, domain.topics.events_raw.name)
    return list(dict.fromkeys(read_event(each, trial.clock, decode).event_id for each in records))


def _files(folder: Path) -> list[Path]:
    return sorted(each for each in folder.rglob("*") if each.is_file())


async def _pass_by(trial: Pipeline, workers: Sequence[str]) -> None:
    """Note that what *workers* would do is dealt with: it was written as files."""
    topology = trial.topology
    async with open_admin(trial) as admin:
        for name in workers:
            worker = trial.workers[name]
            for topic in (topology.physical(each.name) for each in worker.reads):
                ends = await admin.end_offsets(topic)
                await admin.commit_offsets(topology.group(worker.group), topic, ends)


async def _write_actions(trial: Pipeline, out: Path) -> None:
    """Write the webhooks and actions that plugins asked for."""
    records = await read_topic(trial, ACTIONS_PENDING.name)
    if not records:
        return
    lines = [msgspec.json.encode(ShownRecord(each).as_json()) + b"\n" for each in records]

    def write() -> None:
        out.mkdir(parents=True, exist_ok=True)
        (out / "actions.jsonl").write_bytes(b"".join(lines))

    await asyncio.to_thread(write)
