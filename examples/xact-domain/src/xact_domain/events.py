"""An event of the domain, and how it is read from a record."""

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Any

import msgspec
from attrs import frozen

from claimx_pipeline import DecodeError, Settings
from claimx_pipeline.domain import NO_PAYLOAD, Decode
from claimx_pipeline.values import read_time
from xact_domain.ids import event_id
from xact_domain.settings import section

SPELLINGS = {
    "type": ("type",),
    "version": ("version",),
    "utcDateTime": ("utcDateTime", "utc_datetime"),
    "traceId": ("traceId", "trace_id"),
    "eventId": ("eventId", "event_id"),
    "data": ("data",),
}
"""Key of an event to how it may be spelled, in the order in which it is kept."""

LONG = 10
"""Digits from which a version is not taken for a number."""

# Numbers keep their digits: an amount of 1.50 is not written as 1.5.
_decode = msgspec.json.Decoder(float_hook=Decimal).decode
_encode = msgspec.json.Encoder(decimal_format="number").encode


@frozen
class XactEvent:
    """The status of an assignment has changed."""

    event_id: str
    event_type: str
    """Dotted; anything is accepted."""
    trace_id: str
    ingested_at: datetime
    """The source's own time of the event."""
    version: str = "1"
    id_has_time: bool = False
    payload: msgspec.Raw = NO_PAYLOAD

    @property
    def key(self) -> str:
        """The trace id: every event has one, also one without an assignment."""
        return self.trace_id

    @property
    def status_subtype(self) -> str:
        """What happened, the last part of the type: ``documentsReceived``."""
        return self.event_type.rpartition(".")[2]

    @cached_property
    def _given_data(self) -> Any:
        said = _decode(self.payload)
        return said.get("data") if isinstance(said, dict) else None

    @property
    def data(self) -> Mapping[str, Any]:
        """What the event says; empty if that cannot be read."""
        return self._given_data if isinstance(self._given_data, dict) else {}

    @property
    def unreadable(self) -> bool:
        """Whether ``data`` is there and is not a JSON object."""
        return self._given_data is not None and not isinstance(self._given_data, dict)

    @property
    def assignment_id(self) -> str:
        """The assignment; empty if the event names none."""
        return as_text(self.data.get("assignmentId")) or ""

    @property
    def estimate_version(self) -> str:
        """The version of the estimate; empty if there is none."""
        return as_text(self.data.get("estimateVersion")) or ""

    @property
    def attachments(self) -> tuple[str, ...]:
        """Links to its files, as they were given."""
        return tuple(link for link in self.given_attachments if is_link(link))

    @property
    def given_attachments(self) -> list[Any]:
        """What the event has where its attachments should be, also what is not a link."""
        given = self.data.get("attachments")
        if given is None:
            return []
        return given if isinstance(given, list) else [given]


def is_link(given: Any) -> bool:
    """Return whether *given* can be taken for a link; whether it leads anywhere is seen later."""
    return isinstance(given, str) and bool(given.strip())


def as_text(value: Any) -> str | None:
    """Return *value* as a column of text has it; None for null and blank text."""
    if isinstance(value, str):
        return value.strip() or None
    return None if value is None else _encode(value).decode()


def decoder(settings: Settings) -> Decode:
    """Return the function that reads an event from a record."""
    ours = section(settings)
    path = tuple(ours.payload_path.split(".")) if ours.payload_path else ()

    def decode(
        value: bytes | None,
        timestamp_ms: int | None,
        origin: Callable[[], str] = str,
        now: Callable[[], datetime] | None = None,
        /,
    ) -> XactEvent:
        said = _said(value, path)
        event_type = said["type"] = _filled(said, "type")
        trace_id = said["traceId"] = _filled(said, "traceId")
        version = said["version"] = _version(said.get("version"))
        try:
            at = read_time(said.get("utcDateTime") or "")
        except (TypeError, ValueError, AttributeError) as error:
            raise _refused(f"'utcDateTime' is {said.get('utcDateTime')!r:.60}: {error}") from error
        return XactEvent(
            event_id=as_text(said.get("eventId")) or event_id(trace_id, ours.id_namespace),
            event_type=event_type,
            trace_id=trace_id,
            ingested_at=at,
            version=str(version),
            payload=msgspec.Raw(_encode(said)),
        )

    return decode


def _version(given: Any) -> int | str:
    """Return the version, a number if it is one; 1 if there is none."""
    shown = as_text(given) or "1"
    return int(shown) if shown.isascii() and shown.isdigit() and len(shown) < LONG else shown


def _said(value: bytes | None, path: tuple[str, ...]) -> dict[str, Any]:
    """Return the keys of the event under their first spelling, ``data`` as an object."""
    given = _object(value or b"", "the record")
    for key in path:
        given = _object(given.get(key), f"{key!r} of the record")
    said: dict[str, Any] = {}
    for key, spellings in SPELLINGS.items():
        found = [given[each] for each in spellings if given.get(each) is not None]
        if found or key in ("type", "version", "traceId"):
            said[key] = found[0] if found else None
    if isinstance(said.get("data"), str):
        said["data"] = _unpacked(said["data"])
    known = {each for spellings in SPELLINGS.values() for each in spellings}
    return said | {key: given[key] for key in sorted(given.keys() - known)}


def _unpacked(data: str) -> Any:
    """Return what *data* holds; what cannot be read stays as it is."""
    try:
        return _decode(data)
    except (msgspec.DecodeError, RecursionError):
        return data


def _object(given: Any, what: str) -> dict[str, Any]:
    if isinstance(given, str | bytes):
        try:
            given = _decode(given)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise _refused(f"{what} is not JSON: {error}") from error
    if not isinstance(given, dict):
        raise _refused(f"{what} is not a JSON object")
    return given


def _filled(said: Mapping[str, Any], key: str) -> str:
    given = said.get(key)
    if not (isinstance(given, str) and given.strip()):
        raise _refused(f"{key!r} is {given!r:.60}, and has to be a text that is not empty")
    return given.strip()


def _refused(why: str) -> DecodeError:
    return DecodeError(f"the record is not a valid xact event: {why}")
