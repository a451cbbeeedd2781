"""Messages that ask worker ``actions`` to do something outside for a plugin."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import msgspec
from attrs import field, frozen

from claimx_pipeline.domain.domain import ActionKind
from claimx_pipeline.errors import DecodeError
from claimx_pipeline.hooks.context import HookContext
from claimx_pipeline.hooks.domain_action import DomainAction
from claimx_pipeline.hooks.result import Webhook
from claimx_pipeline.json_errors import why

WEBHOOK = "webhook"
"""The kind of action that belongs to no domain."""


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
class ActionMessage:
    """One action; in the topic of actions, keyed by event."""

    kind: str
    """``webhook``, or the name of a domain's ``ActionKind``."""
    plugin: str
    """Who asks for it."""
    event_id: str
    """The event that it reacted to."""
    webhook: WebhookCall | None = None
    """What is to be called, if the kind is ``webhook``."""
    asked: Any = None
    """What the domain's service is asked to do, of the class that the ``ActionKind`` names."""


def action_value(action: Webhook | DomainAction, plugin: str, context: HookContext) -> bytes:
    """Return the message that asks for *action* as JSON.

    Raises:
        ValueError: It cannot be carried out, or not be written.
    """
    if isinstance(action, Webhook):
        kind, asked = WEBHOOK, _call(action)
    else:
        kind, asked = action.kind, action.asked(context.domain, context.key)
    return to_json(
        {
            "kind": kind,
            "plugin": plugin,
            "event_id": context.event_id,
            context.key_name: context.key,
            kind: asked,
        }
    )


def _call(action: Webhook) -> WebhookCall:
    return WebhookCall(
        action.method,
        action.url,
        action.connection,
        action.path,
        action.headers,
        action.body,
        action.timeout,
        action.headers_from,
    )


def to_json(value: Any) -> bytes:
    """Return *value* as JSON; what JSON has no form for becomes its text.

    Raises:
        ValueError: It cannot be written: it holds itself, or a key that is not text.
    """
    try:
        return msgspec.json.encode(value, enc_hook=str)
    except (TypeError, RecursionError, msgspec.MsgspecError) as error:
        raise ValueError(f"{type(value).__name__} cannot be written as JSON: {error}") from error


def decode_action(
    value: bytes | None, kinds: Mapping[str, ActionKind] = MappingProxyType({})
) -> ActionMessage:
    """Return the action in a record's value.

    Args:
        value: The record's value.
        kinds: The kinds of action of every domain, by name.

    Raises:
        DecodeError: It is not a valid action, or of a kind that is not known here.
    """
    if not value:
        raise DecodeError("the record is empty; an action is a JSON object")
    try:
        found = _decode(value)
        if found.kind == WEBHOOK:
            asked = None
        elif found.kind in kinds:
            asked = _asked(value, kinds[found.kind])
        else:
            known = ", ".join([WEBHOOK, *kinds])
            raise DecodeError(
                f"plugin {found.plugin[:60]!r} asks for an action of the kind "
                f"{found.kind[:60]!r}, which this worker does not know (it knows {known}); "
                "install the plugin whose domain declares it, then replay the dead letter"
            )
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DecodeError(f"the record is not a valid action: {why(error)}") from error
    if (found.webhook if found.kind == WEBHOOK else asked) is None:
        raise DecodeError(f"the record is not a valid action: it lacks {found.kind!r}")
    return ActionMessage(found.kind, found.plugin, found.event_id, found.webhook, asked)


def _asked(value: bytes, kind: ActionKind) -> Any:
    asked = _decode_parts(value).get(kind.name)
    return None if asked is None else msgspec.json.decode(asked, type=kind.asked | None)


class _Received(msgspec.Struct):
    """An ``ActionMessage`` before what is asked of a domain's service is read."""

    kind: str
    plugin: str
    event_id: str
    webhook: WebhookCall | None = None


_decode = msgspec.json.Decoder(_Received).decode
_decode_parts = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
