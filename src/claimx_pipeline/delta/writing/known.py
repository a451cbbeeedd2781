"""What a keyed writer remembers, so that rows which change nothing cost nothing."""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime
from typing import Any

from attrs import define, field

Key = tuple[Any, ...]

MAX_KEYS = 20_000
"""Keys remembered per table, about 400 bytes each."""
_MOST_ROWS = 4
"""Different rows remembered per key: an answer, and what a few events added to it."""


@define
class Known:
    """What is known about one key."""

    answered: datetime | None
    """Time of the latest answer seen, also of one that changed nothing and was not stored."""
    rows: tuple[bytes, ...]
    """Hashes of rows that add nothing to what is stored."""

    def with_row(self, row: bytes) -> Known:
        """Return this with one more row, the oldest forgotten if there are too many."""
        if row in self.rows:
            return self
        return Known(self.answered, (*self.rows, row)[-_MOST_ROWS:])


@define
class KnownRows:
    """The keys seen last."""

    limit: int = MAX_KEYS
    _by_key: OrderedDict[Key, Known] = field(factory=OrderedDict, init=False)

    def get(self, key: Key) -> Known | None:
        """Return what is known about *key*."""
        found = self._by_key.get(key)
        if found is not None:
            self._by_key.move_to_end(key)
        return found

    def set(self, key: Key, known: Known) -> None:
        """Remember *known*; the key not used for longest makes room."""
        self._by_key[key] = known
        self._by_key.move_to_end(key)
        if len(self._by_key) > self.limit:
            self._by_key.popitem(last=False)

    def clear(self) -> None:
        """Forget everything: another writer may have written."""
        self._by_key.clear()
