"""Dead letters: a record that can never work, unchanged, with what is known of its failure.

One form for every worker. Value, key and headers are the original's; what the pipeline
knows is in headers of its own beside them.
"""

from __future__ import annotations

import traceback
from datetime import datetime
from typing import Literal

from attrs import frozen

from claimx_pipeline.broker.protocol import Headers, OutRecord, Record
from claimx_pipeline.clock import EPOCH, published_at
from claimx_pipeline.errors import ClaimxError, category_of
from claimx_pipeline.isolation import EscapedError, message, representation, type_name, utf8
from claimx_pipeline.redaction import Redactor
from claimx_pipeline.runtime import headers
from claimx_pipeline.times import in_utc

PREFIX = "claimx-dlq-"
VALUE_FILE = f"{PREFIX}value-file"
"""Location of a value that was too large to be part of the dead letter."""
TRACEBACK_BYTES = 8192
MESSAGE_CHARACTERS = 2000

Kind = Literal["record", "plugin"]

PATTERNS = Redactor()
"""Knows no credential by its value, only what looks like one."""


@frozen(kw_only=True)
class DeadLetter:
    """What is known of a dead record."""

    origin: headers.Origin
    """Where the record first appeared."""
    origin_timestamp: int | None = None
    """When it did, milliseconds since 1970 UTC; None in a dead letter of an older version."""
    group: str
    """Consumer group that failed on it, and that a replay is for."""
    worker: str
    """The worker that failed."""
    kind: Kind = "record"
    """``record`` or ``plugin``."""
    plugin: str = ""
    """The plugin that failed, if ``kind`` is ``plugin``."""
    category: str
    """What kind of failure it was."""
    error_type: str
    """Class of the error."""
    error: str
    """What it said."""
    traceback: str = ""
    """Where a defect was raised."""
    attempts: int
    """How often it was tried."""
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
        redactor: Redactor = PATTERNS,
    ) -> DeadLetter:
        """Return what is to be known of *record*, which failed with *error* just now."""
        # A stranger's exception may be one that cannot be shown, or not as UTF-8.
        shown = message if isinstance(error, (ClaimxError, EscapedError)) else representation
        first = headers.first_failed_of(record)
        return cls(
            origin=headers.origin_of(record),
            origin_timestamp=headers.origin_timestamp_of(record),
            group=group,
            worker=worker,
            kind="plugin" if plugin else "record",
            plugin=plugin,
            category=category_of(error).value,
            error_type=type_name(error),
            error=redactor.text(shown(error))[:MESSAGE_CHARACTERS],
            traceback=_traceback(error, redactor),
            attempts=headers.attempts_of(record) + 1,
            first_failed=first or now.isoformat(),
            last_failed=now.isoformat(),
        )

    @classmethod
    def read(cls, record: Record) -> DeadLetter | None:
        """Return what the headers of *record* say; None if it is not a dead letter."""
        return cls.of_headers(record.headers)

    @classmethod
    def of_headers(cls, given: Headers) -> DeadLetter | None:
        """Return what the headers of a dead letter say; None if they are not those of one."""
        found = {
            name.removeprefix(PREFIX): value.decode("utf-8", "replace")
            for name, value in given
            if value is not None and name.startswith(PREFIX)
        }
        try:
            attempts = headers.whole_number(found["attempts"])
            if attempts is None:
                return None
            return cls(
                origin=headers.Origin.parse(found["origin"]),
                origin_timestamp=headers.whole_number(found.get("origin-timestamp", "")),
                group=found["group"],
                worker=found["worker"],
                kind="plugin" if found["kind"] == "plugin" else "record",
                plugin=found.get("plugin", ""),
                category=found["category"],
                error_type=found["error-type"],
                error=found.get("error", ""),
                traceback=found.get("traceback", ""),
                attempts=attempts,
                first_failed=found["first-failed"],
                last_failed=found["last-failed"],
            )
        except (KeyError, ValueError):
            return None

    def to_record(self, record: Record, topic: str) -> OutRecord:
        """Return *record* as a dead letter for *topic*."""
        facts = {
            "origin": str(self.origin),
            "origin-timestamp": "" if self.origin_timestamp is None else str(self.origin_timestamp),
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


def last_failed_at(record: Record, known: DeadLetter | None) -> datetime:
    """Return when the dead letter *record* failed for the last time, UTC.

    When it was published, if it does not say so in a way that can be read.
    """
    if known is not None:
        try:
            return in_utc(datetime.fromisoformat(known.last_failed))
        except ValueError:
            name = f"{PREFIX}last-failed"
            headers.unreadable(record, name, known.last_failed, "a time in ISO 8601")
    return published_at(record.timestamp) or EPOCH


def _traceback(error: Exception, redactor: Redactor) -> str:
    """Return the end of the traceback, which says most, within its limit."""
    try:
        lines = "".join(traceback.format_exception(error))
    except Exception as broken:  # noqa: BLE001 - a stranger's attributes; the dead letter is written all the same
        lines = f"<the traceback cannot be shown: {type_name(broken)}>"
    return utf8(redactor.text(lines)).encode()[-TRACEBACK_BYTES:].decode("utf-8", "ignore")
