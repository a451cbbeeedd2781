"""How log lines look: ``key=value`` for people, one JSON object per line for machines."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from claimx_pipeline.redaction import Redactor
from claimx_pipeline.settings.masking import MASK, names_credential
from claimx_pipeline.settings.tree.logging import LoggingSettings
from claimx_pipeline.telemetry.crashes import crashes_logged
from claimx_pipeline.telemetry.log_context import bound_fields
from claimx_pipeline.telemetry.log_files import WorkerFiles

QUIET = (
    *("aiohttp", "aiokafka", "asyncio", "botocore", "httpcore", "httpx", "kafka"),
    *("opentelemetry", "sqlglot", "urllib3", "uvicorn"),
)
"""Libraries whose INFO lines say nothing a user needs; httpx's would show signed links."""

STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

Form = Literal["plain", "json"]

DEEPEST = 6
"""Levels of a value in a line that are looked at; what is below is shown as text."""


def form_of(settings: LoggingSettings) -> Form:
    """Return the form of the lines on standard error."""
    if settings.format == "auto":
        return "plain" if sys.stderr.isatty() else "json"
    return settings.format


@contextmanager
def logging_of_process(
    settings: LoggingSettings, redactor: Redactor, files: Mapping[str, str] | None = None
) -> Iterator[Form]:
    """Have all lines of this process written as *settings* ask for, until the block ends.

    Also what Python itself would print: warnings, and exceptions that are never caught.

    Args:
        settings: What is logged.
        redactor: Removes what must not be seen.
        files: Worker to the path of its file, below the folder of the settings; the empty name
            for lines of no worker.

    Yields:
        The form of the lines on standard error.
    """
    root = logging.getLogger()
    before = root.handlers[:], root.level
    handlers = configure(settings, redactor, files)
    try:
        with crashes_logged():
            yield form_of(settings)
    finally:
        root.handlers[:], level = before
        root.setLevel(level)
        for handler in handlers:
            handler.close()


def configure(
    settings: LoggingSettings,
    redactor: Redactor | None = None,
    files: Mapping[str, str] | None = None,
) -> list[logging.Handler]:
    """Send log lines to stderr, and to files if *settings* ask for it.

    Args:
        settings: What is logged.
        redactor: Removes what must not be seen; what looks like it, if not given.
        files: As of ``logging_of_process``.

    Returns:
        The handlers that all lines go to.
    """
    cleaner = redactor or Redactor()
    handler = logging.StreamHandler(sys.stderr)
    plain = form_of(settings) == "plain"
    handler.setFormatter(PlainFormatter(cleaner) if plain else JsonFormatter(cleaner))
    handlers: list[logging.Handler] = [handler]
    if settings.files:
        handlers.append(WorkerFiles.of(settings, files or {}))
        in_files = PlainFormatter(cleaner) if settings.format == "plain" else JsonFormatter(cleaner)
        handlers[-1].setFormatter(in_files)
    root = logging.getLogger()
    root.handlers[:] = handlers
    root.setLevel(settings.level)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    return handlers


class _Formatter(logging.Formatter):
    """What both forms share: nothing that must not be seen gets into a line."""

    def __init__(self, redactor: Redactor | None = None) -> None:
        super().__init__()
        self._clean = redactor or Redactor()

    def message(self, record: logging.LogRecord) -> str:
        """Return the text of the line; one that cannot be made is shown as it is."""
        try:
            text = record.getMessage()
        except Exception as error:  # noqa: BLE001 - a log call must not break what it reports on
            text = f"{record.msg!r} % {record.args!r} (cannot be formatted: {type(error).__name__})"
        return self._clean.text(text)

    def trace(self, record: logging.LogRecord) -> dict[str, str]:
        """Return the traceback and the stack that belong to the line."""
        found = {}
        if record.exc_info:
            found["traceback"] = self._clean.text(self.formatException(record.exc_info))
        if record.stack_info:
            found["stack"] = self._clean.text(self.formatStack(record.stack_info))
        return found

    def fields(self, record: logging.LogRecord) -> dict[str, Any]:
        """Return what the line is about and what was given with it, without credentials."""
        fields = bound_fields() | extras(record)
        return dict(self._cleaned(fields))

    def _cleaned(self, value: Any, level: int = 0) -> Any:
        if isinstance(value, str):
            return self._clean.text(value)
        if value is None or isinstance(value, (bool, int, float, datetime)):
            return value
        if level < DEEPEST and isinstance(value, Mapping):
            return {
                key: MASK
                if inner and names_credential([key]) and not isinstance(inner, (bool, int, float))
                else self._cleaned(inner, level + 1)
                for key, inner in value.items()
            }
        if level < DEEPEST and isinstance(value, (list, tuple, set, frozenset)):
            return [self._cleaned(inner, level + 1) for inner in value]
        return self._clean.text(_text(value))


class PlainFormatter(_Formatter):
    """``15:04:05 WARNING message key=value``; INFO is not spelled out."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line, and a traceback below it if there is one."""
        time = datetime.fromtimestamp(record.created, UTC).strftime("%H:%M:%S")
        level = "" if record.levelno == logging.INFO else f"{record.levelname} "
        fields = self.fields(record).items()
        extra = "".join(f" {key}={_one_word(value)}" for key, value in fields)
        lines = [f"{time} {level}{self.message(record)}{extra}", *self.trace(record).values()]
        return "\n".join(lines)


class JsonFormatter(_Formatter):
    """One JSON object: time, level, logger, message, what it is about, and what else was given."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the object as text."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": self.message(record),
            **self.trace(record),
        }
        # What was given under one of these names stays beside it, so that neither is lost.
        fields = self.fields(record)
        line |= {f"{key}_" if key in line else key: each for key, each in fields.items()}
        try:
            return msgspec.json.encode(line, enc_hook=str).decode()
        except (TypeError, ValueError):
            # Keys that are no text, half a surrogate pair: shown as well as it goes.
            return json.dumps({_text(key): _text(value) for key, value in line.items()})


def extras(record: logging.LogRecord) -> dict[str, object]:
    """Return what was passed as ``extra``: all of it."""
    return {key: value for key, value in vars(record).items() if key not in STANDARD}


def _text(value: object) -> str:
    try:
        return str(value)
    except Exception as error:  # noqa: BLE001 - as above: any object may be given
        return f"<{type(value).__name__} that cannot be shown: {type(error).__name__}>"


def _one_word(value: object) -> str:
    """Return a value so that it is seen where it ends."""
    text = _text(value)
    if text and not any(each.isspace() or each in '"=' for each in text):
        return text
    return json.dumps(text, ensure_ascii=False)
