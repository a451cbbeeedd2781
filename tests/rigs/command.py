"""Runs ``claimx-run`` as a user does: a process of its own, in a folder of its own."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from attrs import define, field

CLEAN = {"PATH": os.environ.get("PATH", ""), "HOME": os.environ.get("HOME", "/"), "LANG": "C.UTF-8"}
"""No variable that the product reads."""

PROGRAM = [sys.executable, "-m", "claimx_pipeline"]

ORDINARY = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
"""What a command begins with that is to meet permissions as an ordinary user does."""


def run(
    *arguments: str,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    timeout: float = 90,
    before: Sequence[str] = (),
) -> subprocess.CompletedProcess[str]:
    """Run the command to its end; *before* is what it is a command of."""
    return subprocess.run(
        [*before, *PROGRAM, *arguments],
        cwd=cwd,
        env={**CLEAN, **(env or {})},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


@define
class Running:
    """A command under way; its output is collected line by line."""

    process: subprocess.Popen[str]
    lines: list[str] = field(factory=list)

    @classmethod
    def start(cls, *arguments: str, cwd: Path, env: Mapping[str, str] | None = None) -> "Running":
        return cls.of([*PROGRAM, *arguments], cwd=cwd, env=env)

    @classmethod
    def of(
        cls, command: Sequence[str], *, cwd: Path, env: Mapping[str, str] | None = None
    ) -> "Running":
        """Start *command*, whatever it is."""
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env={**CLEAN, **(env or {}), "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        running = cls(process)
        threading.Thread(target=running._read, daemon=True).start()
        return running

    def _read(self) -> None:
        for line in self.process.stdout or ():
            self.lines.append(line.rstrip("\n"))

    def wait_for(self, text: str, timeout: float = 90) -> str:
        """Return the first line that holds *text*, once there is one."""
        return self.wait_until(
            lambda: next((line for line in self.lines if text in line), None), timeout
        )

    def wait_until(self, condition, timeout: float = 90):
        """Return what *condition* returns, once it is true."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            found = condition()
            if found:
                return found
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        raise AssertionError("\n".join(["it did not happen; output so far:", *self.lines]))

    def stop(self, number: int = signal.SIGTERM, timeout: float = 10) -> int:
        """Send a signal and return the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(timeout)


def stop_all(running: Sequence[Running]) -> None:
    """End what a failed test may have left."""
    for each in running:
        if each.process.poll() is None:
            each.process.kill()
        each.process.wait(10)
        if each.process.stdout:
            each.process.stdout.close()
