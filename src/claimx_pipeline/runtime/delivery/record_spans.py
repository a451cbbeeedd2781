"""The spans of records, from when they are worked on to their commit; for workers that trace."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from attrs import frozen

from claimx_pipeline.runtime.correlation import Pairs
from claimx_pipeline.runtime.delivery.batch import BatchRecord
from claimx_pipeline.runtime.headers import TRACE_PARENT, TRACE_STATE
from claimx_pipeline.runtime.log_subject import fields_of
from claimx_pipeline.runtime.outcome import Done

if TYPE_CHECKING:
    from claimx_pipeline.runtime.resources import Resources
    from claimx_pipeline.telemetry.tracing import Tracing


@frozen
class RecordSpans:
    """The spans of one member's records."""

    tracing: Tracing
    worker: str
    group: str
    domain: str

    @classmethod
    def of(cls, resources: Resources, worker: str, group: str, domain: str) -> RecordSpans | None:
        """Return them; None if nothing is traced."""
        tracing = resources.tracing
        return None if tracing is None else cls(tracing, worker, group, domain)

    def start(self, records: Sequence[BatchRecord]) -> None:
        """Begin the spans of *records*, which were just read."""
        for each in records:
            if each.span is None:
                about = fields_of(each.record, self.domain, each.message)
                each.span = self.tracing.start(self.worker, self.group, each.record.headers, about)

    def passed_on(self, record: BatchRecord, headers: Pairs) -> Pairs:
        """Return *headers* of what *record* leads to, with its span as the parent."""
        if record.span is None:
            return headers
        others = (pair for pair in headers if pair[0] not in (TRACE_PARENT, TRACE_STATE))
        return (*others, *self.tracing.headers(record.span))

    def end(self, records: Iterable[BatchRecord]) -> None:
        """End the spans of *records*, which are committed."""
        for each in records:
            if each.span is None:
                continue
            outcome = each.outcome
            error = None if outcome is None or isinstance(outcome, Done) else outcome.error
            name = type(outcome).__name__.lower()
            if isinstance(outcome, Done) and outcome.skipped:
                name = "skipped"
            self.tracing.end(each.span, "retry" if each.returning is not None else name, error)
