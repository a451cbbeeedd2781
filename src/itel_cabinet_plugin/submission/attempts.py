"""What is reported of each request to iTel: one message per try, whatever came of it."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final, Literal

import msgspec
from attrs import asdict, define, field, frozen

from claimx_pipeline import Category, Clock, OutRecord
from claimx_pipeline.connections import Answer, RequestFailedError, json_object
from itel_cabinet_plugin.form.values import label
from itel_cabinet_plugin.submission.accepting import AcceptingRule, rule_of
from itel_cabinet_plugin.topics import API_ATTEMPTS

ATTEMPT_HEADER: Final = "X-Attempt-Id"
"""Header that names the single request; ``Idempotency-Key`` names the form."""

_SHOWN: Final = 2000
_ERROR_SHOWN: Final = 500
_LONGEST_ID: Final = 200
_CLIENT_ERRORS, _REQUEST_TIMEOUT, _SERVER_ERRORS = 400, 408, 500


@frozen(kw_only=True)
class Submitted:
    """What a submission is about, the same at each of its tries."""

    idempotency_key: str
    assignment_id: int | None
    form_response_id: str | None
    project_id: str | None
    event_id: str | None
    payload_hash: str | None
    """None if nothing was built, as the form is not routed."""


@frozen(kw_only=True)
class Attempt:
    """One request and its answer."""

    attempt_id: str
    outcome: Literal["accepted", "refused", "failed", "unanswered", "not_routed"]
    """``refused``: for good (4xx). ``failed``: another try may help. ``unanswered``: iTel may
    have it all the same. ``not_routed``: there was no request, by ``itel_cabinet.submit_when``."""
    status_code: int | None
    itel_task_id: str | None
    response: str | None
    error: str | None
    sent_at: datetime | None
    ended_at: datetime
    latency_ms: float | None
    accepted_by: str | None = None
    """Rule by which an answer counts as a yes though its status says otherwise."""


@define
class Attempts:
    """Follows the requests that carry one submission, or a batch of them; a ``Watch``."""

    _clock: Clock
    _rules: tuple[AcceptingRule, ...] = ()
    _clean: Callable[[str], str] = str
    """Removes the credentials of the settings, which an answer may repeat."""
    made: list[Attempt] = field(factory=list, init=False)
    _id: str = field(default="", init=False)
    _open: int = field(default=0, init=False)
    _effect: bool = field(default=False, init=False)
    _sent_at: datetime = field(init=False)
    _began: float = field(default=0.0, init=False)

    def sending(self) -> Mapping[str, str]:
        """Begin a request and name it."""
        self._id, self._sent_at = uuid.uuid4().hex, self._clock.now()
        self._began = self._clock.monotonic()
        self._open += 1
        return {ATTEMPT_HEADER: self._id}

    def ended(self, result: Answer | RequestFailedError) -> None:
        """Note what came of it."""
        self._open -= 1
        self._effect |= not _had_no_effect(result)
        failed = isinstance(result, RequestFailedError)
        answer = result.answer if isinstance(result, RequestFailedError) else result
        rule = rule_of(self._rules, answer) if answer and not failed else None
        self.made.append(
            Attempt(
                attempt_id=self._id,
                outcome=_outcome(result),
                status_code=answer.status if answer else None,
                itel_task_id=itel_task_id(answer) if answer and not failed else None,
                response=self._clean(answer.body.decode("utf-8", "replace"))[:_SHOWN]
                if answer
                else None,
                error=self._clean(str(result))[:_ERROR_SHOWN] if failed else None,
                sent_at=self._sent_at,
                ended_at=self._clock.now(),
                latency_ms=round((self._clock.monotonic() - self._began) * 1000, 3),
                accepted_by=str(rule) if rule else None,
            )
        )

    @property
    def had_no_effect(self) -> bool:
        """Whether iTel surely did nothing with any of the requests."""
        return not self._effect and not self._open

    def records(
        self, about: Submitted, passed_on: tuple[tuple[str, bytes], ...] = ()
    ) -> list[OutRecord]:
        """Return one message for each request that carried what *about* says."""
        return [attempt_record(about, attempt, passed_on) for attempt in self.made]


def attempt_record(
    about: Submitted, attempt: Attempt, passed_on: tuple[tuple[str, bytes], ...] = ()
) -> OutRecord:
    """Return the message about one request; it names a rule only if one was applied."""
    message = asdict(about) | asdict(attempt)
    if attempt.accepted_by is None:
        del message["accepted_by"]
    return OutRecord(
        API_ATTEMPTS.name,
        msgspec.json.encode(message),
        about.idempotency_key.encode(),
        (("claimx-id", f"{attempt.attempt_id}/{about.idempotency_key}".encode()), *passed_on),
    )


def not_routed(about: Submitted, why: str, now: datetime) -> OutRecord:
    """Return the message about a form that is not sent: one row for each form and reason."""
    cause = hashlib.sha256(f"{about.idempotency_key}|{why}".encode()).hexdigest()
    return attempt_record(
        about,
        Attempt(
            attempt_id=f"not-routed-{cause[:16]}",
            outcome="not_routed",
            status_code=None,
            itel_task_id=None,
            response=None,
            error=why[:_ERROR_SHOWN],
            sent_at=None,
            ended_at=now,
            latency_ms=None,
        ),
    )


def payload_hash(payload: Mapping[str, Any]) -> str:
    """Return the SHA-256 of *payload* with its keys sorted, hexadecimal."""
    return hashlib.sha256(msgspec.json.encode(payload, order="sorted")).hexdigest()


def itel_task_id(answer: Answer) -> str | None:
    """Return what iTel calls the submission; None if the answer does not say.

    An id is remembered of every form, so what is as long as a text is not kept whole.
    """
    said = json_object(answer)
    found = label(said.get("itel_task_id")) if said else None
    return found and found[:_LONGEST_ID]


def _outcome(
    result: Answer | RequestFailedError,
) -> Literal["accepted", "refused", "failed", "unanswered"]:
    if not isinstance(result, RequestFailedError):
        return "accepted"
    if result.answer is None:
        return "failed" if result.unsent else "unanswered"
    return "refused" if result.category is Category.PERMANENT else "failed"


def _had_no_effect(result: Answer | RequestFailedError) -> bool:
    """Tell whether iTel surely did nothing: it refused the request, or never saw it."""
    if not isinstance(result, RequestFailedError):
        return False
    if result.status is None:
        return result.unsent
    return result.category is Category.PERMANENT or (
        _CLIENT_ERRORS <= result.status < _SERVER_ERRORS and result.status != _REQUEST_TIMEOUT
    )
