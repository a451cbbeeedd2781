"""How a second row of one key changes the first: the rules of keyed tables.

The writer applies rows in order to what the table holds, so how a sequence of rows is
cut into batches makes no difference.

- A null never overwrites.
- Answer columns are replaced only by a later answer; an older one still fills nulls.
- Event columns carry the time of the event that set them, and are replaced only by a
  later event. An answer sets one only as long as no event has.
- ``created_at`` stays, and so does every column declared as kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from attrs import define, field

from claimx_pipeline.delta.spec import TableSpec

CREATED_AT = "created_at"
UPDATED_AT = "updated_at"

State = dict[str, Any]
"""What is known of one key: column name to value, missing for null."""
Content = tuple[Any, ...]
"""The values of a state that say something about the claim, in declared order."""


@define
class Rules:
    """The rules of one table, worked out once."""

    spec: TableSpec
    _answers: tuple[str, ...] = field(init=False)
    _events: tuple[tuple[str, str], ...] = field(init=False)
    _times: tuple[str, ...] = field(init=False)
    _content: tuple[str, ...] = field(init=False)
    _kept: tuple[str, ...] = field(init=False)

    def __attrs_post_init__(self) -> None:
        spec = self.spec
        self._times = tuple(dict.fromkeys(spec.event_columns.values()))
        self._events = tuple(
            (name, time) for name, time in spec.event_columns.items() if name not in self._times
        )
        kept = (column.name for column in spec.columns if column.kept)
        self._kept = tuple(dict.fromkeys([*spec.identity(), CREATED_AT, *kept]))
        apart = {*spec.event_columns, *self._times, *self._kept}
        apart |= {UPDATED_AT, spec.answer_time or ""}
        names = [column.name for column in spec.columns]
        self._answers = tuple(name for name in names if name not in apart)
        # The time of an event decides over later events, so it is always stored.
        self._content = tuple(
            column.name
            for column in spec.columns
            if not column.bookkeeping or column.name in self._times
        )

    def apply(self, state: State, row: Mapping[str, Any]) -> None:
        """Change *state* by *row*, both of one key and with typed values."""
        later = self._is_later(state, row)
        for name in self._answers:
            value = row.get(name)
            if value is not None and (later or state.get(name) is None):
                state[name] = value
        for name, time in self._events:
            if row.get(name) is not None and self._event_wins(state, row, name, time, later=later):
                state[name] = row[name]
        for time in self._times:
            _advance(state, row, time)
        if self.spec.answer_time is not None:
            _advance(state, row, self.spec.answer_time)
        for name in self._kept:
            if state.get(name) is None and row.get(name) is not None:
                state[name] = row[name]

    def _is_later(self, state: State, row: Mapping[str, Any]) -> bool:
        name = self.spec.answer_time
        if name is None:
            return True
        stored, given = state.get(name), row.get(name)
        return stored is None or (given is not None and given > stored)

    def _event_wins(
        self, state: State, row: Mapping[str, Any], name: str, time: str, *, later: bool
    ) -> bool:
        stored, given = state.get(time), row.get(time)
        unset = state.get(name) is None
        if given is None:
            return stored is None and (later or unset)
        return unset or stored is None or given > stored

    def content(self, state: Mapping[str, Any]) -> Content:
        """Return the values that make two rows the same: all but bookkeeping."""
        return tuple(map(state.get, self._content))

    def row_hash(self, state: Mapping[str, Any]) -> str:
        """Return the hash of the content; a column added later, still null, leaves it as it is."""
        pairs = zip(self._content, self.content(state), strict=True)
        return digest(sorted((name, value) for name, value in pairs if value is not None)).hex()

    def adds_nothing(self, state: Mapping[str, Any], row: Mapping[str, Any]) -> bool:
        """Return whether *row* can never change the content of *state*, at any time."""
        for name in self._content:
            value = row.get(name)
            if value is None or state.get(name) == value:
                continue
            time = self.spec.event_columns.get(name)
            if time is None or row.get(time) is not None or state.get(time) is None:
                return False
        return True


def digest(values: Sequence[Any]) -> bytes:
    """Return a hash of *values*."""
    return hashlib.blake2b(msgspec.json.encode(values), digest_size=16).digest()


def _advance(state: State, row: Mapping[str, Any], name: str) -> None:
    stored, given = state.get(name), row.get(name)
    if given is not None and (stored is None or given > stored):
        state[name] = given
