"""What an operator asks the embedded broker."""

from __future__ import annotations

import functools
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

from attrs import define, field

from claimx_pipeline.broker.inspection import Ranges, TopicFacts
from claimx_pipeline.broker.protocol import Record
from claimx_pipeline.broker.sqlite.file import writing
from claimx_pipeline.broker.sqlite.log import (
    HOUR_MILLISECONDS,
    OFFSET_BITS,
    Wanted,
    read,
)
from claimx_pipeline.broker.sqlite.thread import MissingFileError, SqliteThread
from claimx_pipeline.clock import Clock

if TYPE_CHECKING:
    from claimx_pipeline.broker.sqlite.broker import SqliteBroker

T = TypeVar("T")
SLICE = 50_000
"""Records that are searched in one go: other questions of this process wait for it."""


@define(eq=False)
class SqliteInspector:
    """Answers by reading the file; nothing in it is changed."""

    _thread: SqliteThread
    _clock: Clock
    _started: bool = field(default=False, init=False)

    @classmethod
    def of(cls, broker: SqliteBroker) -> SqliteInspector:
        """Return the inspector of *broker*."""
        return cls(broker._thread, broker._clock)  # noqa: SLF001 - the same room

    async def members(self, groups: Sequence[str]) -> Mapping[str, int]:
        """Return how many members each group has whose lease is not over."""
        without: dict[str, int] = {}
        now = self._clock.now().timestamp()
        found = await self._ask(functools.partial(_members, now=now), without)
        return {group: found.get(group, 0) for group in groups}

    async def readers(self) -> Mapping[str, frozenset[str]]:
        """Return, by topic, the groups that have committed an offset of it."""
        return await self._ask(_readers, {})

    async def facts(self) -> Mapping[str, TopicFacts]:
        """Return how each topic is kept."""
        return await self._ask(_facts, {})

    async def find(
        self, topic: str, ranges: Ranges, needles: Sequence[bytes], *, most: int
    ) -> Sequence[Record]:
        """Return the records in which one of *needles* occurs; SQLite itself searches."""
        found: list[Record] = []
        for number, (start, stop) in sorted(ranges.items()):
            for begin in range(start, stop, SLICE):
                end = min(begin + SLICE, stop)
                question = functools.partial(
                    _find,
                    topic=topic,
                    number=number,
                    start=begin,
                    stop=end,
                    needles=needles,
                    most=most - len(found),
                )
                nothing: list[Record] = []
                found += await self._ask(question, nothing)
                if len(found) >= most:
                    return found
        return found

    async def clock(self, topic: str) -> datetime | None:
        """Return None: the file is on this machine, and so is its clock."""
        del topic
        return None

    async def delete_topics(self, topics: Sequence[str]) -> None:
        """Delete those of *topics* that exist, with their records and what groups committed."""
        await self._ask(functools.partial(_delete, topics=topics), None)

    async def close(self) -> None:
        """Disconnect; does nothing the second time."""
        if self._started:
            self._started = False
            await self._thread.leave()

    async def _ask(self, question: Callable[[sqlite3.Connection], T], without: T) -> T:
        if not self._started:
            self._thread.use()
            self._started = True
        try:
            return await self._thread.run(question)
        except MissingFileError:
            return without


def _members(connection: sqlite3.Connection, now: float) -> dict[str, int]:
    rows = connection.execute(
        "SELECT grp, count(*) FROM member WHERE lease_until > ? GROUP BY grp", (now,)
    )
    return dict(rows)


def _readers(connection: sqlite3.Connection) -> Mapping[str, frozenset[str]]:
    found: defaultdict[str, set[str]] = defaultdict(set)
    rows = connection.execute(
        "SELECT DISTINCT topic, grp FROM partition JOIN ownership USING (log) "
        "WHERE ownership.next IS NOT NULL"
    )
    for topic, group in rows:
        found[topic].add(group)
    return {topic: frozenset(groups) for topic, groups in found.items()}


def _facts(connection: sqlite3.Connection) -> Mapping[str, TopicFacts]:
    rows = connection.execute("SELECT name, partitions, retention_ms FROM topic ORDER BY name")
    return {
        name: TopicFacts(
            partitions=partitions,
            retention_hours=None if kept is None else kept / HOUR_MILLISECONDS,
        )
        for name, partitions, kept in rows
    }


def _delete(connection: sqlite3.Connection, topics: Sequence[str]) -> None:
    with writing(connection):
        for topic in topics:
            logs = connection.execute("SELECT log FROM partition WHERE topic = ?", (topic,))
            for (log,) in logs.fetchall():
                bounds = (log << OFFSET_BITS, (log + 1) << OFFSET_BITS)
                connection.execute("DELETE FROM record WHERE id >= ? AND id < ?", bounds)
                connection.execute("DELETE FROM ownership WHERE log = ?", (log,))
            connection.execute("DELETE FROM partition WHERE topic = ?", (topic,))
            connection.execute("DELETE FROM topic WHERE name = ?", (topic,))


def _find(  # noqa: PLR0913 - where to search, and for what
    connection: sqlite3.Connection,
    topic: str,
    number: int,
    start: int,
    stop: int,
    needles: Sequence[bytes],
    most: int,
) -> list[Record]:
    row = connection.execute(
        "SELECT log FROM partition WHERE topic = ? AND number = ?", (topic, number)
    ).fetchone()
    if row is None:
        return []
    base = row[0] << OFFSET_BITS
    parts = [f"instr({column}, ?{at + 4})" for at in range(len(needles)) for column in _SEARCHED]
    rows = connection.execute(
        "SELECT id FROM record WHERE id >= ?1 AND id < ?2 AND "  # noqa: S608 - names of columns alone
        f"({' OR '.join(parts)}) ORDER BY id LIMIT ?3",
        (base + start, base + stop, most, *needles),
    ).fetchall()
    found: list[Record] = []
    for (at,) in rows:
        (records,) = read(connection, [Wanted(topic, number, row[0], at - base)], 1)
        found += records
    return found


_SEARCHED = ("value", "key", "headers")
