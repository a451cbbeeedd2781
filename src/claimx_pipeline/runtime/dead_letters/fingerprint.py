"""Which dead letters failed with the same error."""

from __future__ import annotations

import functools
import hashlib
import re

from claimx_pipeline.errors import DecodeError
from claimx_pipeline.runtime.dead_letters.dead_letter import DeadLetter

DIGITS = 10
"""Of a fingerprint: few enough to type, enough to tell errors apart."""

FOREIGN = "0" * DIGITS
"""Of a record among the dead letters that this pipeline did not write."""

_VARYING = (
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?"), "<time>"),
    (re.compile(r"\b[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b"), "<id>"),
    (re.compile(r"\b(?=[0-9a-fA-F]*\d)[0-9a-fA-F]{12,}\b"), "<id>"),
    # The status that a service answered is kept: 404 and 503 are two causes.
    (re.compile(r"(?<!\d)(?<!answered )\d+(\.\d+)?"), "<n>"),
)


@functools.lru_cache(maxsize=1024)  # dead letters of one cause say the same, thousands of times
def pattern(message: str) -> str:
    """Return *message* with its times, ids and numbers replaced.

    >>> pattern("project 4711 has no task 9 at 2026-01-12T08:00:00Z")
    'project <n> has no task <n> at <time>'
    """
    for varying, instead in _VARYING:
        message = varying.sub(instead, message)
    return message


UNDECODABLE = DecodeError.__name__
"""Error of a record that no worker can read: its value is the cause, whichever has met it."""


def fingerprint(dead_letter: DeadLetter | None) -> str:
    """Return what is equal for dead letters of one worker that failed with the same error.

    A record that cannot be decoded is a dead letter of each group that reads its topic, for one
    cause; those share a fingerprint.
    """
    if dead_letter is None:
        return FOREIGN
    worker = "" if dead_letter.error_type == UNDECODABLE else dead_letter.worker
    facts = (worker, dead_letter.plugin, dead_letter.category, dead_letter.error_type)
    text = "\0".join((*facts, pattern(dead_letter.error)))
    return hashlib.sha256(text.encode()).hexdigest()[:DIGITS]
