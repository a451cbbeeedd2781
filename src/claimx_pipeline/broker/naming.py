"""Partitions and groups in what people read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Protocol


class _Partition(Protocol):
    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int: ...


def describe(partitions: Iterable[_Partition]) -> str:
    """Return *partitions* as ``events[0,1,2], retries[4]``."""
    numbers: defaultdict[str, list[int]] = defaultdict(list)
    for partition in partitions:
        numbers[partition.topic].append(partition.partition)
    return (
        ", ".join(
            f"{topic}[{','.join(map(str, sorted(found)))}]"
            for topic, found in sorted(numbers.items())
        )
        or "nothing"
    )


def has_members(group: str) -> str:
    """Return why the offsets of *group* cannot be set."""
    return (
        f"group {group!r} has members, whose commits would undo it; stop its workers first "
        "(one that was killed counts until its session or lease has run out)"
    )
