"""The processes of a pipeline under attack: killed, frozen, joined by others, started again."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from collections.abc import Container, Sequence
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from attrs import define, field

from tests.faults.nursery import Child, Nursery

MOST_EXTRA = 3
"""Processes beside those that every worker has: so a group has one to four members."""

ENDED_BY_US = {0, -signal.SIGKILL, -signal.SIGTERM}
BROKER_GONE = ("cannot be reached", "did not answer within", "is not ready")
"""What a worker says that was started while there was no broker."""
LOSSES = ("revoking", "worked on there", "joins its group anew", "did not finish within")
"""What a worker says when it lost partitions whose records were under way."""


@define
class Member:
    """One process."""

    child: Child
    workers: tuple[str, ...]
    base: bool
    """It is started again when it was killed: no worker is without a process for long."""
    since: datetime
    frozen: bool = False
    leaving: bool = False


@define
class Loss:
    """Something that may make a worker do again what it has done."""

    workers: frozenset[str]
    begun: datetime
    ended: datetime
    survived: bool = True
    """Whoever lost them went on, and may have finished what others had finished."""


@define
class Crew:
    """All processes of one run."""

    nursery: Nursery
    folder: Path
    workers: Sequence[str]
    chance: Random
    apart: Sequence[Sequence[str]] = ()
    """Workers that share processes with none but each other; if not given, all may share one."""
    members: list[Member] = field(factory=list)
    past: list[Member] = field(factory=list)
    done: Counter[str] = field(factory=Counter)
    """How often what was done."""
    losses: list[Loss] = field(factory=list)
    outages: list[tuple[datetime, datetime]] = field(factory=list)
    """When the broker was away."""

    def start_all(self, processes: int) -> None:
        """Start every worker, spread over *processes* at random, of each of those apart."""
        for workers in self._sharing():
            shuffled = list(workers)
            self.chance.shuffle(shuffled)
            for number in range(processes):
                self._start(shuffled[number::processes], base=True)

    def _sharing(self) -> Sequence[Sequence[str]]:
        return self.apart or [self.workers]

    def _start(self, workers: Sequence[str], *, base: bool) -> None:
        child = self.nursery.start("worker", *workers, cwd=self.folder)
        self.members.append(Member(child, tuple(workers), base, now()))

    async def kill(self, spared: Container[str] = ()) -> None:
        """``kill -9`` one process at random; a base one is started again, now or a little later.

        Args:
            spared: Workers whose processes are left alone.
        """
        able = [m for m in self._at_work() if not any(name in spared for name in m.workers)]
        if not able:
            return
        member = self.chance.choice(able)
        at = now()
        member.leaving = True  # whoever looks meanwhile is not to find it ended
        await asyncio.to_thread(member.child.kill)
        if member.child.code != -signal.SIGKILL:
            member.leaving = False
            self.check()  # it has ended by itself just before
            return
        self._retire(member)
        self.losses.append(Loss(frozenset(member.workers), at, now(), survived=False))
        self.done["kills"] += 1
        if member.base:
            await asyncio.sleep(self.chance.choice([0, 0, self.chance.uniform(0, 1)]))
            self._start(member.workers, base=True)

    async def join(self) -> None:
        """Let one more process join some groups."""
        if sum(not member.base for member in self.members) < MOST_EXTRA:
            workers = list(self.chance.choice(self.apart) if self.apart else self.workers)
            count = self.chance.randint(1, len(workers))
            self._start(self.chance.sample(workers, count), base=False)
            self.done["rebalances"] += 1

    async def leave(self) -> None:
        """Let a process that has joined leave in peace."""
        extra = [m for m in self.members if not (m.base or m.frozen)]
        if extra:
            member = self.chance.choice(extra)
            member.leaving = True
            await asyncio.to_thread(end, member.child)
            self._retire(member)
            self.done["rebalances"] += 1

    async def freeze(self, seconds: float) -> None:
        """Stop a process for so long that it loses its partitions, and never tell it."""
        others = self._at_work()
        if len(others) < 2:
            return  # somebody has to be left, to be killed and to take over
        member = self.chance.choice(others)
        at = now()
        member.frozen = True
        member.child.send(signal.SIGSTOP)
        self.done["zombies"] += 1
        await asyncio.sleep(seconds)
        member.child.send(signal.SIGCONT)
        member.frozen = False
        # What it had under way when it was stopped it now finishes, as another has meanwhile.
        self.losses.append(Loss(frozenset(member.workers), at, now()))

    def check(self) -> None:
        """See that nobody has given up; who could not start without a broker is started again.

        Raises:
            AssertionError: A process has ended by itself.
        """
        for member in list(self.members):
            if member.child.code is None or member.leaving:
                continue
            told = member.child.told()
            assert any(member.since <= ended for _, ended in self.outages), told
            assert any(text in told.splitlines()[-1] for text in BROKER_GONE), (
                member.workers,
                member.child.code,
                told,
            )
            self._retire(member)
            self.losses.append(Loss(frozenset(member.workers), member.since, now()))
            self._start(member.workers, base=member.base)
            self.done["started again"] += 1

    async def stop(self) -> None:
        """Stop all in peace.

        Raises:
            AssertionError: One did not end with 0.
        """
        for member in self.members:
            member.leaving = True
            member.child.send(signal.SIGTERM)
        for member in list(self.members):
            code = await asyncio.to_thread(member.child.wait)
            assert code == 0, (member.workers, code, member.child.told())
            self._retire(member)

    def end(self) -> None:
        """End what a failed run has left."""
        for member in self.members:
            member.child.send(signal.SIGCONT)
            member.child.kill()

    def lost(self, worker: str) -> list[Loss]:
        """Return when *worker* may have had to do something again."""
        told = [
            Loss(frozenset(member.workers), member.since, now())
            for member in (*self.past, *self.members)
            # One that was killed at once has written none.
            if member.child.log.exists()
            and any(word in member.child.log.read_text(errors="replace") for word in LOSSES)
        ]
        away = [Loss(frozenset(self.workers), *outage) for outage in self.outages]
        return [loss for loss in (*self.losses, *told, *away) if worker in loss.workers]

    def _at_work(self) -> list[Member]:
        return [member for member in self.members if not (member.frozen or member.leaving)]

    def _retire(self, member: Member) -> None:
        self.members.remove(member)
        self.past.append(member)


def end(child: Child) -> None:
    """Ask a process to end and wait until it has."""
    child.send(signal.SIGTERM)
    code = child.wait()
    # One that was just starting had not yet asked to be told.
    assert code in ENDED_BY_US, (child.arguments, code, child.told())


def now() -> datetime:
    """Return the time, as the simulator tells it."""
    return datetime.now(UTC)
