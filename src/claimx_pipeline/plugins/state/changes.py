"""A change that a plugin asks for, as it lies on the topic of changes."""

from __future__ import annotations

from typing import Any

import msgspec

from claimx_pipeline.errors import DecodeError
from claimx_pipeline.json_errors import why


class StateChange(msgspec.Struct, frozen=True):
    """One change of what a plugin remembers."""

    plugin: str
    key: str
    change: Any


_decode = msgspec.json.Decoder(StateChange).decode

MOST_KEY_BYTES = 512


def read_change(value: bytes | None) -> StateChange:
    """Return the change in a record's value.

    Raises:
        DecodeError: It is not a valid change.
    """
    try:
        return _decode(value or b"")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DecodeError(
            f"the record is not a change of a plugin's state: {why(error)}"
        ) from error


def check_key(key: object) -> None:
    """See that *key* may be a key of a state.

    Raises:
        TypeError: It is not text.
        ValueError: It is empty or too long.
    """
    if not isinstance(key, str):
        raise TypeError(f"a key of a state must be text, not {type(key).__name__}")
    if not key or len(key.encode("utf-8", "replace")) > MOST_KEY_BYTES:
        raise ValueError(f"a key of a state has 1 to {MOST_KEY_BYTES} bytes; {key[:60]!r} has not")
