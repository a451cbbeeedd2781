"""How log lines look: plain for people, one JSON object per line for machines."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime

import msgspec

from claimx_pipeline.settings.masking import MASK, names_credential
from claimx_pipeline.settings.tree.logging import LoggingSettings

QUIET = ("aiokafka", "httpx", "httpcore", "asyncio", "uvicorn")
"""Libraries whose INFO lines say nothing a user needs; httpx's would show signed links."""

STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


def configure(settings: LoggingSettings) -> None:
    """Send log lines to stderr in the form that *settings* ask for."""
    handler = logging.StreamHandler(sys.stderr)
    plain = settings.format == "plain" or (settings.format == "auto" and sys.stderr.isatty())
    handler.setFormatter(PlainFormatter() if plain else JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.level)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


class PlainFormatter(logging.Formatter):
    """``15:04:05 WARNING message key=value``; INFO is not spelled out."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line, and a traceback below it if there is one."""
        time = datetime.fromtimestamp(record.created, UTC).strftime("%H:%M:%S")
        level = "" if record.levelno == logging.INFO else f"{record.levelname} "
        extra = "".join(f" {key}={value}" for key, value in extras(record).items())
        line = f"{time} {level}{record.getMessage()}{extra}"
        if record.exc_info:
            line = f"{line}\n{self.formatException(record.exc_info)}"
        return f"{line}\n{self.formatStack(record.stack_info)}" if record.stack_info else line


class JsonFormatter(logging.Formatter):
    """One JSON object: time, level, logger, message, and what else was given."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the object as text."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        if record.stack_info:
            line["stack"] = self.formatStack(record.stack_info)
        # What was given under one of these names stays beside it, so that neither is lost.
        line |= {f"{key}_" if key in line else key: each for key, each in extras(record).items()}
        try:
            return msgspec.json.encode(line, enc_hook=str).decode()
        except (TypeError, ValueError):
            # Keys that are no text, half a surrogate pair: shown as well as it goes.
            return json.dumps({key: str(value) for key, value in line.items()})


def extras(record: logging.LogRecord) -> dict[str, object]:
    """Return what was passed as ``extra``: all of it, credentials as a mask."""
    return {
        key: MASK if value and names_credential([key]) else value
        for key, value in vars(record).items()
        if key not in STANDARD
    }
