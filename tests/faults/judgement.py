"""What a run under faults lost, doubled or got wrong, in tables, dead letters and submissions."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from attrs import define, field

from claimx_pipeline.claimx.event_tables import EVENT_LOG
from claimx_pipeline.claimx.events import decode_event
from claimx_pipeline.delta.contents import Contents, content_columns
from claimx_pipeline.runtime.dead_letters.dead_letter import DeadLetter
from claimx_pipeline.simulator.recording import RecordedRequest
from tests.faults.crew import Loss
from tests.faults.evidence import SUBMISSIONS
from tests.faults.plan import EVENTS, Refused
from tests.rigs.whole_pipeline import WholePipeline

Letters = Counter[tuple[str, str]]
"""How often each dead letter occurs: group that gave the record up, and what the record was."""


def table_differences(
    expected: Mapping[str, Contents], found: Mapping[str, Contents]
) -> dict[str, Counter[str]]:
    """Return, per table that differs, how many rows are lost, doubled and wrong.

    A row that is there and should not be, beside the right number of those that should, is
    wrong; so is the one that stands in the place of a lost one, which then counts as both.
    """
    differences = {}
    for table, rows in expected.items():
        if table == SUBMISSIONS:
            continue
        there = found[table]
        wanted = rows
        if table == EVENT_LOG.name:
            wanted, there = without_reasons(rows), without_reasons(there)
        lost, more = wanted - there, there - wanted
        doubled = sum(count for row, count in more.items() if row in wanted)
        if lost or more:
            differences[table] = Counter(
                lost=lost.total(), doubled=doubled, wrong=more.total() - doubled
            )
    return differences


def without_reasons(rows: Contents) -> Contents:
    """Return the event log without the reasons of events that failed for good.

    They quote errors, which name ports and times.
    """
    columns = content_columns(EVENT_LOG)
    outcome, reason = columns.index("outcome"), columns.index("reason")
    found: Contents = Counter()
    for row, count in rows.items():
        died = row[outcome] == "dead"
        found[(*row[:reason], None, *row[reason + 1 :]) if died else row] += count
    return found


async def letters_in(whole: WholePipeline) -> Letters:
    """Return all dead letters.

    A kill between a letter and the commit behind it writes the letter again, about the same
    record or its republished twin: so a letter is known by its group and its event.
    """
    topics = {
        worker.dead_letters.name
        for worker in whole.pipeline.workers.values()
        if worker.dead_letters
    }
    found: Letters = Counter()
    for topic in topics:
        for record in await whole.records(topic):
            letter = DeadLetter.read(record)
            assert letter is not None, record
            told = identity(record.value)
            # Every plugin works: one that died of a record is never expected.
            what = told if letter.kind == "record" else f"{letter.plugin} over {told}"
            found[letter.group, what] += 1
    return found


def identity(value: bytes) -> str:
    """Return the event id in a record's value, or the value where there is none."""
    try:
        return str(json.loads(value)["event_id"])
    except ValueError:
        return value.decode()


def letters_expected(
    whole: WholePipeline, refused: Refused, poison: Iterable[tuple[str, bytes]]
) -> set[tuple[str, str]]:
    """Return which letters there must be: one for each group that reads a bad record.

    Args:
        whole: The pipeline.
        refused: What the services refuse for good.
        poison: Unreadable records, each with its topic.
    """
    pipeline = whole.pipeline
    expected = {
        (group_of(whole, reader), value.decode())
        for topic, value in poison
        for reader in pipeline.topology.readers[topic]
    }
    for event in whole.world.events(EVENTS):
        event_id = decode_event(json.dumps(event.value).encode(), 0).event_id
        if event.assignment_id == refused.assignment:
            expected.add((group_of(whole, "enrichment"), event_id))
        if event.media_id == refused.media:
            expected.add((group_of(whole, "download"), event_id))
    return expected


def group_of(whole: WholePipeline, worker: str) -> str:
    return whole.pipeline.topology.group(whole.pipeline.workers[worker].group)


@define
class Submissions:
    """What the receiver of cabinet forms saw."""

    keys: int = 0
    by_loss: int = 0
    """Requests after an accepted one which a kill kept from being recorded as accepted."""
    wrong: list[str] = field(factory=list)


async def judge_submissions(
    whole: WholePipeline, refused: int, losses: Sequence[Loss], certain_seconds: float
) -> Submissions:
    """Look at every request that the receiver got.

    Args:
        whole: The pipeline.
        refused: Assignment whose form cannot be read.
        losses: When the sender may have had to repeat itself.
        certain_seconds: An answer that took longer may have come after the sender had left.
    """
    wanted = {
        f"itel/{assignment}/{response}"
        for assignment, response in whole.world.expected_submissions(EVENTS)
        if assignment != refused
    }
    by_key: defaultdict[str, list[RecordedRequest]] = defaultdict(list)
    for request in whole.simulator.requests.find("/itel", method="POST"):
        by_key[request.idempotency_key].append(request)
    seen = Submissions(len(by_key))
    for key in sorted(wanted ^ by_key.keys()):
        seen.wrong.append(f"{key} {'was never sent' if key in wanted else 'is of no form'}")
    for key, requests in by_key.items():
        if len({request.body for request in requests}) != 1:
            seen.wrong.append(f"{key} has several bodies")
        if whole.simulator.submissions.pairs().count(pair_of(requests[0])) != 1:
            seen.wrong.append(f"{key} was not accepted exactly once")
        _explain(key, requests, losses, seen, certain_seconds)
    return seen


def pair_of(request: RecordedRequest) -> tuple[object, object]:
    body = request.json()
    return body["assignmentId"], body["formResponseId"]


def _explain(
    key: str,
    requests: Sequence[RecordedRequest],
    losses: Sequence[Loss],
    seen: Submissions,
    certain_seconds: float,
) -> None:
    """Account for each request that follows an answer which said that all is well.

    However often a form is reported, only a loss before the acceptance was recorded explains one.
    """
    accepted: RecordedRequest | None = None
    repeats, unexplained = 0, 0
    for request in sorted(requests, key=lambda each: each.at):
        if accepted is not None:
            repeats += 1
            unexplained += not any(
                loss.begun <= request.at and accepted.at <= loss.ended for loss in losses
            )
        certain = request.whole and request.seconds < certain_seconds
        if certain and request.status is not None and 200 <= request.status < 300:
            accepted = request
    if unexplained:
        seen.wrong.append(f"{key} was sent {unexplained} times again after it had been accepted")
    seen.by_loss += repeats - unexplained
