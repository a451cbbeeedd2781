"""Raw records as strangers write them: those that can be read, and those that cannot."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from attrs import frozen

from claimx_pipeline import OutRecord

Headers = tuple[tuple[str, bytes], ...]

HEADERS: tuple[Headers, ...] = (
    (("claimx-origin", b"elsewhere"),),
    (("claimx-attempts", "²".encode()),),
    (("claimx-attempts", b"9" * 5000),),
    (("claimx-hops", "²".encode()), ("claimx-first-failed", b"\xff\xfe")),
    (("claimx-retry-at", b"never"), ("claimx-origin-timestamp", b"1e999")),
    (("", b""), ("\U0001f4a9", b"\x00"), ("traceparent", b"\x00\xff")),
)
TIMESTAMPS = (253_402_300_800_000, 1_767_693_600_000_000, 0, 9_000_000_000_000_000_000)
"""Milliseconds of the year 10000, microseconds in their stead, none, and nearly the largest."""

NAUGHTY = ("../../etc", "\U0001f4a9", "a\u0000b", "' OR 1=1 --", "%2e%2e", "\u202etxt", "1e400")


@frozen
class Stranger:
    """One odd record and what is to become of it."""

    kind: str
    record: OutRecord
    event_id: str = ""
    """Under which it is to be stored once; empty if it is to be a dead letter."""
    timestamp_ms: int | None = None
    """Its record's own, where the broker takes one."""


def odd_record(
    good: Mapping[str, Any], number: int, topic: str, chance: Random, *, timed: bool
) -> Stranger:
    """Return the odd record *number*, made of an event that is good.

    Args:
        good: The event.
        number: Tells this record from all others of the run.
        topic: Where it goes.
        chance: Chooses what is odd about it.
        timed: Whether the broker takes timestamps from outside.
    """
    headers = chance.choice(HEADERS) if chance.random() < 0.5 else ()
    timestamp = chance.choice(TIMESTAMPS) if timed and chance.random() < 0.3 else None
    if chance.random() < 0.5:
        event_id = f"odd-{number}"
        kind = chance.choice(sorted(READABLE))
        value = READABLE[kind](_event(good, event_id), chance)
    else:
        event_id = ""
        kind = chance.choice(sorted(UNREADABLE))
        value = UNREADABLE[kind](_event(good, f"bad-{number}"), chance)
    key = chance.choice([None, b"", b"\xff", f"k{number}".encode()])
    if value is None and key is None:
        key = b""  # aiokafka sends no record without both
    return Stranger(kind, OutRecord(topic, value, key, headers), event_id, timestamp)


def _event(good: Mapping[str, Any], event_id: str) -> dict[str, Any]:
    """Return the event with one spelling and an id of its own."""
    plain = {
        name: value
        for name, value in good.items()
        if name not in ("event_id", "eventId", "ingested_at", "ingestedAt")
    }
    return {**plain, "event_id": event_id, "ingested_at": "2026-01-12T09:00:00Z"}


def _dump(event: Mapping[str, Any], **more: Any) -> bytes:
    return json.dumps({**event, **more}).encode()


def _ids_as_doubles(event: Mapping[str, Any], _: Random) -> bytes:
    return _dump(
        {
            name: float(value) if isinstance(value, int) and name != "event_id" else value
            for name, value in event.items()
        }
    )


READABLE: Mapping[str, Callable[[dict[str, Any], Random], bytes]] = {
    "half an emoji": lambda e, _: _dump(e)[:-1] + rb',"note":"\ud83d"}',
    "latin-1": lambda e, _: _dump(e)[:-1] + b',"note":"caf\xe9"}',
    "byte-order mark": lambda e, _: b"\xef\xbb\xbf" + _dump(e),
    "ids as doubles": _ids_as_doubles,
    "time as epoch ms": lambda e, _: _dump(e, ingested_at=1_768_208_400_000),
    "time with +0000": lambda e, _: _dump(e, ingested_at="2026-01-12T09:00:00+0000"),
    "time with small z": lambda e, _: _dump(e, ingested_at="2026-01-12T09:00:00z"),
    "no time": lambda e, _: _dump(e, ingested_at=None),
    "naughty name": lambda e, c: _dump(e, master_file_name=c.choice(NAUGHTY)),
    "good but for its headers": lambda e, _: _dump(e),
}
# What is kept as it came must be JSON: a raw tab is none, while half an emoji is.
UNREADABLE: Mapping[str, Callable[[dict[str, Any], Random], bytes | None]] = {
    "raw tab": lambda e, _: _dump(e)[:-1] + b',"note":"a\tb"}',
    "cut off": lambda e, c: _dump(e)[: c.randint(5, 40)],
    "broken": lambda e, _: b"{broken " + str(e["event_id"]).encode(),
    "tombstone": lambda _, __: None,
    "empty": lambda _, __: b"",
    "a list": lambda e, _: json.dumps([e]).encode(),
    "deep": lambda e, _: b"[" * 100_000 + str(e["event_id"]).encode(),
    "no type": lambda e, _: json.dumps({"event_id": e["event_id"], "project_id": 1}).encode(),
    "no project": lambda e, _: json.dumps({"event_id": e["event_id"], "event_type": "X"}).encode(),
    "half an id": lambda e, _: json.dumps(
        {"event_id": e["event_id"], "event_type": "X", "project_id": 1.5}
    ).encode(),
    "no point in time": lambda e, _: _dump(e, ingested_at="yesterday"),
    "UTF-16": lambda e, _: json.dumps(e).encode("utf-16"),
    "gzip": lambda e, _: b"\x1f\x8b\x08\x00" + str(e["event_id"]).encode(),
}
