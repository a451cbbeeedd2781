"""An alert as the receiver of a webhook wants it: Slack, Teams, or plain JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

Format = Literal["slack", "teams", "json"]

MOST_CHARACTERS = 2000
"""Of the text; chats refuse or cut what is longer."""


def body(form: Format, kind: str, text: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON body of one alert.

    Args:
        form: What it is for.
        kind: ``dead_letter``, ``not_ready``, ``ready`` or ``rows``.
        text: The alert in words.
        facts: The same, to be read by a program.
    """
    short = text if len(text) <= MOST_CHARACTERS else f"{text[: MOST_CHARACTERS - 1]}…"
    if form == "slack":
        # These three have a meaning in Slack's text.
        for sign, written in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
            short = short.replace(sign, written)
        return {"text": short}
    if form == "teams":
        block = {"type": "TextBlock", "text": short, "wrap": True}
        card = {
            "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
            "type": "AdaptiveCard",
            "version": "1.4",
            "body": [block],
        }
        content = {"contentType": "application/vnd.microsoft.card.adaptive", "content": card}
        return {"type": "message", "attachments": [content]}
    return {"kind": kind, "text": text, **facts}
