"""What a run under faults left outside the tables: files, calls, and what was told of requests."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from attrs import define, field

from claimx_pipeline.delta.contents import Contents
from claimx_pipeline.media.cache_mark import MARK
from claimx_pipeline.media.open_store import open_cache, open_files
from claimx_pipeline.simulator.content import content_of
from claimx_pipeline.simulator.recording import RecordedRequest
from tests.faults.crew import Loss
from tests.rigs.files import contents
from tests.rigs.whole_pipeline import WholePipeline

HOOK = "/webhooks/tasks"
SUBMISSIONS = "itel_cabinet_submissions"
"""Table of evidence: a kill makes a further try and with it a further row."""

Calls = Mapping[str, bytes]
"""Idempotency key to the body of the webhook."""


def without_address(
    whole: WholePipeline, found: Mapping[str, Contents], *others: str
) -> dict[str, Contents]:
    """Return tables' contents without where the simulator was, which errors and links tell.

    Args:
        whole: The pipeline.
        found: Its tables.
        others: URLs of further services.
    """
    addresses = [urlsplit(url).netloc for url in (whole.simulator.url, *others)]

    def plain(value: object) -> object:
        for netloc in addresses if isinstance(value, str) else ():
            value = value.replace(netloc, "simulator")
        return value

    def plain_rows(rows: Contents) -> Contents:
        plained: Contents = Counter()
        for row, count in rows.items():
            plained[tuple(plain(value) for value in row)] += count
        return plained

    return {table: plain_rows(rows) for table, rows in found.items()}


@define
class Evidence:
    """What there was, and what of it is wrong."""

    files: int = 0
    """In the object store."""
    left: int = 0
    """Left in the cache by a worker that had lost its records."""
    calls: int = 0
    """Webhooks, by their keys."""
    calls_again: int = 0
    """Requests after the first answered one of a key."""
    untold: int = 0
    """Requests to iTel that have no row: a kill came before it."""
    wrong: list[str] = field(factory=list)


async def judge_evidence(
    whole: WholePipeline, calls: Calls, survived: Sequence[Loss], losses: Sequence[Loss]
) -> Evidence:
    """Look at all of it.

    Args:
        whole: The pipeline after its run.
        calls: The webhooks that there must be.
        survived: When ``download`` or ``upload`` lost records and lived on.
        losses: When ``itel-api`` may have lost what it had to tell.
    """
    seen = Evidence()
    await judge_files(whole, seen)
    await _judge_cache(whole, survived, seen)
    _judge_calls(whole, calls, seen)
    _judge_attempts(whole, losses, seen)
    return seen


def files_due(whole: WholePipeline) -> dict[str, str]:
    """Return the path of each file that the tables say is stored, and its checksum as ClaimX has it."""
    due = {}
    for table in ("claimx_attachments", "claimx_itel_attachments"):
        for row in whole.rows(
            f"SELECT blob_path, media_id FROM {table} WHERE status = 'completed'"
        ):
            content = content_of(whole.world.file(int(row["media_id"])))
            found = hashlib.sha256(content.read(0, content.size)).hexdigest()
            assert row["blob_path"] not in due, "two rows share a file"
            due[row["blob_path"]] = found
    return due


async def judge_files(whole: WholePipeline, seen: Evidence) -> None:
    """See that every file that is due lies in the store once, as it is, and nothing else."""
    due = files_due(whole)
    store = await contents(open_files(whole.pipeline.settings.storage))
    found = {path: hashlib.sha256(content).hexdigest() for path, content in store.items()}
    seen.files = len(found)
    for path in sorted(due.keys() | found.keys()):
        if due.get(path) != found.get(path):
            seen.wrong.append(f"file {path}: due {due.get(path)}, there is {found.get(path)}")


async def _judge_cache(whole: WholePipeline, survived: Sequence[Loss], seen: Evidence) -> None:
    """A file may stay only if its worker woke up after another had settled it."""
    left = await contents(open_cache(whole.pipeline.settings.storage))
    left = {path: each for path, each in left.items() if PurePosixPath(path).name != MARK}
    seen.left = len(left)
    if left and not survived:
        seen.wrong += [f"left in the cache: {path}" for path in sorted(left)]


def calls_made(whole: WholePipeline) -> dict[str, list[RecordedRequest]]:
    """Return the requests of each webhook."""
    made: defaultdict[str, list[RecordedRequest]] = defaultdict(list)
    for request in whole.simulator.requests.find(HOOK):
        made[str(request.idempotency_key)].append(request)
    return dict(made)


def _judge_calls(whole: WholePipeline, calls: Calls, seen: Evidence) -> None:
    made = calls_made(whole)
    seen.calls = len(made)
    for key in sorted(calls.keys() ^ made.keys()):
        seen.wrong.append(f"webhook {key} {'was never called' if key in calls else 'is of none'}")
    for key, requests in made.items():
        bodies = {request.body for request in requests}
        if bodies != {calls.get(key)}:
            seen.wrong.append(f"webhook {key} has bodies {bodies}, not {calls.get(key)!r}")
        answered = sum(accepted(request) for request in requests)
        if not answered:
            seen.wrong.append(f"webhook {key} was never answered")
        seen.calls_again += max(0, answered - 1)


def accepted(request: RecordedRequest) -> bool:
    """Return whether a request was told that all is well."""
    return request.whole and request.status is not None and 200 <= request.status < 300


def _judge_attempts(whole: WholePipeline, losses: Sequence[Loss], seen: Evidence) -> None:
    """Each form has a row that says so if it was accepted, and no row says what was not."""
    rows = whole.rows(f"SELECT idempotency_key, attempt_id, status_code FROM {SUBMISSIONS}")
    made = {
        request.headers["x-attempt-id"]: request
        for request in whole.simulator.requests.find("/itel", method="POST")
    }
    told = Counter(row["attempt_id"] for row in rows)
    seen.wrong += [f"attempt {name} has {n} rows" for name, n in told.items() if n > 1]
    for row in rows:
        request = made.get(row["attempt_id"])
        # One that never arrived, or whose answer did not, has no status for whoever asked.
        known = (None,) if request is None else (None, request.status)
        if row["status_code"] not in known:
            seen.wrong.append(f"attempt {row} was answered {known}")
    agreed = {row["idempotency_key"] for row in rows if row["status_code"] == 200}
    answered = {request.idempotency_key for request in made.values() if accepted(request)}
    seen.wrong += [f"{key} was accepted and no row says so" for key in sorted(answered - agreed)]
    untold = [request for name, request in made.items() if name not in told]
    seen.untold = len(untold)
    for request in untold:
        if not any(request.at <= loss.ended for loss in losses):
            seen.wrong.append(f"request of {request.idempotency_key} at {request.at} has no row")
