"""What became of every record of a soak."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from pathlib import Path

from attrs import define, field

from claimx_pipeline.broker.protocol import Record
from claimx_pipeline.claimx.queries import QUERIES
from claimx_pipeline.runtime.dead_letters.dead_letter import DeadLetter
from tests.faults.evidence import Evidence, judge_files
from tests.faults.judgement import group_of
from tests.faults.strangers.records import Stranger
from tests.rigs.whole_pipeline import WholePipeline

RAW = "claimx.events.raw"
TRACEBACK = "Traceback (most recent call last)"
SHOWN = 10


@define
class Verdict:
    """What was found, and what of it is wrong."""

    stored: int = 0
    outcomes: Counter[str] = field(factory=Counter)
    letters: Counter[str] = field(factory=Counter)
    """Dead letters by group, category and type of the error."""
    bad: int = 0
    """Records that no worker could read."""
    tracebacks: int = 0
    """In logs, each of which is also a dead letter's."""
    files: int = 0
    wrong: list[str] = field(factory=list)

    def blame(self, what: str, which: Collection[object]) -> None:
        """Note what is wrong with these, if there are any."""
        if which:
            shown = sorted(map(str, which))[:SHOWN]
            self.wrong.append(f"{len(which)} {what}: {', '.join(shown)}")


async def judge(
    whole: WholePipeline,
    good: Collection[str],
    strangers: Sequence[Stranger],
    uncommitted: Collection[str],
    logs: Sequence[Path],
) -> Verdict:
    """Look at tables, dead letters, files and logs.

    Args:
        whole: The pipeline, which has stopped.
        good: Ids of the good events.
        strangers: The odd records that were published.
        uncommitted: Ids of events whose transactions were aborted.
        logs: What the workers wrote.
    """
    verdict = Verdict()
    readable = {each.event_id for each in strangers if each.event_id}
    _judge_events(whole, {*good, *readable}, uncommitted, verdict)
    letters = await _letters(whole)
    for letter, _ in letters:
        verdict.letters[f"{letter.group} {letter.category}/{letter.error_type}"] += 1
    await _judge_letters(whole, letters, strangers, verdict)
    _judge_logs(logs, [letter.traceback for letter, _ in letters], verdict)
    evidence = Evidence()
    await judge_files(whole, evidence)
    verdict.files = evidence.files
    verdict.wrong += evidence.wrong[:SHOWN]
    pairs = Counter(whole.simulator.submissions.pairs())
    verdict.blame("forms accepted twice", [pair for pair, count in pairs.items() if count > 1])
    return verdict


def _judge_events(
    whole: WholePipeline, wanted: set[str], uncommitted: Collection[str], verdict: Verdict
) -> None:
    """See that each event that can be read is stored once and has one line in the log."""
    stored = Counter(row["event_id"] for row in whole.rows("SELECT event_id FROM claimx_events"))
    log = whole.rows("SELECT event_id, outcome FROM claimx_event_log")
    lines = Counter(row["event_id"] for row in log)
    verdict.stored = len(stored)
    verdict.outcomes = Counter(row["outcome"] for row in log)
    verdict.blame("events lost", wanted - stored.keys())
    verdict.blame("events doubled", [name for name, count in stored.items() if count > 1])
    verdict.blame("events of no record", stored.keys() - wanted)
    verdict.blame("events of aborted transactions", stored.keys() & set(uncommitted))
    verdict.blame("events without a line in the log", wanted - lines.keys())
    verdict.blame("events with several lines", [name for name, n in lines.items() if n > 1])
    query = next(each for each in QUERIES if each.name == "unaccounted-events")
    verdict.blame("unaccounted events", [row["event_id"] for row in whole.rows(query.sql)])


Letters = list[tuple[DeadLetter, Record]]


async def _letters(whole: WholePipeline) -> Letters:
    found: Letters = []
    workers = whole.pipeline.workers.values()
    for topic in {each.dead_letters.name for each in workers if each.dead_letters}:
        for record in await whole.records(topic):
            letter = DeadLetter.read(record)
            assert letter is not None, record
            found.append((letter, record))
    return found


async def _judge_letters(
    whole: WholePipeline, letters: Letters, strangers: Sequence[Stranger], verdict: Verdict
) -> None:
    """See that each letter names the record it is about, and that each bad record has one."""
    physical = whole.pipeline.topology.physical(RAW)
    raw = {(each.partition, each.offset): each for each in await whole.records(RAW)}
    told: defaultdict[tuple[int, int], set[str]] = defaultdict(set)
    for letter, record in letters:
        if letter.category == "bug":
            verdict.wrong.append(f"a bug: {letter.error_type} {letter.error[:200]}")
        if letter.origin.topic not in (physical, RAW):
            continue
        at = (letter.origin.partition, letter.origin.offset)
        if at not in raw or (raw[at].value or b"") != (record.value or b""):
            verdict.wrong.append(f"a dead letter of {letter.group} names {letter.origin}")
        told[at].add(letter.group)
    bad = {each.record.value or b"" for each in strangers if not each.event_id}
    places = {at for at, each in raw.items() if (each.value or b"") in bad}
    verdict.bad = len(places)
    published = sum(not each.event_id for each in strangers)
    if len(places) != published:
        verdict.wrong.append(f"{published} bad records were published, {len(places)} are there")
    for reader in whole.pipeline.topology.readers[RAW]:
        group = group_of(whole, reader)
        verdict.blame(
            f"bad records without a dead letter of {group}",
            [at for at in places if group not in told[at]],
        )


def _judge_logs(logs: Sequence[Path], letters: Sequence[str], verdict: Verdict) -> None:
    """See that no log has a traceback that is not a dead letter's."""
    ends = {text.strip().splitlines()[-1].strip() for text in letters if text.strip()}
    for log in logs:
        for number, last in tracebacks(log.read_text(errors="replace")):
            verdict.tracebacks += 1
            if last not in ends:
                verdict.wrong.append(f"traceback in {log.name}, line {number}: {last[:300]}")


def tracebacks(text: str) -> list[tuple[int, str]]:
    """Return each traceback's line number and its last line, which names the exception."""
    lines = text.splitlines()
    found = []
    for number, line in enumerate(lines):
        if TRACEBACK in line:
            after = (each for each in lines[number + 1 :] if each and not each.startswith(" "))
            found.append((number + 1, next(after, "").strip()))
    return found
