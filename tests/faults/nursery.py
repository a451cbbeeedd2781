"""Starts ``claimx-run`` quickly, as many times as a test kills it.

A process that has imported everything forks itself for each command: the child is a
process of its own in every respect, to be killed, frozen or stopped, but is there within
milliseconds instead of seconds.
"""

from __future__ import annotations

import ctypes
import gc
import itertools
import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Self

from attrs import define, field

from tests.rigs.command import CLEAN
from tests.rigs.processes import importing

PR_SET_PDEATHSIG = 1
PATIENCE_SECONDS = 60.0


@define(eq=False)
class Child:
    """A ``claimx-run`` under way."""

    number: int
    """How many its nursery had started before."""
    pid: int
    arguments: tuple[str, ...]
    log: Path
    """What it writes to its standard output and error."""
    _nursery: Nursery = field(repr=False)

    @property
    def code(self) -> int | None:
        """Exit code, the negative number of the signal that ended it, or None while it runs."""
        return self._nursery.codes.get(self.number)

    def send(self, number: int) -> None:
        """Send a signal, if it still runs."""
        if self.code is None:
            # Until its exit was told nobody has collected it, so the id is still its own.
            os.kill(self.pid, number)

    def wait(self, seconds: float = PATIENCE_SECONDS) -> int:
        """Return its exit code once it has ended.

        Raises:
            TimeoutError: It has not.
        """
        end = time.monotonic() + seconds
        while (code := self.code) is None:
            if time.monotonic() > end:
                raise TimeoutError(f"{self.arguments} still runs:\n{self.told()}")
            time.sleep(0.01)
        return code

    def kill(self) -> None:
        """End it at once."""
        self.send(signal.SIGKILL)
        self.wait()

    def told(self, lines: int = 15) -> str:
        """Return the end of what it wrote."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


@define(eq=False)
class Nursery:
    """The process that forks; a context."""

    codes: dict[int, int] = field(factory=dict, init=False)
    """Exit codes of those that have ended, by number."""
    _process: subprocess.Popen[str] = field(init=False)
    _reader: threading.Thread = field(init=False)
    _started: list[int] = field(factory=list, init=False)
    _news: threading.Condition = field(factory=threading.Condition, init=False)

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**CLEAN, **importing()},
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        for stream in (self._process.stdin, self._process.stdout):
            if stream is self._process.stdin:
                stream.close()
                self._process.wait(PATIENCE_SECONDS)
                self._reader.join(PATIENCE_SECONDS)
            else:
                stream.close()

    def start(self, *arguments: str, cwd: Path, env: Mapping[str, str] | None = None) -> Child:
        """Start ``claimx-run`` with *arguments* in the folder *cwd*."""
        with self._news:
            number = len(self._started)
            log = cwd / f"{number:04}-{'-'.join(arguments[1:])[:60]}.log"
            order = {
                "arguments": arguments,
                "cwd": str(cwd),
                "log": str(log),
                "env": {**CLEAN, **(env or {})},
            }
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()
            if not self._news.wait_for(lambda: len(self._started) > number, PATIENCE_SECONDS):
                raise TimeoutError("the nursery starts nothing")
            return Child(number, self._started[number], arguments, log, self)

    def _read(self) -> None:
        for line in self._process.stdout:
            told = [int(word) for word in line.split()]
            with self._news:
                if len(told) == 1:
                    self._started += told
                else:
                    self.codes[told[0]] = told[1]
                self._news.notify_all()


def _import_everything() -> None:
    """Import what commands and workers import, without starting anything."""
    import claimx_pipeline.cli.running
    import claimx_pipeline.cli.worker
    import claimx_pipeline.delta.writing.sink
    import claimx_pipeline.operations.run
    import claimx_pipeline.runtime.process  # noqa: F401
    from claimx_pipeline import Pipeline

    with tempfile.TemporaryDirectory() as folder:
        for url in (f"sqlite:///{folder}/broker.db", "kafka://127.0.0.1:1"):
            pipeline = Pipeline.load(environ={}, cwd=Path(folder), overrides={"broker.url": url})
            broker = pipeline.broker()
            broker.admin()
            pipeline.topology.new_topics()
            pipeline.table_store.spec("claimx_events")


def _child(order: Mapping[str, object]) -> None:
    """Be ``claimx-run``; never returns."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    out = os.open(str(order["log"]), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for target, source in ((0, nothing), (1, out), (2, out)):
        os.dup2(source, target)
    os.chdir(str(order["cwd"]))
    os.environ.clear()
    os.environ.update(order["env"])
    sys.argv = ["claimx-run", *order["arguments"]]
    from claimx_pipeline.cli import main

    code: object = 1
    try:
        main()
        code = 0
    except SystemExit as end:
        code = end.code
    except BaseException:  # noqa: BLE001 - nothing may go on in the nursery's place
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code if isinstance(code, int) else int(code is not None))


def _tell(text: str) -> None:
    os.write(1, f"{text}\n".encode())


def _serve(orders: IO[bytes]) -> None:
    """Fork for each order, tell of each end; return when there are no more orders."""
    wake, woken = os.pipe()
    os.set_blocking(woken, False)
    os.set_blocking(orders.fileno(), False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(woken)
    selector = selectors.DefaultSelector()
    selector.register(wake, selectors.EVENT_READ)
    selector.register(orders, selectors.EVENT_READ)
    text = b""
    numbers: dict[int, int] = {}
    started = itertools.count()
    while True:
        for key, _ in selector.select():
            data = os.read(key.fd, 65536)
            if key.fd == wake:
                _collect(numbers)
                continue
            if not data:
                return
            *lines, text = (text + data).split(b"\n")
            for line in lines:
                pid = os.fork()
                if pid == 0:
                    _child(json.loads(line))
                numbers[pid] = next(started)
                _tell(str(pid))


def _collect(numbers: dict[int, int]) -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            return
        # A process id may come round again, a number never.
        _tell(f"{numbers.pop(pid)} {os.waitstatus_to_exitcode(status)}")


if __name__ == "__main__":
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    _import_everything()
    gc.collect()
    gc.freeze()
    _serve(sys.stdin.buffer)
