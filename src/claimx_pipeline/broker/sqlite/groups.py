"""Groups of the embedded broker: who owns which partition, and how far each group is.

Plain functions on a connection; they block, so they run in the broker's own thread. A
member holds a lease; a partition has an epoch that grows with every change of owner, and
a commit names the epoch it was given. A lease that ran out therefore costs at most
records read twice: the commit of a slow member is refused.
"""

from __future__ import annotations

import os
import socket
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
from attrs import frozen

from claimx_pipeline.broker.naming import has_members
from claimx_pipeline.broker.sqlite.file import writing
from claimx_pipeline.errors import BrokerError, UnknownTopicError

_topics = msgspec.json.Decoder(frozenset[str])


@frozen
class Process:
    """A process, so that others can see that it has ended before its lease runs out."""

    machine: str
    pid: int
    started: int
    """When it was started, in the kernel's units; tells a process from a later one."""

    @classmethod
    def this(cls) -> Process:
        """Return the running process."""
        return cls(_machine(), os.getpid(), _started(os.getpid()))

    def has_ended(self) -> bool:
        """Return whether it has certainly ended; False if it runs on a machine we cannot see."""
        if self.machine != _machine():
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            return False
        return _started(self.pid) != self.started


@frozen
class Member:
    """One consumer of a group."""

    group: str
    name: str
    topics: tuple[str, ...]
    process: Process


@frozen
class Owned:
    """A partition that a member owns."""

    topic: str
    partition: int
    log: int
    epoch: int
    committed: int | None
    begin: int


@frozen
class Balance:
    """What a member owns now."""

    generation: int
    owned: tuple[Owned, ...]
    surplus: frozenset[int]
    """Logs of partitions that should go to another member."""


def generation(connection: sqlite3.Connection, group: str) -> int:
    """Return a number that grows whenever members or owners of *group* change."""
    row = connection.execute(
        "SELECT generation FROM consumer_group WHERE name = ?", (group,)
    ).fetchone()
    return row[0] if row else 0


def balance(connection: sqlite3.Connection, me: Member, now: float, lease: float) -> Balance:
    """Renew the lease of *me*, take its fair share of what is free, return what it owns.

    Args:
        connection: The file.
        me: The member.
        now: Seconds since 1970 UTC.
        lease: Seconds that the lease lasts.

    Raises:
        UnknownTopicError: One of its topics does not exist.
    """
    with writing(connection):
        changed = _renew(connection, me, now, lease)
        members = {
            name: _topics.decode(topics)
            for name, topics in connection.execute(
                "SELECT name, topics FROM member WHERE grp = ? ORDER BY seq", (me.group,)
            )
        }
        owned, surplus = [], set()
        for index, row in enumerate(_partitions(connection, me, members)):
            topic, number, log, begin, owner, epoch, committed = row
            sharing = [name for name, reads in members.items() if topic in reads]
            mine = sharing[index % len(sharing)] == me.name
            if mine and (owner is None or owner not in members):
                epoch, owner, changed = (epoch or 0) + 1, me.name, True
                connection.execute(
                    "INSERT INTO ownership VALUES (?, ?, ?, ?, NULL) "
                    "ON CONFLICT DO UPDATE SET owner = excluded.owner, epoch = excluded.epoch",
                    (me.group, log, owner, epoch),
                )
            if owner == me.name:
                owned.append(Owned(topic, number, log, epoch or 0, committed, begin))
                if not mine:
                    surplus.add(log)
        if changed:
            _next_generation(connection, me.group)
        return Balance(generation(connection, me.group), tuple(owned), frozenset(surplus))


def release(connection: sqlite3.Connection, me: Member, owned: Sequence[Owned]) -> None:
    """Release *owned*; partitions that another member took meanwhile stay its own."""
    with writing(connection):
        connection.executemany(
            "UPDATE ownership SET owner = NULL "
            "WHERE grp = ? AND log = ? AND owner = ? AND epoch = ?",
            [(me.group, own.log, me.name, own.epoch) for own in owned],
        )
        _next_generation(connection, me.group)


def leave(connection: sqlite3.Connection, me: Member) -> None:
    """Release all partitions and leave the group."""
    with writing(connection):
        connection.execute(
            "UPDATE ownership SET owner = NULL WHERE grp = ? AND owner = ?", (me.group, me.name)
        )
        connection.execute("DELETE FROM member WHERE grp = ? AND name = ?", (me.group, me.name))
        _next_generation(connection, me.group)


def commit(
    connection: sqlite3.Connection, me: Member, positions: Sequence[tuple[int, int, int]]
) -> list[int]:
    """Store positions, given as (log, epoch, next offset); return the logs refused."""
    refused = []
    with writing(connection):
        for log, epoch, after in positions:
            changed = connection.execute(
                "UPDATE ownership SET next = ? "
                "WHERE grp = ? AND log = ? AND owner = ? AND epoch = ?",
                (after, me.group, log, me.name, epoch),
            )
            if changed.rowcount != 1:
                refused.append(log)
    return refused


def committed(connection: sqlite3.Connection, group: str, topic: str) -> dict[int, int]:
    """Return, by partition, what *group* committed; partitions without are left out."""
    return dict(
        connection.execute(
            "SELECT number, ownership.next FROM partition JOIN ownership USING (log) "
            "WHERE grp = ? AND topic = ? AND ownership.next IS NOT NULL ORDER BY number",
            (group, topic),
        )
    )


def count_members(connection: sqlite3.Connection, group: str, now: float) -> int:
    """Return how many members of *group* have a lease at *now*, seconds since 1970 UTC."""
    question = "SELECT count(*) FROM member WHERE grp = ? AND lease_until >= ?"
    return int(connection.execute(question, (group, now)).fetchone()[0])


def topics_of(connection: sqlite3.Connection, group: str) -> frozenset[str]:
    """Return the topics of which *group* has committed an offset."""
    rows = connection.execute(
        "SELECT DISTINCT topic FROM partition JOIN ownership USING (log) "
        "WHERE grp = ? AND ownership.next IS NOT NULL",
        (group,),
    )
    return frozenset(topic for (topic,) in rows)


def set_offsets(
    connection: sqlite3.Connection, group: str, topic: str, positions: Mapping[int, int], now: float
) -> None:
    """Store, by partition, the next offset that *group* reads.

    Args:
        connection: The file.
        group: A group without members.
        topic: The topic.
        positions: Partition to offset.
        now: Seconds since 1970 UTC.

    Raises:
        UnknownTopicError: The topic, or a partition of it, does not exist.
        BrokerError: The group has members.
    """
    with writing(connection):
        members = connection.execute(
            "SELECT machine, pid, started, lease_until FROM member WHERE grp = ?", (group,)
        )
        for machine, pid, started, until in members:
            if until >= now and not Process(machine, pid, started).has_ended():
                raise BrokerError(has_members(group))
        logs = dict(
            connection.execute("SELECT number, log FROM partition WHERE topic = ?", (topic,))
        )
        if not positions.keys() <= logs.keys():
            raise UnknownTopicError(topic)
        # The epoch grows, so that a member which only seemed to have ended commits nothing here.
        connection.executemany(
            "INSERT INTO ownership VALUES (?, ?, NULL, 1, ?) ON CONFLICT DO UPDATE "
            "SET owner = NULL, epoch = epoch + 1, next = excluded.next",
            [(group, logs[number], after) for number, after in positions.items()],
        )
        _next_generation(connection, group)


def _renew(connection: sqlite3.Connection, me: Member, now: float, lease: float) -> bool:
    """Renew the lease of *me*, remove members that have ended; return whether members changed."""
    others = connection.execute(
        "SELECT name, machine, pid, started, lease_until FROM member WHERE grp = ? AND name != ?",
        (me.group, me.name),
    ).fetchall()
    dead = [
        (me.group, name)
        for name, machine, pid, started, until in others
        if until < now or Process(machine, pid, started).has_ended()
    ]
    connection.executemany("DELETE FROM member WHERE grp = ? AND name = ?", dead)
    renewed = connection.execute(
        "UPDATE member SET lease_until = ? WHERE grp = ? AND name = ?",
        (now + lease, me.group, me.name),
    )
    if renewed.rowcount:
        return bool(dead)
    process = me.process
    connection.execute(
        "INSERT INTO member (grp, name, topics, machine, pid, started, lease_until) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            me.group,
            me.name,
            msgspec.json.encode(me.topics).decode(),
            process.machine,
            process.pid,
            process.started,
            now + lease,
        ),
    )
    return True


def _partitions(
    connection: sqlite3.Connection, me: Member, members: Mapping[str, frozenset[str]]
) -> list[tuple[str, int, int, int, str | None, int | None, int | None]]:
    """Return every partition that some member of the group reads, with its owner.

    All members see the same list in the same order, so their shares fit together.
    """
    read = sorted(frozenset().union(*members.values()))
    marks = ",".join("?" * len(read))
    rows = connection.execute(
        "SELECT topic, number, log, begin, owner, epoch, ownership.next FROM partition "  # noqa: S608 - question marks only
        "LEFT JOIN (SELECT * FROM ownership WHERE grp = ?) ownership USING (log) "
        f"WHERE topic IN ({marks}) ORDER BY topic, number",
        (me.group, *read),
    ).fetchall()
    existing = {row[0] for row in rows}
    for topic in me.topics:
        if topic not in existing:
            raise UnknownTopicError(topic)
    return rows


def _next_generation(connection: sqlite3.Connection, group: str) -> None:
    connection.execute(
        "INSERT INTO consumer_group VALUES (?, 1) "
        "ON CONFLICT DO UPDATE SET generation = generation + 1",
        (group,),
    )


def _machine() -> str:
    """Name what a process id is unique in: a host, and on Linux a namespace within it."""
    namespace = Path("/proc/self/ns/pid")
    return f"{socket.gethostname()} {namespace.readlink() if namespace.is_symlink() else ''}"


def _started(pid: int) -> int:
    """Return the start time of a process in the kernel's units; 0 where it is not known."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0
    # Field 22; the second one, the name, may hold spaces (man 5 proc).
    return int(stat.rpartition(")")[2].split()[19])
