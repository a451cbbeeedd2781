"""Envelopes: an event may lie at a path inside its record, with its time at another."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import msgspec
from attrs import field, frozen

from claimx_pipeline.claimx.event_fields import Value, read_tolerantly, time_in
from claimx_pipeline.errors import DecodeError
from claimx_pipeline.json_errors import why
from claimx_pipeline.settings.tree.claimx import EventsSettings

Keys = Mapping[str, msgspec.Raw]
"""The keys of a JSON object, with their values unread."""

_decode_keys = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_value = msgspec.json.Decoder(Value).decode
_decode_text = msgspec.json.Decoder(str).decode
_BLANKS = b" \t\r\n"
_TEXT, _OBJECT = b'"', b"{"
_FEW = 8
"""Keys that a sentence names."""


def parts_of(path: str) -> tuple[str, ...]:
    """Return the keys that a dotted path leads through; none for an empty path."""
    return tuple(path.split(".")) if path else ()


@frozen
class Envelope:
    """Where in its record an event lies."""

    payload_path: str
    """Where the event is: keys joined by dots; empty if it is the record itself."""
    time_path: str = ""
    """Where the time is of an event that has none of its own; empty if nowhere."""
    marks: frozenset[str] = frozenset()
    """Keys of the record by which this envelope is known without being set."""
    _payload: tuple[str, ...] = field(init=False)
    _time: tuple[str, ...] = field(init=False)

    @_payload.default
    def _payload_keys(self) -> tuple[str, ...]:
        return parts_of(self.payload_path)

    @_time.default
    def _time_keys(self) -> tuple[str, ...]:
        return parts_of(self.time_path)

    def payload(self, keys: Keys, text: bytes) -> bytes | None:
        """Return the JSON of the event; None if there is no object where it should be.

        Args:
            keys: The record's keys.
            text: The record itself.
        """
        if not self._payload:
            return text
        found = _at(keys, self._payload)
        inner = None if found is None else _unwrapped(bytes(found))
        return inner if inner is not None and inner.startswith(_OBJECT) else None

    def time(self, keys: Keys) -> datetime | None:
        """Return the time that the envelope gives the event; None if it gives none.

        Raises:
            DecodeError: What is there is not a point in time.
        """
        if not self._time or (found := _at(keys, self._time)) is None:
            return None
        try:
            value = _decode_value(found)
        except (msgspec.DecodeError, RecursionError):
            value = bytes(found).decode("utf-8", "replace")
        return time_in(self.time_path, value)


PRESETS: Mapping[str, Envelope] = {
    "source_event": Envelope(
        "payload", "ingested_at", frozenset({"source_event_id", "source_id", "payload"})
    ),
    "gateway": Envelope(
        "payload",
        "source.original_timestamp",
        frozenset({"envelope_id", "source", "event", "payload"}),
    ),
}
"""The envelopes that are known by name. Their own ids name a delivery, not an event: they are
never read."""


def envelope_of(settings: EventsSettings) -> Envelope | None:
    """Return the envelope that *settings* describe; None if events are to be bare."""
    preset = Envelope("") if settings.preset is None else PRESETS[settings.preset]
    payload, time = settings.payload_path, settings.time_path
    if settings.preset is None and payload is None and time is None:
        return None
    return Envelope(
        preset.payload_path if payload is None else payload,
        preset.time_path if time is None else time,
    )


def read_keys(value: bytes | None) -> tuple[Keys, bytes]:
    """Return the keys of a record that is a JSON object, and its text.

    Raises:
        DecodeError: It is not a JSON object.
    """
    return read_tolerantly(value, _decode_keys)


def known_envelope(keys: Keys) -> Envelope | None:
    """Return the envelope that a record with *keys* is in beyond doubt, None if there is none."""
    return next((one for one in PRESETS.values() if one.marks <= keys.keys()), None)


def named(keys: Keys) -> str:
    """Return the first of *keys* for an error's text."""
    shown = [repr(key[:40]) for key in list(keys)[:_FEW]]
    if len(keys) > _FEW:
        shown.append(f"{len(keys) - _FEW} more")
    return ", ".join(shown) or "none"


def _at(keys: Keys, path: tuple[str, ...]) -> msgspec.Raw | None:
    """Return what is at *path*; None if nothing is."""
    found = keys.get(path[0])
    for part in path[1:]:
        inner = None if found is None else _unwrapped(bytes(found))
        if inner is None or not inner.startswith(_OBJECT):
            return None
        try:
            found = _decode_keys(inner).get(part)
        except (msgspec.DecodeError, RecursionError):
            return None
    return found


def _unwrapped(raw: bytes) -> bytes | None:
    """Return the JSON in *raw*, which may be a text that holds it; None for a blank text."""
    if not raw.startswith(_TEXT):
        return raw
    try:
        return _decode_text(raw).encode().lstrip(_BLANKS) or None
    except msgspec.DecodeError as error:
        raise DecodeError(f"the event is not JSON: {why(error)}") from error
