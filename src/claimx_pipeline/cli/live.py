"""One line at the bottom of a terminal that says how far the workers, or a command, are."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, redirect_stderr
from io import TextIOBase
from typing import TYPE_CHECKING, TextIO

from attrs import define, field

from claimx_pipeline.errors import BrokerError
from claimx_pipeline.hooks.drawing import terminal_width
from claimx_pipeline.hooks.manner import manner
from claimx_pipeline.hooks.output import note

if TYPE_CHECKING:
    from claimx_pipeline.clock import Clock
    from claimx_pipeline.operations import Progress, Running, WorkerRun

SECONDS = 0.5
"""Between two looks at the broker."""
INTERVAL_SECONDS = 10.0
"""Between two lines of a command that is not on a terminal."""
CLEAR = "\r\x1b[K"


@define(eq=False, slots=False)
class LiveLine(TextIOBase):
    """A stream whose lines scroll by above one that is replaced."""

    stream: TextIO
    _shown: bool = field(default=False, init=False)

    def show(self, text: str) -> None:
        """Replace the line by *text*, cut to the terminal; an empty one is removed."""
        if text or self._shown:
            self.stream.write(CLEAR + text[: terminal_width() - 1])
            self.stream.flush()
        self._shown = bool(text)

    def write(self, text: str) -> int:
        """Write *text* where the line was; the line comes again with the next look."""
        self.show("")
        self.stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush what is below."""
        self.stream.flush()

    def isatty(self) -> bool:
        """Return whether a terminal is below."""
        return self.stream.isatty()


@contextmanager
def live_line() -> Iterator[LiveLine | None]:
    """Give the line at the bottom of the terminal; None if there is no terminal, or ``--quiet``.

    What is written to stderr or logged meanwhile scrolls by above it; it is removed at the end.
    """
    if manner.quiet or not sys.stderr.isatty():
        yield None
        return
    line = LiveLine(sys.stderr)
    handlers = [
        each
        for each in logging.getLogger().handlers
        if isinstance(each, logging.StreamHandler) and each.stream is sys.stderr
    ]
    for handler in handlers:
        handler.setStream(line)
    try:
        with redirect_stderr(line):
            yield line
    finally:
        line.show("")
        for handler in handlers:
            handler.setStream(line.stream)


@contextmanager
def following(clock: Clock) -> Iterator[Callable[[str], None]]:
    """Give what shows how far a command is: in the live line, or by a line at intervals elsewhere.

    A command that is done before the first interval ends prints none.

    Args:
        clock: Says when an interval ends.
    """
    due = clock.monotonic() + INTERVAL_SECONDS
    with live_line() as line:

        def say(text: str) -> None:
            nonlocal due
            if line is not None:
                line.show(text)
            elif clock.monotonic() >= due:
                note(text)
                due = clock.monotonic() + INTERVAL_SECONDS

        yield say


@asynccontextmanager
async def live(run: Running, clock: Clock) -> AsyncIterator[None]:
    """Show on a terminal, while the block runs, how far the workers of *run* are."""
    with live_line() as line:
        if line is None:
            yield
            return
        ticking = asyncio.create_task(_tick(line, run, clock))
        try:
            yield
        finally:
            ticking.cancel()
            await asyncio.gather(ticking, return_exceptions=True)


async def _tick(line: LiveLine, run: Running, clock: Clock) -> None:
    """Look at the broker again and again; nothing is shown while it does not answer."""
    began, before = clock.monotonic(), _records(run.done())
    while True:
        try:
            left = await run.progress()
        except BrokerError:
            line.show("")
        else:
            done = run.done()
            rate = (_records(done) - before) / max(1, clock.monotonic() - began)
            line.show(sentence(done, left, rate))
        await clock.sleep(SECONDS)


def sentence(done: Sequence[WorkerRun], left: Progress, rate: float) -> str:
    """Return what the line says: what was done, how many a second, what is left for whom."""
    parts = [f"{_records(done)} records", *([f"{rate:.0f}/s"] if rate else [])]
    for count, what in (
        (sum(each.retried for each in done), "to be retried"),
        (sum(each.waiting for each in done), "waiting"),
        (sum(each.dead for each in done), "dead"),
    ):
        parts += [f"{count} {what}"] if count else []
    lagging = [f"{name} {lag}" for name, lag in left.lag.items() if lag]
    return f"{', '.join(parts)}; left: {', '.join(lagging) or 'nothing'}"


def _records(done: Sequence[WorkerRun]) -> int:
    """Return how many records all workers dealt with; each counts one of its own."""
    return sum(each.records for each in done)
