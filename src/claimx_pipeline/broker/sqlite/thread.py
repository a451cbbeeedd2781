"""The one thread that touches the file of the embedded broker.

SQLite blocks, and a connection belongs to one thread. The event loop hands in functions
and awaits their results; while idle the thread looks whether another process changed the
file and wakes those who wait for a change.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

from attrs import define, field

from claimx_pipeline.broker.sqlite.file import opened
from claimx_pipeline.broker.sqlite.log import delete_expired
from claimx_pipeline.clock import Clock
from claimx_pipeline.errors import BrokerError, BrokerUnavailableError, ClaimxError
from claimx_pipeline.system_errors import reason_of

LOOK_SECONDS = (0.002, 0.02)
"""How often the thread looks for changes of other processes: after one, and when idle."""
LOOK_GROWTH = 1.25
PASSING = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_PERM,
    }
)
"""Primary result codes that are about the surroundings, not about the file."""
PRIMARY = 0xFF
"""The primary code is the low byte: https://sqlite.org/rescode.html."""

_log = logging.getLogger(__name__)

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], Any]


FILE_SECONDS = 1.0
"""How often an idle thread looks whether the file is still the one that it has opened."""


class MissingFileError(BrokerError):
    """There is no embedded broker in the file yet, or not any more."""


@define
class _Job:
    work: Work
    create: bool
    notify: bool
    result: Future[Any]


@define(eq=False)
class SqliteThread:
    """Runs while it is used: from the first ``use`` to the last ``leave``."""

    _path: Path
    _deadline: float
    _clock: Clock
    _tidy_seconds: float
    _jobs: queue.SimpleQueue[_Job | None] = field(factory=queue.SimpleQueue, init=False)
    _users: int = field(default=0, init=False)
    _ended: Future[None] | None = field(default=None, init=False)
    _changes: int = field(default=0, init=False)
    _file: int = field(default=0, init=False)
    _lock: threading.Lock = field(factory=threading.Lock, init=False)
    _waiting: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = field(
        factory=list, init=False
    )

    @property
    def changes(self) -> int:
        """A number that grows with every change of the file."""
        return self._changes

    @property
    def file(self) -> int:
        """A number that grows when another file is opened, since the one before was replaced."""
        return self._file

    def use(self) -> None:
        """Start the thread unless it runs already; call it from the event loop."""
        self._users += 1
        if self._users == 1:
            self._jobs = queue.SimpleQueue()
            ended = self._ended = Future()
            # Who stops waiting for the end must not cancel it: the thread still reports it.
            ended.set_running_or_notify_cancel()
            threading.Thread(
                target=self._run, args=(self._jobs, ended), name="sqlite-broker", daemon=True
            ).start()

    async def leave(self) -> None:
        """End the thread, and close the file, if it has no other user."""
        self._users -= 1
        if self._users == 0 and self._ended is not None:
            self._jobs.put(None)
            await self._answer(asyncio.wrap_future(self._ended))

    async def run(
        self,
        work: Callable[[sqlite3.Connection], T],
        *,
        create: bool = False,
        notify: bool = False,
    ) -> T:
        """Return what *work* returns when it is given the connection.

        Args:
            work: Blocks; runs in the thread, one at a time.
            create: Make the file if it is missing.
            notify: Wake those who wait for a change.

        Raises:
            MissingFileError: There is no file, and *create* is false.
            BrokerUnavailableError: No result within the deadline; the work may still be done later.
        """
        job = _Job(work, create, notify, Future())
        self._jobs.put(job)
        answer: T = await self._answer(asyncio.wrap_future(job.result))
        return answer

    async def wait_for_change(self, seen: int, seconds: float) -> None:
        """Return when the file changed since ``changes`` was *seen*, or after *seconds*."""
        event = asyncio.Event()
        waiter = (asyncio.get_running_loop(), event)
        with self._lock:
            if self._changes != seen:
                return
            self._waiting.append(waiter)
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await event.wait()
        finally:
            with self._lock, contextlib.suppress(ValueError):
                self._waiting.remove(waiter)

    async def _answer(self, future: asyncio.Future[T]) -> T:
        try:
            async with asyncio.timeout(self._deadline):
                return await future
        except TimeoutError as error:
            raise BrokerUnavailableError(
                f"the embedded broker {str(self._path)!r} did not answer within "
                f"{self._deadline:g} s; another process may hold it, or the disk is too slow"
            ) from error

    def _run(self, jobs: queue.SimpleQueue[_Job | None], ended: Future[None]) -> None:
        file = _File(self._path, self._deadline)
        pause, tidy_at, file_at = LOOK_SECONDS[0], 0.0, 0.0
        try:
            while True:
                try:
                    job = jobs.get(timeout=pause)
                except queue.Empty:
                    pause = min(pause * LOOK_GROWTH, LOOK_SECONDS[1])
                else:
                    if job is None:
                        return
                    self._look_at(file)
                    file.do(job)
                    if job.notify:
                        self._wake()
                if time.monotonic() >= file_at:
                    file_at = time.monotonic() + FILE_SECONDS
                    self._look_at(file)
                if file.changed_by_others():
                    pause = LOOK_SECONDS[0]
                    self._wake()
                if time.monotonic() >= tidy_at:
                    more = file.tidy(round(self._clock.now().timestamp() * 1000))
                    tidy_at = time.monotonic() + (0.0 if more else self._tidy_seconds)
        finally:
            file.close()
            ended.set_result(None)

    def _look_at(self, file: _File) -> None:
        """See that *file* is still the one at its path; costs a call of the system."""
        if file.was_replaced():
            self._file += 1
            self._wake()

    def _wake(self) -> None:
        with self._lock:
            self._changes += 1
            waiting, self._waiting = self._waiting, []
        for loop, event in waiting:
            # A loop that is closed by now has no task to wake.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(event.set)


@define
class _File:
    """The connection; lives in the thread."""

    path: Path
    busy_seconds: float
    connection: sqlite3.Connection | None = None
    version: int = 0
    identity: tuple[int, int] | None = None
    """Device and inode of what was opened; no other file has them while it is open."""

    def do(self, job: _Job) -> None:
        """Run *job* and hand its result over."""
        if not job.result.set_running_or_notify_cancel():
            return
        try:
            job.result.set_result(job.work(self._opened(create=job.create)))
        except (sqlite3.Error, OSError) as error:
            job.result.set_exception(self._translated(error))
        except Exception as error:  # noqa: BLE001 - handed to the caller of the job
            job.result.set_exception(error)

    def changed_by_others(self) -> bool:
        """Return whether another connection changed the file since the last call."""
        if self.connection is None:
            return False
        seen = self.version
        try:
            (self.version,) = self.connection.execute("PRAGMA data_version").fetchone()
        except sqlite3.Error:
            # The next reader meets the error and raises it to its caller.
            return True
        return seen != self.version

    def was_replaced(self) -> bool:
        """Return whether the open file is not at its path any more, and close it if so.

        What is written to a deleted file is acknowledged and lost.
        """
        if self.connection is None or self.identity == _identity(self.path):
            return False
        _log.error("the embedded broker %r was deleted or replaced", str(self.path))
        self.close()
        return True

    def tidy(self, now: int) -> bool:
        """Delete some of what is too old; return whether there is more."""
        if self.connection is None:
            return False
        try:
            return delete_expired(self.connection, now)
        except sqlite3.Error as error:
            # Nothing is lost by trying again later.
            _log.warning("old records not deleted: %s", self._translated(error))
            return False

    def close(self) -> None:
        """Close the file."""
        if self.connection is not None:
            self.connection.close()
            self.connection = self.identity = None

    def _opened(self, *, create: bool) -> sqlite3.Connection:
        if self.connection is None:
            self.connection = opened(self.path, create=create, busy_seconds=self.busy_seconds)
            self.identity = _identity(self.path) if self.connection is not None else None
        if self.connection is None:
            raise MissingFileError(f"there is no embedded broker in {str(self.path)!r} yet")
        return self.connection

    def _translated(self, error: sqlite3.Error | OSError) -> ClaimxError:
        if isinstance(error, OSError):
            said = f"the embedded broker {str(self.path)!r} cannot be used: {reason_of(error)}"
            return BrokerError(f"{said}; correct broker.url, or see to it that it can be written")
        code = getattr(error, "sqlite_errorcode", 0) & PRIMARY
        if code in PASSING:
            return BrokerUnavailableError(
                f"the embedded broker {str(self.path)!r} cannot be used now: {error}"
            )
        return BrokerError(f"the embedded broker {str(self.path)!r} failed: {error}")


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
