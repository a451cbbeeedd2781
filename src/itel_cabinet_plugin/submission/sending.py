"""Sends requests to iTel and notes what became of them."""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

import msgspec
from attrs import define, evolve

from claimx_pipeline import Category, Clock, OutRecord, RecordError, failure
from claimx_pipeline.connections import Answer
from claimx_pipeline.stages import Item
from itel_cabinet_plugin.form.model import CabinetForm, ParsedForm
from itel_cabinet_plugin.submission.accepting import AcceptingVerdict
from itel_cabinet_plugin.submission.attempts import (
    Attempt,
    Attempts,
    Submitted,
    attempt_record,
    itel_task_id,
    payload_hash,
)
from itel_cabinet_plugin.submission.ledger import Accepted, FormLedger
from itel_cabinet_plugin.submission.profile import Made, Profile
from itel_cabinet_plugin.submission.request import Request

_IN_HEADERS: Final = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) != "%")
"""What an id may have in a header as it is."""


@define(eq=False)
class WantedForm:
    """A completed form, and the records that ask for its submission."""

    parsed: ParsedForm
    profile: Profile
    content: str
    items: list[Item]

    @property
    def name(self) -> str:
        """What the form is called: its idempotency key, as long as it says one thing."""
        return form_name(self.parsed.form)

    @property
    def again(self) -> bool:
        """Whether an operator wants it sent even if iTel has it."""
        return any(item.again for item in self.items)

    def absent(self, request: Request) -> WantedForm:
        """Return a form of the same request that no record of this batch asks for."""
        return WantedForm(self.parsed, self.profile, request.content, [])


def form_name(form: CabinetForm) -> str:
    """Return what a form is called in keys of messages and headers of requests.

    An id is text from outside; what a header cannot hold is percent-encoded.
    """
    response = form.form_response_id
    return f"itel/{form.assignment_id}/{response and quote(response, safe=_IN_HEADERS)}"


@define(eq=False)
class Part:
    """One form in a request."""

    form: WantedForm
    request: Request
    fresh: bool
    """It is free to go out with any others: nothing was sent, or surely nothing came of it."""

    @property
    def passed_on(self) -> tuple[tuple[str, bytes], ...]:
        """Headers of all that the form leads to."""
        items = self.form.items
        return items[-1].passed_on if items else self.request.passed_on

    def reports(self, attempts: Attempts) -> list[OutRecord]:
        """Return what is reported of the requests that carried the form."""
        return attempts.records(_about(self.request), self.passed_on)


@define(eq=False)
class Sender:
    """Sends requests; what becomes of one becomes of every record that asked for it."""

    _ledger: FormLedger
    _clock: Clock
    _method: str
    _result_field: str
    _framed: bool
    _clean: Callable[[str], str] = str
    """Removes the credentials of the settings from what iTel has said."""

    def request(self, form: WantedForm, made: Made) -> Request:
        """Return a new request about a form."""
        read, body_hash = form.parsed.form, payload_hash(made.payload)
        return Request(
            form=form.name,
            content=form.content,
            key=self._ledger.key(form.name, body_hash),
            body=msgspec.json.encode(made.payload),
            body_hash=body_hash,
            links_until=made.links_until,
            made_at=self._clock.now(),
            intent_id=uuid.uuid4().hex,
            assignment_id=read.assignment_id,
            form_response_id=read.form_response_id,
            project_id=read.project_id,
            event_id=read.event_id,
        )

    async def announce(self, groups: Sequence[Sequence[Part]]) -> None:
        """Keep what is about to be sent, so that it can be sent again as it was.

        Raises:
            BrokerError: It cannot be kept; nothing may be sent.
        """
        now = self._clock.now()
        for group in groups:
            names = tuple(part.request.form for part in group)
            for part in group:
                part.request = evolve(
                    part.request,
                    batch=names if len(names) > 1 else (),
                    framed=self._framed,
                    made_at=now,
                    nothing_done=False,
                    passed_on=part.passed_on,
                )
        if groups:
            await self._ledger.sending([part.request for group in groups for part in group])

    async def send(self, group: Sequence[Part]) -> None:
        """Send one request, and form by form if it is refused for good."""
        profile = group[0].form.profile
        # Of several forms it is not known which of them is there already: they go one by one.
        rules = profile.accepts if len(group) == 1 else ()
        attempts = Attempts(self._clock, rules, self._clean)
        requests = [part.request for part in group]
        items = [item for part in group for item in part.form.items]
        try:
            answer = await profile.connection.request(
                self._method,
                profile.endpoint,
                json=_body(requests),
                headers=profile.headers,
                idempotency_key=_key(requests),
                watch=attempts,
                verdict=AcceptingVerdict(rules),
                endpoint=profile.endpoint,
            )
        except BaseException as error:  # noqa: BLE001 - one form's failure is its own records' outcome
            for item in items:
                item.outcome = failure(error)
            left = [each for part in group for each in part.reports(attempts)]
            if attempts.had_no_effect:
                left += await self._ledger.nothing_done(requests)
        else:
            for part in group:
                for item in part.form.items:
                    item.data[self._result_field] = _said(part.request, answer)
            left = await self._ledger.accept(
                [_accepted(each, answer) for each in requests],
                [each for part in group for each in part.reports(attempts)],
                {part.request.form: part.passed_on for part in group},
            )
        items[-1].reports += left
        if len(group) > 1 and _refused(items[0]):
            await self._one_by_one([part for part in group if part.form.items])

    async def _one_by_one(self, parts: Sequence[Part]) -> None:
        """Send each form alone: one bad form must not cost the others."""
        for part in parts:
            for item in part.form.items:
                item.outcome = None
        alone = [[part] for part in parts]
        try:
            await self.announce(alone)
        except BaseException as error:  # noqa: BLE001 - these records' outcome
            why = f"a form is sent only once its request is kept, and it cannot be: {error}"
            for part in parts:
                for item in part.form.items:
                    item.outcome = failure(RecordError(why, Category.TRANSIENT, outage=True))
            return
        await asyncio.gather(*(self.send(part) for part in alone))

    def keep_back(self, form: WantedForm, request: Request) -> None:
        """Do not send a form that iTel may have or not, and report it."""
        why = (
            f"iTel may have form {form.name}: it did not answer the request of "
            f"{request.made_at:%Y-%m-%d %H:%M:%S} UTC, and the photo links in it ended at "
            f"{request.links_until:%Y-%m-%d %H:%M:%S} UTC, so it cannot be sent again as it was; "
            "ask iTel, and if it does not have the form, send it with new links by "
            "'claimx-run dlq replay --again'"
        )
        now = self._clock.now()
        attempt = Attempt(
            attempt_id=request.intent_id,
            outcome="unanswered",
            status_code=None,
            itel_task_id=None,
            response=None,
            error=why,
            sent_at=request.made_at,
            ended_at=now,
            latency_ms=round((now - request.made_at).total_seconds() * 1000, 3),
        )
        for item in form.items:
            item.outcome = failure(RecordError(why))
        form.items[-1].reports.append(attempt_record(_about(request), attempt))


def _body(requests: Sequence[Request]) -> Any:
    if not requests[0].framed:
        return msgspec.Raw(requests[0].body)
    return {
        "tasks": [msgspec.Raw(each.body) for each in requests],
        "batch_size": len(requests),
    }


def _key(requests: Sequence[Request]) -> str:
    """Return the name of the request: the form's, or one made of all forms' names."""
    keys = [each.key for each in requests]
    if len(keys) == 1:
        return keys[0]
    return f"itel/batch/{hashlib.sha256('|'.join(sorted(keys)).encode()).hexdigest()}"


def _refused(item: Item) -> bool:
    """Tell whether the item's request was refused for good."""
    error = getattr(item.outcome, "error", None)
    return isinstance(error, RecordError) and error.category is Category.PERMANENT


def _about(request: Request) -> Submitted:
    return Submitted(
        idempotency_key=request.key,
        assignment_id=request.assignment_id,
        form_response_id=request.form_response_id,
        project_id=request.project_id,
        event_id=request.event_id,
        payload_hash=request.body_hash,
    )


def _accepted(request: Request, answer: Answer) -> Accepted:
    return Accepted(
        form=request.form,
        content=request.content,
        idempotency_key=request.key,
        body_hash=request.body_hash,
        assignment_id=request.assignment_id,
        form_response_id=request.form_response_id,
        project_id=request.project_id,
        event_id=request.event_id,
        itel_task_id=itel_task_id(answer),
        status_code=answer.status,
        accepted_at=answer.answered_at,
    )


def _said(request: Request, answer: Answer) -> Mapping[str, Any]:
    return {
        "idempotency_key": request.key,
        "form_response_id": request.form_response_id,
        "status_code": answer.status,
        "itel_task_id": itel_task_id(answer),
        "already_accepted": False,
    }
