"""Drift: an API's answers that are not what they are known as, before it does harm."""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Iterator
from typing import Any

from attrs import define, field
from prometheus_client import CollectorRegistry, Counter

log = logging.getLogger(__name__)

MOST_FIELDS = 50
"""Names of fields of one endpoint that have series of their own; further ones are ``other``."""

_DEEPEST = 8
"""Objects in objects that are looked into."""
_MOST_ITEMS = 3
"""Items of a list that are looked into: they are alike."""
_NAME = re.compile(r"[A-Za-z_][\w.\[\]-]{0,79}")

OTHER = "other"


@define
class AnswerDrift:
    """Fields of answers that are unknown, or hold something else than they used to."""

    registry: CollectorRegistry
    also_known: set[str] = field(factory=set, init=False)
    """Names of fields that plugins read beside those that the domain does."""
    _drifted: Counter = field(init=False)
    _names: dict[str, set[str]] = field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        self._drifted = Counter(
            "claimx_answer_drift",
            "Answers in which a field was unknown, or retyped (its value cannot be read as what it "
            f"is known as), by field; at most {MOST_FIELDS} of an endpoint, then other",
            ["endpoint", "kind", "field"],
            registry=self.registry,
        )

    def unknown(self, endpoint: str, name: str) -> None:
        """Count a field that is not known; log it the first time."""
        self._count(endpoint, "unknown", name)

    def retyped(self, endpoint: str, name: str) -> None:
        """Count a value that is not of the kind that its field is known to have."""
        self._count(endpoint, "retyped", name)

    def look(self, endpoint: str, answer: Any, known: Collection[str]) -> None:
        """Count the fields of *answer* whose name is not *known*, each once.

        Args:
            endpoint: The declared path.
            answer: What was answered.
            known: Names of fields, at whatever depth.
        """
        for path in dict.fromkeys(_paths(answer, "", 0)):
            name = path.rpartition(".")[2]
            if name not in known and name not in self.also_known:
                self.unknown(endpoint, path)

    def _count(self, endpoint: str, kind: str, name: str) -> None:
        names = self._names.setdefault(endpoint, set())
        label = name if _NAME.fullmatch(name) else OTHER
        if label not in names:
            if len(names) >= MOST_FIELDS:
                label = OTHER
            else:
                log.info("answers to %s have changed: field %s is %s", endpoint, label, kind)
            names.add(label)
        self._drifted.labels(endpoint, kind, label).inc()


def _paths(value: Any, path: str, depth: int) -> Iterator[str]:
    """Yield the dotted path of every field in *value*; those of a list's items as the list's."""
    if depth > _DEEPEST:
        return
    if isinstance(value, list):
        for item in value[:_MOST_ITEMS]:
            yield from _paths(item, path, depth)
    elif isinstance(value, dict):
        for name, inner in value.items():
            at = f"{path}.{name}" if path else str(name)
            yield at
            yield from _paths(inner, at, depth + 1)
