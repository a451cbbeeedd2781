"""A value that a plugin remembers, as it lies on the topic of states."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from attrs import field, frozen

from claimx_pipeline.broker.protocol import OutRecord, Record
from claimx_pipeline.errors import DecodeError
from claimx_pipeline.json_errors import why
from claimx_pipeline.topics import PLUGIN_STATES

StateKey = tuple[str, str]
"""Name of the plugin, and its own key."""


@frozen
class Applied:
    """How far the changes of one partition have become part of a value."""

    offset: int
    """Of the last change that did."""
    time: int
    """The latest timestamp among them, milliseconds: a topic that was deleted and made again
    begins with offset 0, but later."""


@frozen
class Entry:
    """A value, and the changes that it is made of."""

    value: bytes | None
    """As JSON; None once the plugin has forgotten it, which must not be done twice either."""
    applied: Mapping[int, Applied] = field(factory=dict)
    """By partition of the topic of changes; one, unless the number of partitions was changed."""

    def has(self, change: Record) -> bool:
        """Return whether *change* is part of the value already."""
        at = self.applied.get(change.partition)
        return at is not None and change.offset <= at.offset and change.timestamp <= at.time

    def changed(self, value: bytes | None, change: Record) -> Entry:
        """Return the entry after *change* has made *value* of it."""
        before = self.applied.get(change.partition)
        time = max(change.timestamp, before.time) if before else change.timestamp
        return Entry(value, {**self.applied, change.partition: Applied(change.offset, time)})

    @property
    def order(self) -> tuple[int, int]:
        """What says which of two entries of one key is the newer one.

        Not which was published last: an owner that does not know yet that it is none any more
        may publish late.
        """
        return max(((each.time, each.offset) for each in self.applied.values()), default=(0, -1))


NOTHING = Entry(None)


class _Stored(msgspec.Struct):
    plugin: str
    key: str
    applied: dict[int, tuple[int, int]]
    value: msgspec.Raw = msgspec.Raw(b"null")
    forgotten: bool = False


_decode = msgspec.json.Decoder(_Stored).decode


def record_of(key: StateKey, entry: Entry) -> OutRecord:
    """Return *entry* as a record for the topic of states."""
    stored = _Stored(
        plugin=key[0],
        key=key[1],
        applied={name: (at.offset, at.time) for name, at in entry.applied.items()},
        value=msgspec.Raw(entry.value if entry.value is not None else b"null"),
        forgotten=entry.value is None,
    )
    return OutRecord(PLUGIN_STATES.name, msgspec.json.encode(stored), key_bytes(*key))


def key_bytes(plugin: str, key: str) -> bytes:
    """Return the key of the records about one value: of its changes, and of itself."""
    return f"{plugin}:{key}".encode()


def read_entry(record: Record) -> tuple[StateKey, Entry]:
    """Return what *record* of the topic of states holds.

    Raises:
        DecodeError: It is not a state.
    """
    try:
        stored = _decode(record.value or b"")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DecodeError(f"the record is not a state of a plugin: {why(error)}") from error
    value = None if stored.forgotten else bytes(stored.value)
    applied = {int(name): Applied(*at) for name, at in stored.applied.items()}
    return (stored.plugin, stored.key), Entry(value, applied)
