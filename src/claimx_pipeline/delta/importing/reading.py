"""Rows of a former table as rows of ours; what cannot be read is noted, never guessed.

Whole columns at once: a value that has our type already passes without being looked at.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
from attrs import define, field, frozen

from claimx_pipeline.delta.importing.old_table import OldColumn, OldTable
from claimx_pipeline.delta.spec import TableSpec
from claimx_pipeline.times import in_utc, read_date
from claimx_pipeline.values import flag, identifier, instant, integer, number


@frozen
class UnfitValue:
    """A value that our column cannot hold; it is left out."""

    row: int
    column: str
    """Their name."""
    value: Any
    reason: str


@frozen
class ReadRows:
    """Rows of a former table, by our columns."""

    columns: Mapping[str, list[Any]]
    count: int
    unfit: Sequence[UnfitValue]

    def row(self, at: int) -> dict[str, Any]:
        """Return the row *at*."""
        return {name: values[at] for name, values in self.columns.items()}


@define
class OldReader:
    """Reads rows of one former table."""

    old: OldTable
    spec: TableSpec
    stored: Sequence[str]
    """Names of the columns that the former table really has."""
    zoneless: Counter[str] = field(factory=Counter, init=False)
    """Their columns with times that name no zone, and how many; all were read as UTC."""
    _found: dict[str, tuple[OldColumn, str]] = field(init=False)
    """Our column to theirs, and to the name it is stored under."""

    def __attrs_post_init__(self) -> None:
        self._found = {}
        for column in self.old.columns:
            names = [name for name in (column.name, *column.aliases) if name in self.stored]
            if column.target is not None and column.imported and names:
                self._found[column.target] = column, names[0]
        # What theirs has beyond what it is known for, by a name of ours.
        known = {name for each in self.old.columns for name in (each.name, *each.aliases)}
        ours = {column.name for column in self.spec.columns} - known - self._found.keys()
        for name in self.stored:
            if name in ours:
                self._found[name] = OldColumn(name, type="string"), name

    @property
    def left_out(self) -> list[str]:
        """Their stored columns that nothing of ours is made from."""
        read = {name for _, name in self._found.values()}
        made = {column.name for column in self.old.columns if not column.imported}
        return [name for name in self.stored if name not in read | made]

    @property
    def targets(self) -> list[str]:
        """Our columns that are read from theirs, in their order."""
        return list(self._found)

    def stored_name(self, target: str) -> str | None:
        """Return the stored column that our column *target* is read from; None without one."""
        found = self._found.get(target)
        return None if found is None else found[1]

    def values(self, target: str, given: pa.ChunkedArray, unfit: list[UnfitValue]) -> list[Any]:
        """Return *given*, values of the stored column behind *target*, as ours.

        Args:
            target: Our column.
            given: What is stored.
            unfit: Gets what cannot be read; the value is None then.
        """
        column, name = self._found[target]
        values = _listed(given)
        if column.words:
            values = [column.words.get(value, value) for value in values]
        kind = self.spec.column(target).type
        self._note_zones(name, given.type, values, kind)
        read = _id if target in self.spec.identity() and pa.types.is_string(kind) else _reader(kind)
        out: list[Any] = [None] * len(values)
        for at, value in enumerate(values):
            if value is None:
                continue
            if isinstance(value, _Unreadable):
                unfit.append(UnfitValue(at, name, value.shown, "is out of range"))
                continue
            try:
                out[at] = read(value)
            except (ValueError, ArithmeticError) as error:
                unfit.append(UnfitValue(at, name, value, str(error)))
        return out

    def rows(self, given: pa.Table) -> ReadRows:
        """Return stored rows as ours."""
        unfit: list[UnfitValue] = []
        columns = {
            target: self.values(target, given.column(name), unfit)
            for target, (_, name) in self._found.items()
        }
        missing = [None] * given.num_rows
        for target, others in self.old.fallbacks.items():
            choices = [columns.get(name, missing) for name in (target, *others)]
            columns[target] = [_first(values) for values in zip(*choices, strict=True)]
        for target, time in self.old.dates.items():
            days = [None if at is None else at.date() for at in columns.get(time, missing)]
            own = columns.get(target, missing)
            columns[target] = [_first(pair) for pair in zip(own, days, strict=True)]
        for target, value in self.old.constants.items():
            columns[target] = [value] * given.num_rows
        self._derive(columns, {each.row for each in unfit})
        return ReadRows(columns, given.num_rows, unfit)

    def _derive(self, columns: dict[str, list[Any]], unread: Collection[int]) -> None:
        """Fill in the derived columns, but in rows of which something could not be read."""
        for target, make in self.old.derived.items():
            read = columns[target]
            for at, values in enumerate(zip(*columns.values(), strict=True)):
                if at not in unread:
                    made = make(dict(zip(columns, values, strict=True)))
                    read[at] = read[at] if made is None else made

    def keys(self, given: pa.Table, wanted: Iterable[str]) -> dict[str, list[Any]]:
        """Return our columns *wanted* of stored rows; nothing is noted of what they hold."""
        reader = OldReader(self.old, self.spec, self.stored)
        names = list(wanted)
        if any(name in self.old.derived for name in names):
            columns = reader.rows(given).columns
            return {name: columns[name] for name in names}
        found = {}
        for name in names:
            stored = reader.stored_name(name)
            missing = [None] * given.num_rows
            found[name] = reader.values(name, given.column(stored), []) if stored else missing
        return found

    def _note_zones(
        self, name: str, stored: pa.DataType, values: Sequence[Any], kind: pa.DataType
    ) -> None:
        if not pa.types.is_timestamp(kind):
            return
        if pa.types.is_timestamp(stored):
            count = 0 if stored.tz else sum(value is not None for value in values)
        else:
            count = sum(isinstance(value, str) and _is_zoneless(value) for value in values)
        if count:
            self.zoneless[name] += count


@frozen
class _Unreadable:
    """A value that Python cannot hold, such as a time after the year 9999."""

    shown: str


def _listed(column: pa.ChunkedArray) -> list[Any]:
    try:
        values: list[Any] = column.to_pylist()
    except (ValueError, OverflowError):
        values = [_alone(each) for each in column]
    return values


def _alone(value: pa.Scalar) -> Any:
    try:
        return value.as_py()
    except (ValueError, OverflowError):
        return _Unreadable(str(value))


def readable(value: pa.Scalar) -> Any:
    """Return *value* as Python has it, as text if Python has no such value."""
    found = _alone(value)
    return found.shown if isinstance(found, _Unreadable) else found


def _first(values: Iterable[Any]) -> Any:
    return next((value for value in values if value is not None), None)


def _is_zoneless(written: str) -> bool:
    """Return whether a readable time names no zone."""
    try:
        return datetime.fromisoformat(written.strip()).tzinfo is None
    except ValueError:
        return False


def _text(value: Any) -> str | None:
    if isinstance(value, str):
        return value if value.strip() else None
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, bytes):
        raise ValueError("is bytes, not text")  # noqa: TRY004 - one error for all
    return identifier(value)


def _id(value: Any) -> str | None:
    text = _text(value)
    return None if text is None else text.strip()


def _integer(value: Any) -> int | None:
    return integer(_plain(value))


def _number(value: Any) -> float | None:
    return number(_plain(value))


def _plain(value: Any) -> Any:
    return format(value, "f") if isinstance(value, Decimal) else value


def _instant(value: Any) -> datetime | None:
    if isinstance(value, datetime):
        return in_utc(value)
    if isinstance(value, date):
        return in_utc(datetime(value.year, value.month, value.day))  # noqa: DTZ001 - no zone means UTC
    return instant(value)


def _day(value: Any) -> date | None:
    if isinstance(value, str):
        text = value.strip()
        return read_date(text) if text else None
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    raise ValueError("is not a date")


def _reader(kind: pa.DataType) -> Callable[[Any], Any]:
    readers: tuple[tuple[Callable[[pa.DataType], bool], Callable[[Any], Any]], ...] = (
        (pa.types.is_string, _text),
        (pa.types.is_integer, _integer),
        (pa.types.is_floating, _number),
        (pa.types.is_boolean, flag),
        (pa.types.is_timestamp, _instant),
        (pa.types.is_date, _day),
    )
    return next(read for fits, read in readers if fits(kind))
