"""A member of a consumer group of the embedded broker."""

from __future__ import annotations

import asyncio
import functools
import logging
import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence

from attrs import define, field

from claimx_pipeline.broker.naming import describe
from claimx_pipeline.broker.protocol import Assignment, OnRevoked, PolledBatch
from claimx_pipeline.broker.sqlite import groups as sqlite_groups
from claimx_pipeline.broker.sqlite.groups import Member, Owned
from claimx_pipeline.broker.sqlite.log import Wanted, read
from claimx_pipeline.broker.sqlite.thread import MissingFileError, SqliteThread
from claimx_pipeline.clock import Clock
from claimx_pipeline.errors import BrokerError, FencedError, UnknownTopicError

TICK_SECONDS = 0.1
"""How often a member looks whether others joined or left."""
RENEWALS_PER_LEASE = 3
REVOKE_SHARE = 0.6
"""Share of a lease that ``on_revoked`` may take."""

_log = logging.getLogger(__name__)


@define(eq=False)
class SqliteConsumer:
    """Reads topics as a member of a group.

    Partitions change their owner one by one: those that a member keeps keep their epoch, and
    ``on_revoked`` gets the others only.
    """

    _thread: SqliteThread
    _clock: Clock
    _lease: float
    _me: Member
    _on_revoked: OnRevoked | None = None
    _owned: dict[Assignment, Owned] = field(factory=dict, init=False)
    _next: dict[Assignment, int] = field(factory=dict, init=False)
    _paused: set[Assignment] = field(factory=set, init=False)
    _generation: int = field(default=-1, init=False)
    _file: int = field(default=0, init=False)
    """Which file the partitions are of: a replaced one has others of the same names."""
    _renew_at: float = field(default=0.0, init=False)
    _turn: int = field(default=0, init=False)
    _resumed: int = field(default=0, init=False)
    _drained: tuple[int, int] = field(default=(-1, -1), init=False)
    """State in which nothing was left to read; the same state again needs no look."""
    _lease_task: asyncio.Task[None] | None = field(default=None, init=False)
    _started: bool = field(default=False, init=False)

    async def start(self) -> None:
        """Join the group.

        Raises:
            UnknownTopicError: A topic does not exist; nothing is created.
        """
        self._thread.use()
        self._started = True
        try:
            await self._balance()
        except MissingFileError as error:
            await self.close()
            raise UnknownTopicError(self._me.topics[0]) from error
        except BaseException:
            await self.close()
            raise
        self._lease_task = asyncio.create_task(self._keep_lease(), name=f"lease of {self._me.name}")

    async def poll(
        self,
        *,
        max_records: int,
        timeout: float,  # noqa: ASYNC109 - the protocol's
        without: Collection[Assignment] = (),
    ) -> Sequence[PolledBatch]:
        """Return up to *max_records* new records, waiting *timeout* seconds at most.

        Raises:
            UnknownTopicError: The file with the topics does not exist any more.
        """
        if self._lease_task is None:
            raise BrokerError("the consumer is not started, or is closed")
        if self._lease_task.done():
            # It ends only by an unexpected error, and without it the lease is not renewed.
            self._lease_task.result()
        try:
            return await self._poll(max_records, timeout, without)
        except MissingFileError as error:
            raise UnknownTopicError(self._me.topics[0]) from error

    async def _poll(
        self, max_records: int, seconds: float, without: Collection[Assignment]
    ) -> Sequence[PolledBatch]:
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while True:
            if self._file != self._thread.file:
                await self._balance()
            state = (self._thread.changes, self._resumed)
            if state != self._drained:
                if (batches := await self._read(max_records, without)) or without:
                    return batches
                self._drained = state
            if without or (left := end - loop.time()) <= 0:
                return []
            # Also woken by a tick: a resumed or newly owned partition is not a change of the file.
            await self._thread.wait_for_change(state[0], min(left, TICK_SECONDS))

    async def commit(self, positions: Mapping[Assignment, int]) -> None:
        """Store the next offset to read of each partition.

        Raises:
            FencedError: One of the assignments is not current any more.
            UnknownTopicError: The file with the topics does not exist any more.
        """
        current = {a: (self._owned[a], after) for a, after in positions.items() if a in self._owned}
        refused: list[int] = []
        if current:
            wanted = [(own.log, own.epoch, after) for own, after in current.values()]
            work = functools.partial(sqlite_groups.commit, me=self._me, positions=wanted)
            try:
                refused = await self._thread.run(work)
            except MissingFileError as error:
                raise UnknownTopicError(next(iter(current)).topic) from error
        for assignment in positions:
            if assignment not in current or current[assignment][0].log in refused:
                raise FencedError(assignment.topic, assignment.partition)

    def assignments(self) -> frozenset[Assignment]:
        """Return the partitions owned now."""
        return frozenset(self._owned)

    def pause(self, assignments: Iterable[Assignment]) -> None:
        """Stop returning records of these partitions; those not owned now are left out."""
        self._paused.update(self._owned.keys() & set(assignments))

    def resume(self, assignments: Iterable[Assignment]) -> None:
        """Return records of these partitions again."""
        self._paused.difference_update(assignments)
        self._resumed += 1

    async def close(self) -> None:
        """Leave the group; does nothing the second time."""
        if not self._started:
            return
        self._started = False
        task, self._lease_task = self._lease_task, None
        if task is not None:
            task.cancel()
            await asyncio.wait({task})
        self._forget(tuple(self._owned))
        try:
            await self._thread.run(functools.partial(sqlite_groups.leave, me=self._me), notify=True)
        except MissingFileError:
            _log.debug("group %s: left before there was a file", self._me.group)
        finally:
            await self._thread.leave()

    async def _read(self, max_records: int, without: Collection[Assignment]) -> list[PolledBatch]:
        reading = [a for a in self._owned if a not in self._paused and a not in without]
        if not reading:
            return []
        # Each call begins with another partition, so that a busy one starves none.
        self._turn = (self._turn + 1) % len(reading)
        reading = reading[self._turn :] + reading[: self._turn]
        wanted = [Wanted(a.topic, a.partition, self._owned[a].log, self._next[a]) for a in reading]
        found = await self._thread.run(functools.partial(read, wanted=wanted, limit=max_records))
        batches: list[PolledBatch] = []
        if self._file != self._thread.file:
            return batches  # of another file
        for assignment, records in zip(reading, found, strict=True):
            # It may have been revoked or paused while the thread was reading.
            if records and assignment in self._owned and assignment not in self._paused:
                self._next[assignment] = records[-1].offset + 1
                batches.append(PolledBatch(assignment, records))
        return batches

    async def _keep_lease(self) -> None:
        """Renew the lease, and rebalance when other members join or leave."""
        seen = -1
        while True:
            await self._clock.sleep(TICK_SECONDS)
            try:
                if self._clock.monotonic() < self._renew_at:
                    if seen == self._thread.changes:
                        continue
                    seen = self._thread.changes
                    if await self._thread.run(self._read_generation) == self._generation:
                        continue
                await self._balance()
            except BrokerError as error:
                # The lease may run out meanwhile, which the epochs make harmless.
                _log.warning("group %s: lease not renewed: %s", self._me.group, error)

    async def _balance(self) -> None:
        now = self._clock.now().timestamp()
        self._renew_at = self._clock.monotonic() + self._lease / RENEWALS_PER_LEASE
        found = await self._thread.run(
            functools.partial(sqlite_groups.balance, me=self._me, now=now, lease=self._lease),
            notify=True,
        )
        if self._file != self._thread.file:
            self._forget(tuple(self._owned))
            self._file = self._thread.file
        self._generation = found.generation
        current = {Assignment(own.topic, own.partition, own.epoch): own for own in found.owned}
        if lost := tuple(a for a in self._owned if a not in current):
            await self._revoke(lost)
        self._take(current)
        if surplus := tuple(a for a, own in current.items() if own.log in found.surplus):
            await self._revoke(surplus)
            released = [current[a] for a in surplus]
            await self._thread.run(
                functools.partial(sqlite_groups.release, me=self._me, owned=released), notify=True
            )

    async def _revoke(self, leaving: tuple[Assignment, ...]) -> None:
        try:
            if self._on_revoked is not None:
                async with asyncio.timeout(self._lease * REVOKE_SHARE):
                    await self._on_revoked(leaving)
        except TimeoutError:
            _log.warning("group %s: revoking %s took too long", self._me.group, describe(leaving))
        except Exception:  # noqa: BLE001 - whatever failed, the partitions are revoked
            _log.exception("group %s: revoking %s failed", self._me.group, describe(leaving))
        finally:
            self._forget(leaving)

    def _forget(self, leaving: tuple[Assignment, ...]) -> None:
        for assignment in leaving:
            self._owned.pop(assignment, None)
            self._next.pop(assignment, None)
            self._paused.discard(assignment)

    def _take(self, current: Mapping[Assignment, Owned]) -> None:
        fresh = {a: own for a, own in current.items() if a not in self._owned}
        if not fresh:
            return
        self._owned.update(fresh)
        for assignment, own in fresh.items():
            self._next[assignment] = max(own.begin, own.committed or 0)
        self._resumed += 1
        _log.info("group %s owns %s", self._me.group, describe(self._owned))
        if earliest := [a for a, own in fresh.items() if own.committed is None]:
            _log.info(
                "group %s has no offset for %s and starts at the earliest record",
                self._me.group,
                describe(earliest),
            )

    def _read_generation(self, connection: sqlite3.Connection) -> int:
        return sqlite_groups.generation(connection, self._me.group)
