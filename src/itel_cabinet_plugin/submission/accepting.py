"""Which answers are a yes: iTel's own, and others by which the vendor says that it has the form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from attrs import frozen

from claimx_pipeline import RecordError
from claimx_pipeline.connections import Answer, JsonVerdict, RequestFailedError

SAYS_SUCCESS: Final = JsonVerdict("success")
"""A yes of iTel: a JSON object without ``success: false``; 202 and 204 may be empty."""


@frozen
class AcceptingRule:
    """An answer that is not a success by its status, and still means that the form is there."""

    status: int
    text: str
    """In the answer's body, whatever its case."""
    meaning: str
    """For the row of the request."""

    def takes(self, answer: Answer) -> bool:
        """Tell whether *answer* is of this kind."""
        if answer.status != self.status:
            return False
        return self.text.casefold() in answer.body.decode("utf-8", "replace").casefold()

    def __str__(self) -> str:
        return f"{self.status} with {self.text!r}: {self.meaning}"


ALREADY_EXISTS: Final = AcceptingRule(
    400, "already exists", "the receiver has the form from an earlier request"
)
"""How the vendor answers a request that it has carried out before."""


@frozen
class AcceptingVerdict:
    """Judges as iTel's answers are judged, and takes what one of the rules takes."""

    rules: tuple[AcceptingRule, ...] = ()

    def __call__(self, answer: Answer, usual: RequestFailedError | None) -> RecordError | None:
        """Return None for a yes, else why it is not one."""
        if rule_of(self.rules, answer) is not None:
            return None
        return SAYS_SUCCESS(answer, usual)


def rule_of(rules: Sequence[AcceptingRule], answer: Answer) -> AcceptingRule | None:
    """Return the rule by which *answer* is a yes; None if it is one by itself or not at all."""
    return next((rule for rule in rules if rule.takes(answer)), None)
