"""What was deleted before it was read, told from gaps that mean nothing."""

import pytest
from attrs import define
from hypothesis import given
from hypothesis import strategies as st

from claimx_pipeline.broker.protocol import (
    Assignment,
    PolledBatch,
    TopicPartition,
    UnreadableRecords,
)
from claimx_pipeline.runtime.offsets.gaps import Gap, PolledOffsets, overtaken

MINE = Assignment("raw", 0, 1)
AT = TopicPartition("raw", 0)


@define
class Stored:
    offset: int


def batch(*offsets: int) -> PolledBatch:
    return PolledBatch(MINE, [Stored(offset) for offset in offsets])


def gaps_of(start: int, batches: list[PolledBatch], log_start: int) -> list[Gap]:
    polled = PolledOffsets()
    polled.begin({MINE: start})
    return overtaken(polled.take(batches), {AT: log_start})


@pytest.mark.incident("STR-05")
@pytest.mark.parametrize(
    ("start", "batches", "log_start", "expected"),
    [
        (0, [batch(0, 1), batch(2, 3)], 0, []),
        (5, [batch(8)], 8, [Gap(AT, 5, 8)]),
        (5, [batch(8)], 7, [Gap(AT, 5, 7)]),
        (5, [batch(8)], 20, [Gap(AT, 5, 8)]),  # more was deleted since the poll
        (5, [batch(8)], 5, []),  # compaction, or the mark of a transaction
        (5, [batch(8)], 0, []),
        (0, [batch(0, 1), batch(4, 5), batch(9)], 9, [Gap(AT, 2, 4), Gap(AT, 6, 9)]),
        (9, [batch(7)], 0, []),  # what the table has already comes again
    ],
)
def test_only_what_is_before_the_log_start_was_lost(start, batches, log_start, expected):
    assert gaps_of(start, batches, log_start) == expected


@pytest.mark.incident("STR-05")
@given(
    present=st.sets(st.integers(0, 60), min_size=1),
    log_start=st.integers(0, 61),
    read=st.integers(0, 60),
    sizes=st.integers(1, 5),
)
def test_a_gap_is_reported_exactly_where_unread_offsets_were_deleted(
    present, log_start, read, sizes
):
    """Whatever compaction has left of a log, and wherever retention cut it meanwhile."""
    left = sorted(offset for offset in present if offset >= max(read, log_start))
    batches = [batch(*left[at : at + sizes]) for at in range(0, len(left), sizes)]
    found = gaps_of(read, batches, log_start)
    if left and log_start > read:
        assert found == [Gap(AT, read, min(log_start, left[0]))]
    else:
        assert found == []


@pytest.mark.incident("STR-06")
def test_a_partition_that_goes_back_shows_and_one_that_begins_before_its_table_does_not():
    polled = PolledOffsets()
    polled.begin({MINE: 9})
    assert polled.take([batch(7, 8, 9)]) == []
    (jump,) = polled.take([batch(0)])
    assert (jump.expected, jump.first) == (10, 0)


def test_records_that_cannot_be_read_begin_with_their_first_offset():
    broken = UnreadableRecords(
        topic="raw", partition=0, first=5, offset=9, value=b"", timestamp=0, reason="damaged"
    )
    assert gaps_of(5, [PolledBatch(MINE, [broken]), batch(10)], 10) == []


def test_what_a_rebalance_takes_is_forgotten_and_what_it_leaves_is_kept():
    polled = PolledOffsets()
    other = Assignment("raw", 1, 1)
    polled.begin({MINE: 0, other: 3})
    polled.take([batch(0, 1)])
    polled.begin({MINE: 0})
    assert polled.known() == {MINE: 2}
    assert polled.next_of(other) == 0


@pytest.mark.parametrize(
    ("gap", "text"),
    [
        (Gap(AT, 5, 8), "3 records of raw[0] (offsets 5 to 7)"),
        (Gap(AT, 5, 6), "1 records of raw[0] (offset 5)"),
    ],
)
def test_a_gap_names_its_size_and_its_offsets(gap, text):
    assert str(gap) == text
