"""What a notebook shows of a result: one table of HTML."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape


def html_table(
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    caption: str = "",
    numbers: Sequence[bool] = (),
) -> str:
    """Return rows as a table of HTML; every text is escaped.

    Args:
        columns: Names of the columns.
        rows: The texts of their cells.
        caption: A sentence above the table.
        numbers: Which columns are numbers, and belong to the right.
    """
    sides = [*numbers, *([False] * (len(columns) - len(numbers)))]
    head = "".join(map(_cell, ["th"] * len(columns), columns, sides))
    body = "".join(
        f"<tr>{''.join(map(_cell, ['td'] * len(columns), row, sides))}</tr>" for row in rows
    )
    above = f"<p>{escape(caption)}</p>" if caption else ""
    return f"{above}<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cell(tag: str, text: str, number: bool) -> str:
    side = "right" if number else "left"
    return f'<{tag} style="text-align: {side}">{escape(text)}</{tag}>'
