"""``DATEDIFF(unit, start, end)`` and ``DATEDIFF(end, start)``, which the engine does not have.

With a unit, whole units from start to end are counted, the fraction dropped, negative if
the end comes first. Without one, the days of the calendar between two dates, in UTC: an
hour across midnight is a day. The engine's own ``extract(epoch from end - start)`` drops
the fraction of a second before anything can be averaged, without an error.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from sqlglot import Token, TokenType

from claimx_pipeline.delta.querying.sql import tokens, where, words
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
_OPENING = {TokenType.L_PAREN, TokenType.L_BRACKET, TokenType.L_BRACE}
_CLOSING = {TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.R_BRACE}


def rewrite_datediff(sql: str) -> str:
    """Return *sql* with the ``DATEDIFF`` and ``DATE_DIFF`` calls written out, the rest as it is.

    Raises:
        UsageError: A call has another number of arguments, or an unknown unit.
    """
    found = tokens(sql)
    written, at = [], 0
    for position, (token, after) in enumerate(itertools.pairwise(found)):
        called = words(token) in (["DATEDIFF"], ["DATE_DIFF"])
        if called and after.token_type == TokenType.L_PAREN and token.start >= at:
            arguments, end = _arguments(sql, found[position + 1 :])
            written += [sql[at : token.start], _written_out(arguments)]
            at = end
    return "".join(written) + sql[at:]


def _arguments(sql: str, call: Sequence[Token]) -> tuple[list[str], int]:
    """Return the arguments of *call*, which begins with its parenthesis, and its end."""
    arguments, first, depth = [], 1, 0
    for position, token in enumerate(call):
        depth += (token.token_type in _OPENING) - (token.token_type in _CLOSING)
        if depth == 0 or (depth == 1 and token.token_type == TokenType.COMMA):
            last = call[position - 1]
            arguments.append(sql[call[first].start : last.end + 1] if first < position else "")
            first = position + 1
        if depth == 0:
            return arguments, token.end + 1
    opened = where(sql, call[0].start)
    raise UsageError(f"the parenthesis after DATEDIFF is not closed: {opened}")


def _written_out(arguments: Sequence[str]) -> str:
    match arguments:
        case [end, start] if end and start:
            days = f"date_trunc('day', {_instant(end)}) - date_trunc('day', {_instant(start)})"
            return f"(CAST({days} AS BIGINT) / {_MICROS['day']})"
        case [unit, start, end] if unit and start and end:
            return _in_units(unit, _instant(start), _instant(end))
    raise UsageError(
        "DATEDIFF takes a unit, a start and an end, DATEDIFF(second, start, end),"
        " or an end and a start, DATEDIFF(end, start)"
    )


def _in_units(unit: str, start: str, end: str) -> str:
    name = unit.strip("'\"").lower()
    name = _SHORT.get(name, name.removesuffix("s"))
    if name in _MICROS:
        return f"(CAST({end} - {start} AS BIGINT) / {_MICROS[name]})"
    if name in _MONTHS:
        return f"({_months(start, end)} / {_MONTHS[name]})"
    known = ", ".join([*_MICROS, *_MONTHS])
    raise UsageError(f"DATEDIFF does not know the unit {unit}; it knows {known}")


def _instant(argument: str) -> str:
    # One type for columns, dates and texts: whole microseconds, which do not round.
    inner = rewrite_datediff(argument)
    return f"arrow_cast(({inner}), 'Timestamp(Microsecond, Some(\"UTC\"))')"


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
