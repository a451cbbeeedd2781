"""Reads the JSON of an answer, one bad character in it included.

One character that JSON does not allow must not cost an answer that many records share. So what
the strict reader refuses is read once more: bytes that are not UTF-8 and halves of surrogate
pairs become U+FFFD, raw control characters stay, and numbers that are none (``NaN``) are null.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

import msgspec

from claimx_pipeline.json_errors import why

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_REPLACEMENT = "\ufffd"
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_ESCAPED_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_MOST_DIGITS = 4000
"""Python reads no longer whole number, so a longer one is null."""


_ESCAPE = re.compile(
    r"\\(?:(u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})"
    r"|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
"""A pair of surrogates, half of one, or any other escape."""


class NotJsonError(ValueError):
    """The text is not JSON, and not JSON with a few bad characters."""

    def __init__(self, reason: str, *, begun: bool) -> None:
        super().__init__(reason)
        self.begun = begun
        """It begins as an object or a list does, so the service meant to answer."""


def read_json(body: bytes) -> tuple[Any, str]:
    """Return what *body* holds, and what had to be overlooked; "" if nothing had to be.

    Raises:
        NotJsonError: It cannot be read.
    """
    text = body.removeprefix(_BYTE_ORDER_MARK)
    try:
        return msgspec.json.decode(text), ""
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        refused = why(error)
    try:
        return _tolerant(text), refused
    except (ValueError, RecursionError):
        begun = text.lstrip()[:1] in (b"{", b"[")
        raise NotJsonError(refused, begun=begun) from None


def without_bad_characters(text: bytes) -> bytes:
    """Return JSON with U+FFFD for bytes that are not UTF-8 and for halves of surrogate pairs.

    All else stays as it is, right or wrong: for texts that are kept as they came.
    """
    readable = text.decode("utf-8", "replace")
    return _ESCAPE.sub(lambda found: "\\ufffd" if found[2] else found[0], readable).encode()


def _tolerant(text: bytes) -> Any:
    encoding = json.detect_encoding(text)
    readable = text.decode(encoding.removesuffix("-sig"), "replace").removeprefix("\ufeff")
    found = json.loads(
        readable,
        strict=False,
        parse_constant=lambda _name: None,
        parse_float=_number,
        parse_int=lambda digits: int(digits) if len(digits) <= _MOST_DIGITS else None,
    )
    return _whole(found) if encoding != "utf-8" or _ESCAPED_SURROGATE.search(text) else found


def _number(digits: str) -> float | None:
    number = float(digits)
    return number if math.isfinite(number) else None


def _whole(value: Any) -> Any:
    """Return *value* with every half of a surrogate pair replaced."""
    if isinstance(value, str):
        return _LONE_SURROGATE.sub(_REPLACEMENT, value)
    if isinstance(value, list):
        return [_whole(item) for item in value]
    if isinstance(value, dict):
        return {_whole(key): _whole(item) for key, item in value.items()}
    return value
