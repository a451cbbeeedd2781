"""Reports records that failed: a line per batch and cause, not one per record."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime

from attrs import frozen

from claimx_pipeline.connections.answer import connection_of
from claimx_pipeline.delta.write_errors import TableWriteError
from claimx_pipeline.errors import category_of
from claimx_pipeline.isolation import message
from claimx_pipeline.runtime.dead_letters.fingerprint import pattern
from claimx_pipeline.runtime.delivery.batch import DEAD, RETRIED, FailedRecord
from claimx_pipeline.runtime.headers import DUE, header
from claimx_pipeline.runtime.log_subject import fields_of
from claimx_pipeline.runtime.outcome import Retry
from claimx_pipeline.telemetry.metrics import WorkerMetrics
from claimx_pipeline.topics import BRAND

log = logging.getLogger(__name__)

LONGEST_CAUSE = 500
"""Characters of an error that are compared and logged."""


@frozen
class FailureReport:
    """The failures of one worker, for its log, its health and the last line of its run."""

    worker: str
    metrics: WorkerMetrics
    domain: str = BRAND

    def report(self, failed: Sequence[FailedRecord]) -> None:
        """Log what the records of a batch have *failed* with."""
        causes: dict[tuple[str, ...], list[FailedRecord]] = {}
        for each in failed:
            error = each.error
            text = pattern(message(error)[:LONGEST_CAUSE])
            kind = (each.becomes, category_of(error).value, type(error).__name__, text)
            causes.setdefault(kind, []).append(each)
        for (becomes, category, name, _), records in causes.items():
            received = records[0].record
            first, cause = received.record, _cause(records[0].error, name)
            log.warning(
                "worker %s: %d records %s (%s, the first at %s[%d] offset %d): %s",
                self.worker,
                len(records),
                becomes,
                category,
                first.topic,
                first.partition,
                first.offset,
                cause,
                extra={
                    **fields_of(first, self.domain, received.message),
                    "count": len(records),
                    "category": category,
                    "cause": name,
                    "connection": connection_of(records[0].error) or "",
                },
            )
            outcome = {RETRIED: "retry", DEAD: "record"}.get(becomes, "plugin")
            self.metrics.failed(outcome, category, len(records))
            partly = sum(1 for each in records if _is_partly_done(each))
            self.metrics.failing(cause, _due(records[-1]), partly=partly)


def service_of(error: BaseException) -> str:
    """Return what *error* says is unavailable, as health and metrics name it; empty if unknown."""
    if isinstance(error, TableWriteError) and error.table:
        return f"table {error.table}"
    connection = connection_of(error)
    return f"connection {connection}" if connection else ""


def _cause(error: Exception, name: str) -> str:
    lines = message(error).strip().splitlines()
    return lines[0][:LONGEST_CAUSE] if lines else name


def _is_partly_done(failed: FailedRecord) -> bool:
    outcome = failed.record.outcome
    return isinstance(outcome, Retry) and bool(outcome.rows)


def _due(failed: FailedRecord) -> datetime | None:
    """Return when a record is to be retried; None if it is not."""
    returning = failed.record.returning
    text = header(returning.headers, DUE) if returning is not None else None
    return datetime.fromtimestamp(int(text) / 1000, UTC) if text is not None else None
