"""Dead letters: a record that can never work, unchanged, with what is known of its failure.

One form for every worker. Value, key and headers are the original's; what the pipeline
knows is in headers of its own beside them.
"""

from __future__ import annotations

import traceback
from datetime import datetime
from typing import Literal

from attrs import frozen

from claimx_pipeline.broker.protocol import OutRecord, Record
from claimx_pipeline.connections.redact import redacted
from claimx_pipeline.errors import ClaimxError, category_of
from claimx_pipeline.runtime import headers

PREFIX = "claimx-dlq-"
VALUE_FILE = f"{PREFIX}value-file"
"""Location of a value that was too large to be part of the dead letter."""
TRACEBACK_BYTES = 8192
MESSAGE_CHARACTERS = 2000

Kind = Literal["record", "plugin"]


@frozen(kw_only=True)
class DeadLetter:
    """What is known of a dead record."""

    origin: headers.Origin
    """Where the record first appeared."""
    group: str
    """Consumer group that failed on it, and that a replay is for."""
    worker: str
    kind: Kind = "record"
    plugin: str = ""
    """The plugin that failed, if ``kind`` is ``plugin``."""
    category: str
    error_type: str
    error: str
    traceback: str = ""
    attempts: int
    first_failed: str
    """ISO 8601."""
    last_failed: str
    """ISO 8601."""

    @classmethod
    def of(  # noqa: PLR0913 - the facts of one failure
        cls,
        record: Record,
        error: Exception,
        *,
        group: str,
        worker: str,
        now: datetime,
        plugin: str = "",
    ) -> DeadLetter:
        """Return what is to be known of *record*, which failed with *error* just now."""
        text = str(error) if isinstance(error, ClaimxError) else repr(error)
        first = headers.header(record.headers, headers.FIRST_FAILED)
        return cls(
            origin=headers.origin_of(record),
            group=group,
            worker=worker,
            kind="plugin" if plugin else "record",
            plugin=plugin,
            category=category_of(error).value,
            error_type=type(error).__name__,
            error=redacted(text)[:MESSAGE_CHARACTERS],
            traceback=_traceback(error),
            attempts=headers.attempts_of(record) + 1,
            first_failed=first or now.isoformat(),
            last_failed=now.isoformat(),
        )

    @classmethod
    def read(cls, record: Record) -> DeadLetter | None:
        """Return what the headers of *record* say; None if it is not a dead letter."""
        found = {
            name.removeprefix(PREFIX): value.decode("utf-8", "replace")
            for name, value in record.headers
            if name.startswith(PREFIX)
        }
        try:
            return cls(
                origin=headers.Origin.parse(found["origin"]),
                group=found["group"],
                worker=found["worker"],
                kind="plugin" if found["kind"] == "plugin" else "record",
                plugin=found.get("plugin", ""),
                category=found["category"],
                error_type=found["error-type"],
                error=found["error"],
                traceback=found.get("traceback", ""),
                attempts=int(found["attempts"]),
                first_failed=found["first-failed"],
                last_failed=found["last-failed"],
            )
        except (KeyError, ValueError):
            return None

    def to_record(self, record: Record, topic: str) -> OutRecord:
        """Return *record* as a dead letter for *topic*."""
        facts = {
            "origin": str(self.origin),
            "group": self.group,
            "worker": self.worker,
            "kind": self.kind,
            "plugin": self.plugin,
            "category": self.category,
            "error-type": self.error_type,
            "error": self.error,
            "traceback": self.traceback,
            "attempts": str(self.attempts),
            "first-failed": self.first_failed,
            "last-failed": self.last_failed,
        }
        own = headers.encoded({f"{PREFIX}{name}": value for name, value in facts.items() if value})
        kept = tuple(
            (name, value)
            for name, value in headers.original(record.headers)
            if not name.startswith(PREFIX)
        )
        return OutRecord(topic, record.value, record.key, (*kept, *own))


def _traceback(error: Exception) -> str:
    """Return the end of the traceback, which says most, within its limit."""
    lines = redacted("".join(traceback.format_exception(error)))
    return lines.encode()[-TRACEBACK_BYTES:].decode("utf-8", "ignore")
