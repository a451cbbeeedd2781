"""The screen of ``claimx-run status``: 80 columns, what is wrong first within each part."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from claimx_pipeline.cli.program import typed

if TYPE_CHECKING:
    from pathlib import Path

    from claimx_pipeline.operations import PipelineStatus

WIDTH = 80
DEAD_SHOWN = 6
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def screen(status: PipelineStatus, config: Path | None = None) -> str:
    """Return the whole screen; *config* is the settings file that the command was given."""
    parts = [
        [_cut(f"{status.at:%Y-%m-%d %H:%M:%S} UTC  {status.broker}")],
        _workers(status),
        _tiers(status),
        _dead(status),
        _tables(status),
        [line for each in status.warnings for line in _folded(typed(f"warning: {each}", config))],
    ]
    return "\n\n".join("\n".join(part) for part in parts if part)


def since(then: datetime | None, now: datetime) -> str:
    """Return how long ago *then* was, or in how long it is, in one unit: ``12s``, ``3h``."""
    if then is None:
        return "-"
    seconds = abs((now - then).total_seconds())
    for size, unit in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "m")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f}{unit}"
    return f"{seconds:.0f}s"


def _workers(status: PipelineStatus) -> list[str]:
    rows = [("WORKER", "MEMBERS", "LAG", "OLDEST", "PER S", "STATE")]
    rows += [
        (
            each.worker,
            "?" if each.members is None else str(each.members),
            f"{each.lag:,}",
            since(each.oldest, status.at) if each.lag else "-",
            "-" if each.rate is None else f"{each.rate:,.0f}",
            ": ".join(filter(None, (each.state, each.reason))),
        )
        for each in status.workers
    ]
    return _columns(rows, right=(1, 2, 3, 4))


def _tiers(status: PipelineStatus) -> list[str]:
    if not status.tiers:
        return []
    rows = [("WAITING TO BE RETRIED IN", "RECORDS", "NEXT DUE")]
    for tier in status.tiers:
        due = "now" if tier.next_due is None or tier.next_due <= status.at else ""
        due = due or f"in {since(tier.next_due, status.at)}"
        rows.append((tier.topic, f"{tier.waiting:,}", due))
    return _columns(rows, right=(1,))


def _dead(status: PipelineStatus) -> list[str]:
    if not status.dead and not status.dead_older:
        return ["no dead letters"]
    rows = [("DEAD LETTERS", "COUNT", "LAST", "CAUSE")]
    rows += [
        (
            f"{each.fingerprint} {each.worker}",
            f"{each.count:,}",
            since(each.last, status.at),
            f"{each.category}: {each.example}",
        )
        for each in status.dead[:DEAD_SHOWN]
    ]
    lines = _columns(rows, right=(1, 2))
    more = sum(each.count for each in status.dead[DEAD_SHOWN:]) + status.dead_older
    return [*lines, f"and {more:,} more; 'claimx-run dlq list' has all"] if more else lines


def _tables(status: PipelineStatus) -> list[str]:
    missing = [each.table for each in status.tables if each.version is None and not each.error]
    rows = [("TABLE", "VERSION", "LAST COMMIT")]
    rows += [
        (
            each.table,
            "-" if each.version is None else str(each.version),
            each.error or f"{since(each.committed, status.at)} ago",
        )
        for each in status.tables
        if each.table not in missing
    ]
    lines = _columns(rows, right=(1,)) if len(rows) > 1 else []
    if missing:
        lines += _folded(f"not created: {', '.join(missing)}")
    return lines


def _columns(rows: Sequence[Sequence[str]], right: Sequence[int]) -> list[str]:
    """Return rows with aligned columns, the last one cut at the width of the screen."""
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]) - 1)]
    lines = []
    for row in rows:
        cells = [
            cell.rjust(width) if at in right else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=False))
        ]
        lines.append(_cut("  ".join([*cells, row[-1]]).rstrip()))
    return lines


def _folded(text: str) -> list[str]:
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > WIDTH:
            lines.append("  ")
        lines[-1] += word if not lines[-1].strip() else f" {word}"
    return lines


def _cut(line: str) -> str:
    line = line.replace("\n", " ")
    return line if len(line) <= WIDTH else f"{line[: WIDTH - 3]}..."
