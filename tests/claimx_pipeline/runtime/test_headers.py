"""Headers from outside: whatever is in them, records are read, fail and come back."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claimx_pipeline import RecordError, SystemClock
from claimx_pipeline.broker.sqlite.log import StoredRecord
from claimx_pipeline.claimx.events import decode_event
from claimx_pipeline.claimx.files import FILES
from claimx_pipeline.domain.files import FileFlow
from claimx_pipeline.errors import DecodeError
from claimx_pipeline.media.topics import FileTopics
from claimx_pipeline.runtime import headers
from claimx_pipeline.runtime.dead_letters.dead_letter import PREFIX, DeadLetter, last_failed_at
from claimx_pipeline.runtime.dead_letters.reader import FoundDeadLetter, names_event
from claimx_pipeline.runtime.dead_letters.replay import returning
from claimx_pipeline.runtime.headers import Origin
from claimx_pipeline.runtime.raw_event import read_event
from claimx_pipeline.runtime.retry_ladder import RetryLadder
from claimx_pipeline.workers.results import failed_result
from claimx_pipeline.workers.retry import SHORTEST_LIMIT, RetryProcessor

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
FLOW = FileFlow("claimx", "", FileTopics.of("claimx"), FILES)
LADDER = RetryLadder("test", (1.0, 2.0))
VALUE = b'{"eventType": "A", "projectId": 1}'
ODD = ["²", "\u0661", "\uff11", "9" * 5000, "-", "", " 1", "1 ", "1.0", "1e3", "0x1", "+1", "1_0"]
"""Texts that ``str.isdigit`` or ``int`` take for numbers, and others."""


def record(given=(), value=VALUE, timestamp=1768500000123, topic="claimx.events.raw", offset=7):
    return StoredRecord(topic, 2, offset, b"k", value, tuple(given), timestamp)


def with_header(name: str, text: str, **more):
    return record([(name, text.encode())], **more)


@pytest.mark.incident("STR-02")
@pytest.mark.parametrize("text", ODD)
@pytest.mark.parametrize(
    ("name", "read"),
    [(headers.ATTEMPTS, headers.attempts_of), (headers.HOPS, headers.hops_of)],
)
def test_a_number_that_cannot_be_read_counts_as_absent_and_is_logged(name, read, text, caplog):
    with caplog.at_level(logging.WARNING):
        assert read(with_header(name, text)) == 0
    assert name in caplog.text
    assert "claimx.events.raw[2] offset 7" in caplog.text
    assert len(caplog.text) < 500


@pytest.mark.incident("STR-02")
@pytest.mark.parametrize(
    "text",
    ["elsewhere", "", "//", "a/b", "/0/0", "t/-1/0", "t/0/-1", *(f"t/0/{odd}" for odd in ODD)],
)
def test_an_origin_that_cannot_be_read_is_where_the_record_is(text, caplog):
    with caplog.at_level(logging.WARNING):
        found = headers.origin_of(with_header(headers.ORIGIN, text))
    assert found == Origin("claimx.events.raw", 2, 7)
    assert headers.ORIGIN in caplog.text
    assert headers.origin_timestamp_of(with_header(headers.ORIGIN, text)) == 1768500000123


def test_what_can_be_read_is_read():
    assert headers.attempts_of(with_header(headers.ATTEMPTS, "3")) == 3
    assert headers.origin_of(with_header(headers.ORIGIN, "a/b/1/2")) == Origin("a/b", 1, 2)
    assert headers.attempts_of(with_header(headers.ATTEMPTS, "-3")) == 0


NAMES = [
    *headers.TRAVELLING,
    headers.HOPS,
    headers.ID,
    *(f"{PREFIX}{name}" for name in ("origin", "origin-timestamp", "group", "worker", "kind")),
    *(f"{PREFIX}{name}" for name in ("category", "error-type", "error", "attempts", "traceback")),
    *(f"{PREFIX}{name}" for name in ("first-failed", "last-failed", "plugin", "value-file")),
]
NUMBERS = st.integers(-(2**70), 2**70).map(str)
TEXTS = st.sampled_from([*ODD, "t/1/2", "t/0/²", "2026-01-15T12:00:00", "download", "record"])
VALUES = st.binary(max_size=30) | (NUMBERS | TEXTS | st.text(max_size=20)).map(str.encode)
HEADERS = st.lists(
    st.tuples(st.sampled_from(NAMES) | st.text(max_size=10), VALUES | st.none()), max_size=12
)
TIMESTAMPS = st.integers(-(2**63), 2**63 - 1)


@pytest.mark.incident("STR-01")
@pytest.mark.incident("STR-02")
@given(HEADERS, TIMESTAMPS)
def test_a_record_with_any_headers_is_read_fails_and_comes_back(given_headers, timestamp):
    """All that the runtime asks of headers, on the way of a record that fails."""
    found = record(given_headers, timestamp=timestamp)
    assert headers.attempts_of(found) >= 0
    assert headers.hops_of(found) >= 0
    event = read_event(found, SystemClock(), decode_event)
    waiting = LADDER.waiting(found, 0, group="g", return_to="in", now=NOW)
    again = record(waiting.headers)
    tried = headers.attempts_of(found)
    assert headers.attempts_of(again) == min(tried + 1, headers.MOST_ATTEMPTS)
    error = RecordError("no")
    dead = DeadLetter.of(found, error, group="g", worker="events", now=NOW)
    out = dead.to_record(found, "dlq")
    lying = record(out.headers, topic="dlq")
    assert DeadLetter.read(lying) == dead
    letter = FoundDeadLetter(
        location=Origin("dlq", 0, 0), record=lying, failure=dead, replayed_at=None
    )
    assert letter.failed_at == NOW
    assert names_event(lying, event.event_id, [decode_event])
    back = returning(letter, dead, VALUE)
    assert read_event(
        record(back.headers, offset=99, timestamp=5), SystemClock(), decode_event
    ).event_id == (event.event_id)


@pytest.mark.incident("STR-02")
@given(HEADERS, TIMESTAMPS)
def test_a_record_with_any_headers_may_lie_anywhere_that_we_read(given_headers, timestamp):
    """Among dead letters, and in a retry topic."""
    found = record(given_headers, timestamp=timestamp)
    known = DeadLetter.read(found)
    assert last_failed_at(found, known).tzinfo is UTC
    names_event(found, "x", [decode_event])
    failed_result(FLOW, found)
    retry = RetryProcessor(SystemClock(), None, SHORTEST_LIMIT)  # it is not opened
    try:
        waiting = retry.decode(found)
    except DecodeError:
        return
    assert waiting.due <= SystemClock().now() + SHORTEST_LIMIT, "it holds nothing for ever"


@pytest.mark.incident("STR-08")
@given(TIMESTAMPS, st.sampled_from([None, b"x"]))
def test_an_event_without_a_time_keeps_its_id_on_every_way_back(timestamp, foreign):
    """Through retry topics, dead letters and replays, again and again."""
    clock = SystemClock()
    given_headers = [("x", foreign)] if foreign else []
    first = record(given_headers, timestamp=timestamp)
    event_id = read_event(first, clock, decode_event).event_id
    there = first
    for number in range(3):
        waiting = LADDER.waiting(there, 0, group="g", return_to="in", now=NOW)
        there = record(waiting.headers, timestamp=1768500000999 + number, offset=50 + number)
        assert read_event(there, clock, decode_event).event_id == event_id
        dead = DeadLetter.of(there, ValueError(), group="g", worker="events", now=NOW)
        lying = record(dead.to_record(there, "dlq").headers, topic="dlq", timestamp=1)
        known = DeadLetter.read(lying)
        assert known is not None
        found = FoundDeadLetter(
            location=Origin("dlq", 0, 0), record=lying, failure=known, replayed_at=None
        )
        back = returning(found, known, VALUE)
        there = record(back.headers, timestamp=1768500001999 + number, offset=90 + number)
        assert read_event(there, clock, decode_event).event_id == event_id


@pytest.mark.incident("STR-08")
def test_a_dead_letter_of_an_older_version_keeps_one_id_however_often_it_is_replayed():
    """It does not say when its record was published, so the place counts."""
    of_old = [(headers.ORIGIN, b"claimx.events.raw/2/7"), (headers.GROUP, b"g")]
    ids = {
        read_event(record(of_old, timestamp=at), SystemClock(), decode_event).event_id
        for at in (1, 2)
    }
    assert len(ids) == 1
    other = [(headers.ORIGIN, b"claimx.events.raw/2/8"), (headers.GROUP, b"g")]
    assert read_event(record(other), SystemClock(), decode_event).event_id not in ids


class MuteError(Exception):
    def __str__(self):
        raise SystemExit("no words")

    __repr__ = __str__


@pytest.mark.incident("STR-43")
@pytest.mark.parametrize("message", ["\ud83d", "x" * 10_000_000, "\0", "²", ""])
@pytest.mark.parametrize("kind", [ValueError, RecordError, DecodeError])
def test_any_message_can_be_written_into_a_dead_letter(kind, message):
    dead = DeadLetter.of(record(), kind(message), group="g", worker="events", now=NOW)
    out = dead.to_record(record(), "dlq")
    assert sum(len(value) for _, value in out.headers) < 30_000
    assert DeadLetter.read(record(out.headers)) == dead


@pytest.mark.incident("STR-43")
def test_an_error_that_cannot_be_shown_is_a_dead_letter_all_the_same():
    dead = DeadLetter.of(record(), MuteError(), group="g", worker="events", now=NOW)
    assert (dead.error_type, dead.category) == ("MuteError", "bug")
    assert "cannot be shown" in dead.error
