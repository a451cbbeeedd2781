"""How log lines look: plain for people, one JSON object per line for machines."""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime

import msgspec

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
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class JsonFormatter(logging.Formatter):
    """One JSON object: time, level, logger, message, and what else was given."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the object as text."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **extras(record),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line, enc_hook=str).decode()


def extras(record: logging.LogRecord) -> dict[str, object]:
    """Return what was passed as ``extra``."""
    return {key: value for key, value in vars(record).items() if key not in STANDARD}
