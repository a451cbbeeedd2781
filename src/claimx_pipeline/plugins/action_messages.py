"""Messages that ask worker ``actions`` to do something outside for a plugin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec
from attrs import field, frozen

from claimx_pipeline.errors import DecodeError
from claimx_pipeline.hooks.result import CreateClaimxTask, Webhook


@frozen
class WebhookCall:
    """An HTTP request to a URL, or to a path of a connection."""

    method: str
    url: str | None = None
    connection: str | None = None
    path: str = "/"
    headers: Mapping[str, str] = field(factory=dict, repr=False)
    body: Any = field(default=None, repr=False)
    timeout: float | None = None
    """Seconds."""
    headers_from: str | None = None
    """Key in the plugin's ``webhook_headers()``: the headers themselves stay out of the topic."""


@frozen
class TaskRequest:
    """A task that ClaimX is to create."""

    task_type: str
    task_data: Mapping[str, Any]
    connection: str
    project_id: str | None = None
    claim_number: str | None = None
    use_primary_contact_as_sender: bool = True
    sender_username: str | None = None


@frozen
class ActionMessage:
    """One action; on ``claimx.actions.pending``, keyed by event."""

    kind: Literal["webhook", "create_claimx_task"]
    plugin: str
    event_id: str
    project_id: str
    webhook: WebhookCall | None = None
    create_claimx_task: TaskRequest | None = None

    @classmethod
    def of(
        cls, action: Webhook | CreateClaimxTask, *, plugin: str, event_id: str, project_id: str
    ) -> ActionMessage:
        """Return the message that asks for *action*."""
        if isinstance(action, Webhook):
            call = WebhookCall(
                action.method,
                action.url,
                action.connection,
                action.path,
                action.headers,
                action.body,
                action.timeout,
                action.headers_from,
            )
            return cls("webhook", plugin, event_id, project_id, webhook=call)
        own_project = project_id if action.claim_number is None else None
        wanted = TaskRequest(
            action.task_type,
            action.task_data,
            action.connection,
            action.project_id or own_project,
            action.claim_number,
            action.use_primary_contact_as_sender,
            action.sender_username,
        )
        return cls("create_claimx_task", plugin, event_id, project_id, create_claimx_task=wanted)


def to_json(value: Any) -> bytes:
    """Return *value* as JSON; what JSON has no form for becomes its text.

    Raises:
        ValueError: It cannot be written: it holds itself, or a key that is not text.
    """
    try:
        return msgspec.json.encode(value, enc_hook=str)
    except (TypeError, RecursionError, msgspec.MsgspecError) as error:
        raise ValueError(f"{type(value).__name__} cannot be written as JSON: {error}") from error


def decode_action(value: bytes | None) -> ActionMessage:
    """Return the action in a record's value.

    Raises:
        DecodeError: It is none.
    """
    if not value:
        raise DecodeError("the record is empty; an action is a JSON object")
    try:
        message = _decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DecodeError(f"the record is not a valid action: {error}") from error
    if getattr(message, message.kind) is None:
        raise DecodeError(f"the record is not a valid action: it lacks {message.kind!r}")
    return message


_decode = msgspec.json.Decoder(ActionMessage).decode
