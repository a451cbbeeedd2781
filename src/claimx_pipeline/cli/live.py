"""One line at the bottom of a terminal that says how far the workers are."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, redirect_stderr
from io import TextIOBase
from typing import TYPE_CHECKING, TextIO

from attrs import define, field

from claimx_pipeline.errors import BrokerError
from claimx_pipeline.hooks.drawing import terminal_width
from claimx_pipeline.hooks.manner import manner

if TYPE_CHECKING:
    from claimx_pipeline.clock import Clock
    from claimx_pipeline.operations import Progress, Running, WorkerRun

SECONDS = 0.5
"""Between two looks at the broker."""
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


@asynccontextmanager
async def live(run: Running, clock: Clock) -> AsyncIterator[None]:
    """Show on a terminal, while the block runs, how far the workers of *run* are."""
    if manner.quiet or not sys.stderr.isatty():
        yield
        return
    line = LiveLine(sys.stderr)
    handlers = [
        each
        for each in logging.getLogger().handlers
        if isinstance(each, logging.StreamHandler) and each.stream is sys.stderr
    ]
    for handler in handlers:
        handler.setStream(line)
    ticking = asyncio.create_task(_tick(line, run, clock))
    try:
        with redirect_stderr(line):
            yield
    finally:
        ticking.cancel()
        await asyncio.gather(ticking, return_exceptions=True)
        line.show("")
        for handler in handlers:
            handler.setStream(line.stream)


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
