"""Records as what log lines are about: where they are, their event and their correlation id."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import define

from claimx_pipeline.broker.protocol import Record
from claimx_pipeline.runtime.correlation import correlation_id, event_of
from claimx_pipeline.runtime.headers import ID, header


@define(eq=False)
class RecordSubject:
    """One record; nothing is read of it until a line is written."""

    domain: str
    """Name of the domain whose events the worker reads."""
    record: Record | None = None
    message: Any = None
    """What is in it, if that is known."""

    def log_fields(self) -> Mapping[str, Any]:
        """Return where the record is, and what it is about."""
        return {} if self.record is None else fields_of(self.record, self.domain, self.message)


def fields_of(record: Record, domain: str, message: Any = None) -> dict[str, Any]:
    """Return the fields of a line about *record*; what is not known is left out.

    Args:
        record: Any record of the pipeline.
        domain: Name of the domain whose events the worker reads.
        message: What is in the record, if it could be read.
    """
    headers = record.headers
    found = {
        "event_id": event_of(message) or (header(headers, ID) if headers else None),
        "correlation_id": correlation_id(record, domain, message),
    }
    return {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        **{name: value for name, value in found.items() if value},
    }
