"""Each contradiction between table, group and topic, and what it is answered with."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claimx_pipeline.broker.protocol import TopicPartition
from claimx_pipeline.runtime.offsets.start_checks import (
    OffsetCheck,
    PartitionOffsets,
    StartRefusedError,
    Verdict,
    guard,
)


def check_of(committed, begin, end, stored=0, restored=None, keyed=False):
    return OffsetCheck(
        table="claimx_events",
        group="g",
        partition=TopicPartition("raw", 2),
        keyed=keyed,
        stored=stored,
        restored=restored,
        offsets=PartitionOffsets(committed, begin, end),
    )


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (check_of(None, 0, 0), Verdict.NEW),
        (check_of(None, 40, 90), Verdict.NEW),
        (check_of(0, 0, 9), Verdict.CONSISTENT),
        (check_of(9, 0, 9, stored=9), Verdict.CONSISTENT),
        (check_of(5, 0, 9, stored=9), Verdict.CONSISTENT),  # a crash between table and group
        (check_of(9, 0, 9, stored=5), Verdict.CONSISTENT),  # batches without rows
        (check_of(None, 0, 9, stored=5), Verdict.GROUP_LOST),
        (check_of(None, 0, 9, stored=50), Verdict.TOPIC_RECREATED),
        (check_of(5, 0, 9, stored=50), Verdict.TOPIC_RECREATED),
        (check_of(50, 0, 9), Verdict.TOPIC_RECREATED),
        (check_of(5, 6, 9), Verdict.RECORDS_DELETED),
        (check_of(5, 6, 9, stored=4), Verdict.RECORDS_DELETED),
        (check_of(5, 6, 9, stored=6), Verdict.CONSISTENT),
        (check_of(9, 0, 9, stored=9, restored=3), Verdict.RESTORED),
        (check_of(9, 0, 9, restored=3, keyed=True), Verdict.RESTORED),
        (check_of(None, 0, 9, restored=3, keyed=True), Verdict.NEW),  # it reads all there is
    ],
)
def test_each_contradiction_is_told_from_what_is_normal(found, verdict):
    assert found.verdict is verdict
    assert bool(found.refusal("events")) is (verdict not in (Verdict.NEW, Verdict.CONSISTENT))


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (
            check_of(None, 0, 9, stored=5),
            "table 'claimx_events' has the rows of raw[2] up to offset 5, but group 'g' has no "
            "offset there; if it was reset, set it to the table with 'claimx-run offsets rewind "
            "events --to-table', if the topic was recreated, go on with the new one with "
            "'claimx-run offsets adopt events'",
        ),
        (
            check_of(5, 0, 9, stored=50),
            "table 'claimx_events' has the rows of raw[2] up to offset 50, but the topic ends at "
            "9, so it was recreated; go on with the new one with 'claimx-run offsets adopt events'",
        ),
        (
            check_of(50, 0, 9),
            "group 'g' has read raw[2] up to offset 50, but the topic ends at 9, so it was "
            "recreated; go on with the new one with 'claimx-run offsets adopt events'",
        ),
        (
            check_of(5, 8, 9),
            "group 'g' has read raw[2] up to offset 5, but the topic begins at 8, so retention "
            "deleted 3 records that were never read (offsets 5 to 7); go on with what is left with "
            "'claimx-run offsets rewind events --to-earliest'",
        ),
        (
            check_of(9, 0, 9, stored=9, restored=3),
            "version 3 of table 'claimx_events' put back an older one, so rows are missing that "
            "group 'g' has read; write them again with 'claimx-run offsets rewind events "
            "--to-table', or go on without them with 'claimx-run offsets adopt events'",
        ),
        (
            check_of(9, 0, 9, restored=3, keyed=True),
            "version 3 of table 'claimx_events' put back an older one, so rows are missing that "
            "group 'g' has read; write them again with 'claimx-run offsets rewind events "
            "--to-earliest', or go on without them with 'claimx-run offsets adopt events'",
        ),
    ],
)
def test_each_refusal_is_one_sentence_with_a_command(found, sentence):
    assert found.refusal("events") == sentence
    with pytest.raises(StartRefusedError, match="^worker 'events' is not started: ") as caught:
        guard("events", [check_of(0, 0, 0), found])
    assert str(caught.value).endswith(sentence)


OFFSETS = st.integers(0, 20)


@given(st.none() | OFFSETS, OFFSETS, OFFSETS, OFFSETS)
def test_no_start_is_allowed_that_skips_or_mixes_records(committed, begin, length, stored):
    """What goes on has neither a gap behind it nor a position from another topic."""
    found = check_of(committed, begin, begin + length, stored)
    if found.verdict is Verdict.CONSISTENT:
        assert max(committed, stored) >= begin
        assert max(committed, stored) <= begin + length
    elif found.verdict is Verdict.NEW:
        assert committed is None
        assert stored == 0
