"""Stage ``itel_send``: submits a completed form to the iTel Cabinet API."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, ClassVar

from attrs import define, field, frozen

from claimx_pipeline import Answer, Clock, Connection, Item, RecordError, Resources, failure
from itel_cabinet_plugin.form.model import ParsedForm
from itel_cabinet_plugin.submission.attempts import (
    Attempts,
    Submitted,
    itel_task_id,
    payload_hash,
)
from itel_cabinet_plugin.submission.payload import Payload, submission_of
from itel_cabinet_plugin.submission.schema import SubmissionSchema


@frozen(kw_only=True)
class SendConfig:
    """Options of ``itel_send``."""

    connection: str = "itel_cabinet_api"
    """Named connection that is sent to."""

    endpoint: str = "/api/v1/tasks"
    """Path of the submission."""

    method: str = "POST"
    """HTTP method of the submission."""

    submit_statuses: tuple[str, ...] = ("COMPLETED",)
    """Tasks in one of these states are submitted, others are skipped; case is ignored."""

    form_field: str = "form"
    """Field with the ``ParsedForm``."""

    result_field: str = "submission"
    """Where what iTel said goes: ``idempotency_key``, ``status_code``, ``itel_task_id``."""


@define
class _Submission:
    """One form on its way out, and the records that asked for it."""

    about: Submitted
    payload: Payload
    items: list[Item] = field(factory=list)


class SendStage:
    """Sends each completed form; a repetition carries the same ``Idempotency-Key``.

    Every request is reported, also that of a form which is refused or has to wait.
    """

    config_class: ClassVar[type[Any]] = SendConfig

    def __init__(self, config: SendConfig) -> None:
        self.config = config
        self._statuses = frozenset(status.casefold() for status in config.submit_statuses)
        self._connection: Connection
        self._schema: SubmissionSchema
        self._clock: Clock

    async def open(self, resources: Resources) -> None:
        """Find the connection and compile the schema.

        Raises:
            SettingsError: There is no such connection.
        """
        self._connection = resources.connections.get(self.config.connection)
        self._schema = SubmissionSchema()
        self._clock = resources.clock

    async def process(self, items: Sequence[Item]) -> None:
        """Submit what is completed, many at once but each form by one request."""
        waiting: dict[str, _Submission] = {}
        for item in items:
            try:
                self._prepare(item, waiting)
            except Exception as error:  # noqa: BLE001 - one record's failure is that record's outcome
                item.outcome = failure(error)
        await asyncio.gather(*(self._submit(each) for each in waiting.values()))

    async def close(self) -> None:
        """Nothing to release: the connection belongs to the process."""

    def _prepare(self, item: Item, waiting: dict[str, _Submission]) -> None:
        """Add the item's payload to *waiting*, or skip a task that is not completed.

        The status is the one that ClaimX answered with, not that of the event, which
        may be older.
        """
        parsed = item.data.get(self.config.form_field)
        if not isinstance(parsed, ParsedForm):
            raise RecordError(
                f"field {self.config.form_field!r} holds no form; stage itel_form must come before"
            )
        form = parsed.form
        if (form.status or "").casefold() not in self._statuses:
            item.skip(f"the task is {form.status}, which is not submitted")
            return
        payload = submission_of(parsed)
        self._schema.check(payload)
        key = f"itel/{form.assignment_id}/{form.form_response_id}"
        about = Submitted(
            idempotency_key=key,
            assignment_id=form.assignment_id,
            form_response_id=form.form_response_id,
            project_id=form.project_id,
            event_id=form.event_id,
            payload_hash=payload_hash(payload),
        )
        submission = waiting.setdefault(key, _Submission(about, payload))
        submission.about, submission.payload = about, payload
        submission.items.append(item)

    async def _submit(self, submission: _Submission) -> None:
        """Send one form; what becomes of it becomes of every record that asked for it."""
        attempts = Attempts(submission.about, self._clock)
        try:
            answer = await self._connection.request(
                self.config.method,
                self.config.endpoint,
                json=submission.payload,
                idempotency_key=submission.about.idempotency_key,
                watch=attempts,
            )
        except Exception as error:  # noqa: BLE001 - one form's failure is its own records' outcome
            for item in submission.items:
                item.outcome = failure(error)
        else:
            said = self._said(submission, answer)
            for item in submission.items:
                item.data[self.config.result_field] = said
        submission.items[-1].reports += attempts.records()

    def _said(self, submission: _Submission, answer: Answer) -> dict[str, Any]:
        return {
            "idempotency_key": submission.about.idempotency_key,
            "form_response_id": submission.about.form_response_id,
            "status_code": answer.status,
            "itel_task_id": itel_task_id(answer),
        }
