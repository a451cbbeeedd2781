"""Dead letters as facts: in groups of one cause, or one by one with everything about it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from attrs import define, field, frozen

from claimx_pipeline.operations.topic_reading import as_text
from claimx_pipeline.runtime.dead_letters.dead_letter import PREFIX
from claimx_pipeline.runtime.dead_letters.fingerprint import pattern
from claimx_pipeline.runtime.dead_letters.reader import FoundDeadLetter

FOREIGN = "a record without the headers of a dead letter; it was not written by this pipeline"


@define
class DeadLetterGroup:
    """Dead letters of one fingerprint: one cause, at one worker.

    A record that cannot be decoded failed at every worker that reads its topic.
    """

    newest: FoundDeadLetter
    """The newest of them."""
    count: int = 0
    """How many there are."""
    first: datetime = field(init=False)
    """When the oldest of them failed for the last time, UTC."""
    topics: dict[str, None] = field(init=False, factory=dict)
    """Topics that hold them, in the order they were met."""
    workers: dict[str, int] = field(init=False, factory=dict)
    """How many failed at which worker."""

    _last: datetime = field(init=False)
    """When the newest of them failed."""

    def __attrs_post_init__(self) -> None:
        self.first = self._last = self.newest.failed_at

    def add(self, dead_letter: FoundDeadLetter) -> None:
        """Count *dead_letter*."""
        self.count += 1
        failed_at = dead_letter.failed_at
        self.first = min(self.first, failed_at)
        self.topics[dead_letter.location.topic] = None
        if failed := dead_letter.failure:
            self.workers[failed.worker] = self.workers.get(failed.worker, 0) + 1
        if failed_at >= self._last:
            self.newest, self._last = dead_letter, failed_at

    @property
    def example(self) -> str:
        """The error of the newest of them, whole: its ids and numbers are not replaced."""
        failed = self.newest.failure
        return failed.error if failed else FOREIGN

    def as_json(self) -> dict[str, Any]:
        """Return the group as ``claimx-run dlq list --json`` prints it."""
        failed = self.newest.failure
        return {
            "fingerprint": self.newest.fingerprint,
            "count": self.count,
            "worker": failed.worker if failed else "",
            "kind": failed.kind if failed else "",
            "plugin": failed.plugin if failed else "",
            "category": failed.category if failed else "",
            "error_type": failed.error_type if failed else "",
            "error": pattern(failed.error) if failed else FOREIGN,
            "example": self.example,
            "workers": sorted(self.workers),
            "topics": list(self.topics),
            "first": self.first.isoformat(),
            "last": self.newest.failed_at.isoformat(),
            "newest": str(self.newest.location),
        }


@define
class DeadLetterGroups:
    """Dead letters by fingerprint; holds one record of each group."""

    _found: dict[str, DeadLetterGroup] = field(init=False, factory=dict)

    def add(self, dead_letters: Iterable[FoundDeadLetter]) -> None:
        """Count *dead_letters*."""
        for dead_letter in dead_letters:
            cause = dead_letter.fingerprint
            if cause not in self._found:
                self._found[cause] = DeadLetterGroup(dead_letter)
            self._found[cause].add(dead_letter)

    @property
    def count(self) -> int:
        """How many dead letters there are in all."""
        return sum(group.count for group in self._found.values())

    def largest_first(self) -> list[DeadLetterGroup]:
        """Return the groups, the largest first."""
        return sorted(self._found.values(), key=lambda group: -group.count)


@frozen
class ShownDeadLetter:
    """A dead letter with its value."""

    letter: FoundDeadLetter
    """The dead letter."""
    value: bytes | None
    """As it was published, also where it is kept as a file."""
    value_missing: str = ""
    """Why the value cannot be read, if it cannot."""

    def as_json(self) -> dict[str, Any]:
        """Return everything about it; bytes that are not valid UTF-8 are base64.

        ``claimx-run dlq show --json`` prints this, ``dlq export`` writes one per line.
        """
        dead_letter, failed = self.letter, self.letter.failure
        text, encoding = as_text(self.value)
        key, key_encoding = as_text(dead_letter.record.key)
        known = {
            name: getattr(failed, name, None)
            for name in ("group", "worker", "kind", "plugin", "category", "error_type", "error")
        }
        return {
            "letter": str(dead_letter.location),
            "fingerprint": dead_letter.fingerprint,
            "replayed_at": dead_letter.replayed_at,
            "origin": str(failed.origin) if failed else None,
            **known,
            "attempts": failed.attempts if failed else None,
            "first_failed": failed.first_failed if failed else None,
            "last_failed": failed.last_failed if failed else None,
            "traceback": failed.traceback if failed else None,
            "headers": [
                {"name": name, "value": shown, "encoding": kind}
                for name, content in dead_letter.record.headers
                if not name.startswith(PREFIX) or failed is None
                for shown, kind in (as_text(content),)
            ],
            "key": key,
            "key_encoding": key_encoding,
            "value": text,
            "value_encoding": encoding,
            "value_missing": self.value_missing or None,
        }
