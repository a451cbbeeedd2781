"""Which dead letters died of the same thing."""

from __future__ import annotations

import hashlib
import re

from claimx_pipeline.runtime.dead_letters.letter import DeadLetter

DIGITS = 10
"""Of a fingerprint: few enough to type, enough to tell errors apart."""

FOREIGN = "0" * DIGITS
"""Of a record that somebody else put among the dead letters."""

_VARYING = (
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?"), "<time>"),
    (re.compile(r"\b[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b"), "<id>"),
    (re.compile(r"\b(?=[0-9a-fA-F]*\d)[0-9a-fA-F]{12,}\b"), "<id>"),
    # What a service answered is no number that varies: 404 and 503 are two causes.
    (re.compile(r"(?<!\d)(?<!answered )\d+(\.\d+)?"), "<n>"),
)


def pattern(message: str) -> str:
    """Return *message* with its times, ids and numbers replaced.

    >>> pattern("project 4711 has no task 9 at 2026-01-12T08:00:00Z")
    'project <n> has no task <n> at <time>'
    """
    for varying, instead in _VARYING:
        message = varying.sub(instead, message)
    return message


def fingerprint(letter: DeadLetter | None) -> str:
    """Return what is equal for letters of one worker that died of the same thing."""
    if letter is None:
        return FOREIGN
    facts = (letter.worker, letter.plugin, letter.category, letter.error_type)
    text = "\0".join((*facts, pattern(letter.error)))
    return hashlib.sha256(text.encode()).hexdigest()[:DIGITS]
