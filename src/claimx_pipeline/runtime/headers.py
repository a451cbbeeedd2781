"""The headers that the pipeline itself puts on records, and how they are read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from attrs import frozen

from claimx_pipeline.broker.protocol import Headers, Record

ID = "claimx-id"
"""Hash of what caused the record; every consumer's result is keyed by it or by the entity."""
GROUP = "claimx-group"
"""The only consumer group that a returning record is for; every other settles it untouched."""
ORIGIN = "claimx-origin"
"""``topic/partition/offset`` of a record's first appearance; never changes."""
ATTEMPTS = "claimx-attempts"
"""How often the record was tried so far."""
DUE = "claimx-due"
"""When a waiting record is to be tried again, milliseconds since 1970 UTC."""
RETURN_TO = "claimx-return-to"
"""Topic that a waiting record goes back to."""
FIRST_FAILED = "claimx-first-failed"
"""When the record failed for the first time, ISO 8601."""

PLUGIN = "claimx-plugin"
"""The only plugin that a returning event is for: everything else was done already."""

AGAIN = "claimx-again"
"""Says that an operator asked for the record to be done again, even if it was done already."""

HOPS = "claimx-hops"
"""How many plugins' messages led to the record; it stays with the record wherever it goes."""

MOST_HOPS = 8
"""A chain of plugins' messages longer than this goes round in a circle."""

OWN_PREFIX = "claimx-"
"""Begins every header that is the pipeline's own; plugins may not set such."""

TRAVELLING = frozenset({GROUP, ORIGIN, ATTEMPTS, DUE, RETURN_TO, FIRST_FAILED, PLUGIN, AGAIN})
"""Headers of a record on its way through the retry topics; not part of the original."""


@frozen
class Origin:
    """Where a record first appeared."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}"

    @classmethod
    def parse(cls, text: str) -> Origin:
        """Return the origin written as ``topic/partition/offset``.

        Raises:
            ValueError: It is not written so.
        """
        topic, partition, offset = text.rsplit("/", 2)
        return cls(topic, int(partition), int(offset))


def header(headers: Headers, name: str) -> str | None:
    """Return the last value of a header as text; None if it is not there."""
    for found, value in reversed(headers):
        if found == name and value is not None:
            return value.decode("utf-8", "replace")
    return None


def origin_of(record: Record) -> Origin:
    """Return where *record* first appeared: here, unless it says otherwise."""
    text = header(record.headers, ORIGIN)
    if text is None:
        return Origin(record.topic, record.partition, record.offset)
    return Origin.parse(text)


def attempts_of(record: Record) -> int:
    """Return how often *record* was tried before now."""
    text = header(record.headers, ATTEMPTS)
    return int(text) if text is not None and text.isdigit() else 0


def hops_of(record: Record) -> int:
    """Return how many plugins' messages led to *record*."""
    if not record.headers:
        return 0
    text = header(record.headers, HOPS)
    return int(text) if text is not None and text.isdigit() else 0


def original(headers: Headers) -> tuple[tuple[str, bytes], ...]:
    """Return the headers that the record had when it first appeared."""
    return tuple((name, value) for name, value in headers if name not in TRAVELLING)


def encoded(
    headers: Mapping[str, str] | Iterable[tuple[str, str]],
) -> tuple[tuple[str, bytes], ...]:
    """Return headers as they go on the wire."""
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    return tuple((name, value.encode()) for name, value in pairs)
