"""One thread per plugin for what it does without ``async``: it may block, the loop may not."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import threading
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue
from typing import Any

from attrs import define, field

from claimx_pipeline.isolation import EscapedError

log = logging.getLogger(__name__)

Work = tuple[asyncio.AbstractEventLoop, "asyncio.Future[Any]", Callable[[], Any]]


@define(eq=False)
class PluginThread:
    """Runs a plugin's calls one after the other, in the thread of that plugin alone.

    A daemon: a call that never returns must not keep the process from ending.
    """

    plugin: str
    _work: SimpleQueue[Work | None] = field(factory=SimpleQueue, init=False)
    _thread: threading.Thread | None = field(default=None, init=False)

    def submit(self, call: Callable[[], Any]) -> asyncio.Future[Any]:
        """Return a future of what *call* returns; cancelling it does not stop the call."""
        if self._thread is None:
            self._thread = threading.Thread(
                target=_serve, args=(self._work,), name=f"plugin-{self.plugin}", daemon=True
            )
            self._thread.start()
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        # What it logs is about the same event as what the loop logs here.
        work = partial(contextvars.copy_context().run, call)
        self._work.put((loop, future, work))
        return future

    def stop(self) -> None:
        """Let the thread end once it has nothing left to do; do not wait for it."""
        if self._thread is not None:
            self._work.put(None)
            self._thread = None


def _serve(work: SimpleQueue[Work | None]) -> None:
    while (next_one := work.get()) is not None:
        loop, future, call = next_one
        value, error = None, None
        try:
            value = call()
        except BaseException as raised:  # noqa: BLE001 - even SystemExit is this call's failure
            error = raised
        try:
            loop.call_soon_threadsafe(_tell, future, value, error)
        except RuntimeError:
            # The loop is closed: the caller no longer waits for this call.
            log.debug("a call of a plugin ended after its event loop")


def _tell(future: asyncio.Future[Any], value: Any, error: BaseException | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(value)
    elif isinstance(error, Exception) and not isinstance(error, StopIteration):
        future.set_exception(error)
    else:
        # A future cannot carry these, and none of them may end the worker.
        future.set_exception(EscapedError(error))
