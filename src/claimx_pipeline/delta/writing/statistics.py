"""What the log says of the values in a file, gathered while its rows are written."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from attrs import define, field

_LONGEST = 256
"""Characters of a text that statistics hold."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST, _LAST = -62_135_596_800_000, 253_402_300_799_999
"""Milliseconds since 1970 of the years 1 to 9999, which text can name."""

Bounds = tuple[Any, Any]


@define
class Statistics:
    """The count of rows, and of each column the nulls and bounds."""

    columns: Sequence[str]
    """Columns that are counted; none of them nested."""
    _rows: int = field(default=0, init=False)
    _nulls: dict[str, int] = field(factory=dict, init=False)
    _bounds: dict[str, Bounds] = field(factory=dict, init=False)
    """Of the values so far, those of instants as microseconds."""
    _kinds: dict[str, pa.DataType] = field(factory=dict, init=False)
    _unbounded: set[str] = field(factory=set, init=False)
    """Columns with a value that statistics do not hold."""

    def add(self, rows: pa.Table) -> None:
        """Take in further *rows*."""
        self._rows += len(rows)
        for name in self.columns:
            column = rows[name]
            self._kinds[name] = column.type
            self._nulls[name] = self._nulls.get(name, 0) + column.null_count
            if name in self._unbounded or column.null_count == len(column):
                continue
            if (found := _bounds(column)) is None:
                self._unbounded.add(name)
                continue
            low, high = self._bounds.get(name, found)
            self._bounds[name] = min(low, found[0]), max(high, found[1])

    def as_json(self) -> str:
        """Return them as the log holds them."""
        lows: dict[str, Any] = {}
        highs: dict[str, Any] = {}
        for name in self.columns:
            if name in self._unbounded or name not in self._bounds:
                continue
            low, high = _shown(self._kinds[name], *self._bounds[name])
            if low is not None and high is not None:
                lows[name], highs[name] = low, high
        return json.dumps(
            {
                "numRecords": self._rows,
                "minValues": lows,
                "maxValues": highs,
                "nullCount": self._nulls,
            }
        )


def _bounds(column: pa.ChunkedArray) -> Bounds | None:
    """Return the bounds of *column*, in which there are values; None if they are not held."""
    kind = column.type
    if pa.types.is_timestamp(kind):
        if kind.tz is None:
            return None
        column = column.cast(pa.timestamp("us", kind.tz)).cast(pa.int64())
    elif pa.types.is_floating(kind):
        if not pc.all(pc.is_finite(column)).as_py():
            return None
    elif not any(is_kind(kind) for is_kind in _BOUNDED):
        return None
    ends = pc.min_max(column).as_py()
    found = ends["min"], ends["max"]
    if any(isinstance(end, str) and len(end) > _LONGEST for end in found):
        return None
    return found


_BOUNDED: tuple[Callable[[pa.DataType], bool], ...] = (
    pa.types.is_string,
    pa.types.is_integer,
    pa.types.is_date,
)


def _shown(kind: pa.DataType, low: Any, high: Any) -> tuple[Any, Any]:
    """Return bounds of a column of *kind* as the log holds them; None if it cannot."""
    if pa.types.is_timestamp(kind):
        # The log holds milliseconds: rounded down and up, so that no value is beyond.
        return _instant(low // 1000), _instant(-(-high // 1000))
    if isinstance(low, date):
        return low.isoformat(), high.isoformat()
    return low, high


def _instant(milliseconds: int) -> str | None:
    if not _FIRST <= milliseconds <= _LAST:
        return None
    instant = _EPOCH + timedelta(milliseconds=milliseconds)
    return f"{instant:%Y-%m-%dT%H:%M:%S}.{milliseconds % 1000:03}Z"
