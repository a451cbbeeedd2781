"""Finds where a time begins in a topic, by a few single reads in each partition.

Works on every broker: it asks for nothing but records. Their times grow with the offsets but
for the clocks of those that publish; ``SLACK`` is how far those may differ.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from claimx_pipeline.broker.protocol import Admin, TopicPartition
from claimx_pipeline.clock import EPOCH

SLACK = timedelta(seconds=60)


async def offsets_at(admin: Admin, topic: str, when: datetime) -> dict[int, int]:
    """Return, by partition, the offset of the first record that was published at *when* or later.

    Where there is none it is the offset that the next record will get.

    Raises:
        UnknownTopicError: The topic does not exist.
        BrokerError: The broker did not answer.
    """
    begins, ends = await admin.begin_offsets(topic), await admin.end_offsets(topic)
    wanted = milliseconds(when)
    return {
        number: await _first(
            admin, TopicPartition(topic, number), begins.get(number, 0), end, wanted
        )
        for number, end in sorted(ends.items())
    }


def milliseconds(when: datetime) -> int:
    """Return *when* as records have it: milliseconds since 1970 UTC."""
    return (when - EPOCH) // timedelta(milliseconds=1)


def with_slack(when: datetime) -> datetime:
    """Return *when* less the slack; the beginning of all time if there is nothing before."""
    try:
        return when - SLACK
    except OverflowError:
        return when


def with_slack_after(when: datetime) -> datetime:
    """Return *when* and the slack; the end of all time if there is nothing after."""
    try:
        return when + SLACK
    except OverflowError:
        return when


async def _first(admin: Admin, partition: TopicPartition, low: int, high: int, wanted: int) -> int:
    end = high
    while low < high:
        middle = (low + high) // 2
        found = await admin.read(partition, middle, end, max_records=1)
        if not found:
            high = middle  # offsets without a record: marks of transactions, or compacted
        elif found[0].timestamp < wanted:
            low = found[0].offset + 1
        else:
            high = middle
    return low
