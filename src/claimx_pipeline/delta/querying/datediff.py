"""``DATEDIFF(unit, start, end)``, which the query engine does not have.

It counts whole units from start to end, the fraction dropped, negative if the end
comes first. The engine's own ``extract(epoch from end - start)`` drops the fraction of
a second before anything can be averaged, and says nothing.
"""

from __future__ import annotations

from claimx_pipeline.delta.querying.sql import Token, arguments, closing, tokens
from claimx_pipeline.errors import UsageError

_MICROS = {
    "microsecond": 1,
    "millisecond": 1_000,
    "second": 1_000_000,
    "minute": 60_000_000,
    "hour": 3_600_000_000,
    "day": 86_400_000_000,
    "week": 604_800_000_000,
}
_MONTHS = {"month": 1, "quarter": 3, "year": 12}
_SHORT = {
    "us": "microsecond", "mcs": "microsecond", "ms": "millisecond",
    "s": "second", "ss": "second", "sec": "second",
    "mi": "minute", "n": "minute", "min": "minute", "hh": "hour", "h": "hour",
    "d": "day", "dd": "day", "wk": "week", "ww": "week",
    "m": "month", "mm": "month", "q": "quarter", "qq": "quarter", "yy": "year", "yyyy": "year",
}  # fmt: skip
_ARGUMENTS = 3


def rewrite_datediff(sql: str) -> str:
    """Return *sql* with every ``DATEDIFF`` and ``DATE_DIFF`` call written out.

    Raises:
        UsageError: A call has not three arguments, or an unknown unit.
    """
    found = tokens(sql)
    for position, token in enumerate(found[:-1]):
        if token.says("DATEDIFF", "DATE_DIFF") and found[position + 1].text == "(":
            end = closing(found, position + 1)
            before, after = sql[: token.start], sql[found[end].end :]
            return before + _written_out(sql, found, position + 1) + rewrite_datediff(after)
    return sql


def _written_out(sql: str, found: list[Token], opening: int) -> str:
    parts = arguments(found, opening)
    if len(parts) != _ARGUMENTS or any(first == last for first, last in parts):
        raise UsageError("DATEDIFF takes three arguments: DATEDIFF(second, start, end)")
    unit, start, end = (sql[found[first].start : found[last - 1].end] for first, last in parts)
    name = unit.strip("'\"").lower()
    name = _SHORT.get(name, name.removesuffix("s"))
    start, end = _instant(start), _instant(end)
    if name in _MICROS:
        return f"(CAST({end} - {start} AS BIGINT) / {_MICROS[name]})"
    if name in _MONTHS:
        return f"({_months(start, end)} / {_MONTHS[name]})"
    known = ", ".join([*_MICROS, *_MONTHS])
    raise UsageError(f"DATEDIFF does not know the unit {unit}; it knows {known}")


def _instant(argument: str) -> str:
    # One type for columns, dates and texts: whole microseconds, which do not round.
    # A comment to the end of the line must not swallow what follows.
    inner = rewrite_datediff(argument)
    return f"arrow_cast(({inner}\n), 'Timestamp(Microsecond, Some(\"UTC\"))')"


def _months(start: str, end: str) -> str:
    first, last = _month_number(start), _month_number(end)
    into_first, into_last = _into_month(start), _into_month(end)
    return (
        f"(CASE WHEN {end} >= {start}"
        f" THEN {last} - {first} - CASE WHEN {into_last} < {into_first} THEN 1 ELSE 0 END"
        f" ELSE {last} - {first} + CASE WHEN {into_last} > {into_first} THEN 1 ELSE 0 END END)"
    )


def _month_number(instant: str) -> str:
    parts = (f"CAST(date_part('{part}', {instant}) AS BIGINT)" for part in ("year", "month"))
    year, month = parts
    return f"({year} * 12 + {month})"


def _into_month(instant: str) -> str:
    return f"CAST({instant} - date_trunc('month', {instant}) AS BIGINT)"
