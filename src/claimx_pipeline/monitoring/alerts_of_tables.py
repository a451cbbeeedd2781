"""Alerts about tables."""

from __future__ import annotations

from typing import Final

from claimx_pipeline.monitoring.alerts_of_lag import OPERATOR
from claimx_pipeline.monitoring.model import Alert

_LOOK: Final = (
    "`/health/ready/WORKER`, or the log: `worker … waits: table …` has the reason.",
    "Dashboard *Tables*.",
)
_REMEDY: Final = (
    "Repair storage, network, or credential; the rows are held and written again.",
    "A table that was changed by someone else: the reason says what differs.",
)
_STORAGE: Final = "The team that runs the storage of the tables."
_FAILED: Final = 'claimx_table_commits_total{outcome="failed"}'

TABLE_ALERTS: Final = (
    Alert(
        name="ClaimxTableWritesFailing",
        expr=f"sum by (worker, table) (rate({_FAILED}[10m])) > 0",
        wait="5m",
        severity="critical",
        summary="{{ $labels.worker }} cannot write {{ $labels.table }}",
        means="Writes to a table have failed, again and again, for 5 minutes. The worker holds the "
        "rows and tries again; nothing is lost.",
        look=_LOOK,
        remedy=_REMEDY,
        call=_STORAGE,
    ),
    Alert(
        name="ClaimxTableWriteSuccessLow",
        expr="1 - (sum by (table) (rate(" + _FAILED + "[10m])) / "
        "sum by (table) (rate(claimx_table_commits_total[10m]))) < 0.95",
        wait="10m",
        severity="warning",
        summary="only {{ $value | humanizePercentage }} of the writes to {{ $labels.table }} work",
        means="Less than 95 % of the writes to a table worked, for 10 minutes.",
        look=_LOOK,
        remedy=_REMEDY,
        call=_STORAGE,
    ),
    Alert(
        name="ClaimxTableWritesSlow",
        expr="histogram_quantile(0.95, sum by (table, le) ("
        "rate(claimx_table_write_duration_seconds_bucket[5m]))) > 30",
        wait="10m",
        severity="warning",
        summary="writes to {{ $labels.table }} take {{ $value | humanizeDuration }} (p95)",
        means="95 of 100 writes to a table took up to more than 30 seconds, for 10 minutes.",
        look=("Dashboard *Tables*: files, size, conflicts.",),
        remedy=("Many small files: `claimx-run tables compact`.",
                "Many conflicts: let fewer members write the table, or give them larger batches.",
                "Neither: the storage is slow, or throttles."),
        call=_STORAGE,
    ),
    Alert(
        name="ClaimxTableConflictsHigh",
        expr="sum by (table) (rate(claimx_table_conflicts_total[10m])) > "
        'sum by (table) (rate(claimx_table_commits_total{outcome="committed"}[10m]))',
        wait="10m",
        severity="warning",
        summary="writers of {{ $labels.table }} keep getting in each other's way",
        means="More commits to a table had to be tried again than were made, for 10 minutes, since "
        "other writers were first.",
        look=("How many members of the worker run; what else writes the table.",),
        remedy=("Let fewer members write it, with a larger `batch_size` and `linger_seconds`.",),
        call=OPERATOR,
    ),
)  # fmt: skip
