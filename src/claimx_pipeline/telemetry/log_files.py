"""A log file for each worker, begun again when it is large or the day is over.

Several processes may write to one file: a line is one write at its end, and who finds that
another process has begun a new file goes on in that one.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import signal
import sys
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from attrs import define, field

from claimx_pipeline.settings.tree.logging import LoggingSettings
from claimx_pipeline.telemetry.log_context import bound_fields

PROCESS = "claimx/process.log"
"""Where lines of no worker go."""

COMPLAIN_SECONDS = 60.0
"""Between two lines that say that a file cannot be written."""


def file_of(worker: str, domains: frozenset[str], brand: str = "claimx") -> str:
    """Return where the lines of *worker* go, below the folder of the log files.

    Args:
        worker: Its name; ``xact-events`` becomes ``xact/events_worker.log``.
        domains: The words that a name may begin with, each a folder.
        brand: The folder of all others.
    """
    prefix, dash, rest = worker.partition("-")
    folder, name = (prefix, rest) if dash and prefix in domains else (brand, worker)
    return f"{folder}/{name.replace('-', '_')}_worker.log"


@define(eq=False)
class RotatedFile:
    """One file. Not to be used by two threads at once; the handler sees to that."""

    path: Path
    rotate_bytes: int
    keep: int
    _descriptor: int | None = field(default=None, init=False)
    _day: str = field(default="", init=False)
    """Of the last line, UTC."""

    def write(self, line: str, now: datetime) -> None:
        """Add *line*.

        Raises:
            OSError: The file cannot be written.
        """
        descriptor = self._opened(now)
        os.write(descriptor, f"{line}\n".encode("utf-8", "replace"))
        self._day = f"{now:%Y-%m-%d}"

    def close(self) -> None:
        """Close it; the next line opens it again."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _opened(self, now: datetime) -> int:
        if self._descriptor is not None and not self._is_there(self._descriptor):
            self.close()
        descriptor = self._open() if self._descriptor is None else self._descriptor
        if self._is_over(descriptor, now):
            self._rotate(descriptor, now)
            self.close()
            descriptor = self._open()
        return descriptor

    def _open(self) -> int:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._descriptor = os.open(self.path, flags, 0o640)
        found = os.fstat(self._descriptor)
        self._day = f"{datetime.fromtimestamp(found.st_mtime, UTC):%Y-%m-%d}"
        return self._descriptor

    def _is_there(self, descriptor: int) -> bool:
        """Return whether the open file is still the one of that name."""
        try:
            there, ours = self.path.stat(), os.fstat(descriptor)
        except FileNotFoundError:
            return False
        return (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)

    def _is_over(self, descriptor: int, now: datetime) -> bool:
        size = os.fstat(descriptor).st_size
        return bool(size) and (size >= self.rotate_bytes or self._day != f"{now:%Y-%m-%d}")

    def _name_aside(self, now: datetime) -> Path:
        """Return a name that no file has; names are in the order of their times."""
        number = 0
        while True:
            aside = self.path.with_name(f"{self.path.name}.{now:%Y-%m-%dT%H%M%S.%f}.{number:03}")
            if not aside.exists():
                return aside
            number += 1

    def _rotate(self, descriptor: int, now: datetime) -> None:
        """Give the file another name, unless another process does so meanwhile."""
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        try:
            if self._is_there(descriptor):
                self.path.rename(self._name_aside(now))
                for old in sorted(self.path.parent.glob(f"{self.path.name}.*"))[: -self.keep]:
                    old.unlink(missing_ok=True)
        finally:
            fcntl.flock(descriptor, fcntl.LOCK_UN)


class WorkerFiles(logging.Handler):
    """Writes each line to the file of the worker that it is of."""

    def __init__(
        self, folder: Path, names: Mapping[str, str], rotate_bytes: int, keep: int
    ) -> None:
        """Write below *folder*, to the file that *names* have for each worker."""
        super().__init__()
        self._folder, self._names = folder, names
        self._rotate_bytes, self._keep = rotate_bytes, keep
        self._files: dict[str, RotatedFile] = {}
        self._complained = 0.0
        self._reopen = False
        self._before = signal.SIG_DFL if _in_main_thread() else None
        if self._before is not None:
            signal.signal(signal.SIGHUP, self._asked_to_reopen)

    @classmethod
    def of(cls, settings: LoggingSettings, names: Mapping[str, str]) -> WorkerFiles:
        """Return the files that *settings* ask for."""
        known = {**names, **settings.file_names}
        return cls(Path(settings.folder), known, settings.rotate_bytes, settings.keep_files)

    def emit(self, record: logging.LogRecord) -> None:
        """Write *record*; a disk that is full must not stop what is reported on."""
        try:
            if self._reopen:
                self._reopen = False
                self._close_all()
            worker = str(bound_fields().get("worker", ""))
            self._file(worker).write(
                self.format(record), datetime.fromtimestamp(record.created, UTC)
            )
        except Exception as error:  # noqa: BLE001 - as Handler.handleError: never raised into the caller
            self._complain(record, error)

    def close(self) -> None:
        """Close all files."""
        with contextlib.suppress(OSError):
            self._close_all()
        if self._before is not None and _in_main_thread():
            signal.signal(signal.SIGHUP, self._before)
            self._before = None
        super().close()

    def _file(self, worker: str) -> RotatedFile:
        name = self._names.get(worker) or (file_of(worker, frozenset()) if worker else PROCESS)
        if name not in self._files:
            self._files[name] = RotatedFile(self._folder / name, self._rotate_bytes, self._keep)
        return self._files[name]

    def _close_all(self) -> None:
        for each in self._files.values():
            each.close()

    def _asked_to_reopen(self, number: int, frame: FrameType | None) -> None:
        # At the next line: this one may come while a line is being written.
        del number, frame
        self._reopen = True

    def _complain(self, record: logging.LogRecord, error: Exception) -> None:
        """Say on standard error that a line is not in its file, now and then."""
        if record.created - self._complained < COMPLAIN_SECONDS:
            return
        self._complained = record.created
        said = logging.LogRecord(
            *(__name__, logging.ERROR, __file__, 0),
            "log lines cannot be written to %s: %s; they are on standard error alone",
            (self._folder, error),
            None,
        )
        for handler in logging.getLogger().handlers:
            if isinstance(handler, logging.StreamHandler) and handler.stream is sys.stderr:
                handler.handle(said)


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
