"""What the simulated iTel API accepted."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from attrs import define, field, frozen


@frozen
class Submission:
    """One accepted cabinet repair task."""

    itel_task_id: str
    at: datetime
    idempotency_key: str | None
    body: Mapping[str, Any]

    @property
    def pair(self) -> tuple[Any, Any]:
        """Assignment id and form response id, as the body names them."""
        return self.body.get("assignmentId"), self.body.get("formResponseId")

    def shown(self) -> dict[str, Any]:
        """Return it as the control endpoint shows it."""
        return {
            "itel_task_id": self.itel_task_id,
            "at": self.at,
            "idempotency_key": self.idempotency_key,
            "body": self.body,
        }


@define
class Submissions:
    """All accepted submissions in their order; a repeated idempotency key counts once."""

    accepted: list[Submission] = field(factory=list, init=False)
    repeats: int = field(default=0, init=False)
    """Requests that carried a key seen before and got its first answer again."""
    _by_key: dict[str, Submission] = field(factory=dict, init=False)

    def take(self, body: Mapping[str, Any], key: str | None, at: datetime) -> Submission:
        """Accept a submission, or return the one accepted with *key*."""
        if key is not None and key in self._by_key:
            self.repeats += 1
            return self._by_key[key]
        submission = Submission(f"ITEL-{len(self.accepted) + 1:06d}", at, key, body)
        self.accepted.append(submission)
        if key is not None:
            self._by_key[key] = submission
        return submission

    def pairs(self) -> list[tuple[Any, Any]]:
        """Return (assignment id, form response id) of each, doubles included."""
        return [submission.pair for submission in self.accepted]

    def __len__(self) -> int:
        return len(self.accepted)

    def clear(self) -> None:
        """Forget all submissions and keys."""
        self.accepted.clear()
        self._by_key.clear()
        self.repeats = 0
