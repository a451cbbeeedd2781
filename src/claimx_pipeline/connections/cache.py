"""Answers kept for a while, each asked for once however many want it."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from datetime import datetime
from typing import Generic, TypeVar

import msgspec
from attrs import define, field, frozen
from attrs.validators import ge

from claimx_pipeline.clock import Clock
from claimx_pipeline.telemetry.request_metrics import CacheCounts

T = TypeVar("T")

MOST_BYTES = 8 * 1024 * 1024
"""What a cache keeps at most, as JSON."""

_SIZES = msgspec.json.Encoder(enc_hook=repr)


def _as_it_is(value: T) -> Callable[[], T]:
    return lambda: value


@frozen
class _Kept(Generic[T]):
    value: Callable[[], T]
    asked_at: datetime
    expires: float
    size: int


@define(eq=False)
class _Flight(Generic[T]):
    """A request under way and how many wait for it."""

    task: asyncio.Task[T]
    asked_at: datetime
    waiting: int = 0


@define(eq=False)
class AnswerCache(Generic[T]):
    """Keeps answers by key; belongs to one event loop.

    One request per key is under way at a time, and all who ask meanwhile get its
    answer. Errors go to those who wait and are not kept. The answer unused for longest
    leaves first, and with it those that have expired: neither their number nor their size
    grows with what was ever asked.
    """

    ttl_seconds: float = field(validator=ge(0))
    """0 keeps nothing; requests under way are still shared."""
    entries: int = field(validator=ge(1))
    """Answers kept at most."""
    _clock: Clock
    counts: CacheCounts = field(factory=CacheCounts, kw_only=True)
    """How often it was asked; metrics read it."""
    most_bytes: int = MOST_BYTES
    """Size of the answers kept at most, as JSON."""
    pack: Callable[[T], Callable[[], T]] = field(default=_as_it_is, kw_only=True)
    """Given an answer returns what gives it back: so it can be kept in less memory."""
    _kept: OrderedDict[Hashable, _Kept[T]] = field(factory=OrderedDict, init=False)
    _flights: dict[Hashable, _Flight[T]] = field(factory=dict, init=False)
    _bytes: int = field(default=0, init=False)

    async def get(
        self,
        key: Hashable,
        fetch: Callable[[], Awaitable[T]],
        not_before: datetime | None = None,
    ) -> T:
        """Return the answer of *key*, calling *fetch* if there is none that will do.

        Args:
            key: What is asked for.
            fetch: Asks the service.
            not_before: An answer asked for earlier is not good enough. A time still to
                come counts as now, as another machine's clock may be ahead.

        Raises:
            Exception: What *fetch* raised.
        """
        bound = min(not_before, self._clock.now()) if not_before else None
        while True:
            kept = self._kept.get(key)
            if kept and kept.expires > self._clock.monotonic() and _recent(kept.asked_at, bound):
                self._kept.move_to_end(key)
                self.counts.hits += 1
                return kept.value()
            flight = self._flights.get(key)
            if flight is None or flight.task.done():
                self.counts.misses += 1
                return await self._wait(key, self._start(key, fetch))
            if _recent(flight.asked_at, bound):
                self.counts.shared += 1
                return await self._wait(key, flight)
            await asyncio.wait([flight.task])

    def discard(self, key: Hashable) -> None:
        """Forget the answer of *key*, if there is one."""
        if (kept := self._kept.pop(key, None)) is not None:
            self._bytes -= kept.size

    def _start(self, key: Hashable, fetch: Callable[[], Awaitable[T]]) -> _Flight[T]:
        asked_at = self._clock.now()

        async def run() -> T:
            value = await fetch()
            self._keep(key, value, asked_at)
            return value

        flight = _Flight(asyncio.create_task(run(), name=f"fetch {key}"), asked_at)
        self._flights[key] = flight
        flight.task.add_done_callback(lambda task: self._finished(key, task))
        return flight

    def _finished(self, key: Hashable, task: asyncio.Task[T]) -> None:
        self._forget(key, task)
        if not task.cancelled():
            # Its error reached those who waited; asyncio warns of errors that are not retrieved.
            task.exception()

    def _forget(self, key: Hashable, task: asyncio.Task[T]) -> None:
        flight = self._flights.get(key)
        if flight and flight.task is task:
            del self._flights[key]

    async def _wait(self, key: Hashable, flight: _Flight[T]) -> T:
        flight.waiting += 1
        try:
            # Shielded: one who stops waiting does not take the answer from the others.
            return await asyncio.shield(flight.task)
        finally:
            flight.waiting -= 1
            if not flight.waiting and not flight.task.done():
                # At once, so that no other caller joins what is being cancelled.
                self._forget(key, flight.task)
                flight.task.cancel()

    def _keep(self, key: Hashable, value: T, asked_at: datetime) -> None:
        if self.ttl_seconds <= 0:
            return
        self.discard(key)
        now, size = self._clock.monotonic(), _size(value)
        self._kept[key] = _Kept(self.pack(value), asked_at, now + self.ttl_seconds, size)
        self._bytes += size
        while self._kept and self._is_over(now):
            _, oldest = self._kept.popitem(last=False)
            self._bytes -= oldest.size

    def _is_over(self, now: float) -> bool:
        """Return whether the answer unused for longest has to leave."""
        oldest = next(iter(self._kept.values()))
        too_many = len(self._kept) > self.entries or self._bytes > self.most_bytes
        return too_many or oldest.expires <= now


def _size(value: object) -> int:
    """Return the size of *value* as JSON; 0 for what JSON cannot hold."""
    try:
        return len(_SIZES.encode(value))
    except (TypeError, ValueError, OverflowError, RecursionError):
        return 0


def _recent(asked_at: datetime, bound: datetime | None) -> bool:
    return bound is None or asked_at >= bound
