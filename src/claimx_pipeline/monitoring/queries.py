"""Pieces of queries that dashboards share."""

from __future__ import annotations

from typing import Final

from claimx_pipeline.monitoring.model import Query

W: Final = 'worker=~"$worker"'
"""The workers that are chosen above the dashboard."""
RATE: Final = "[$__rate_interval]"


def quantiles(metric: str, where: str = "", by: str = "") -> tuple[Query, ...]:
    """Return the median and the slow end of a histogram."""
    label = f"{by}, " if by else ""
    legend = f" {{{{{by}}}}}" if by else ""
    return tuple(
        Query(
            f"histogram_quantile({share}, sum by ({label}le) "
            f"(rate({metric}_bucket{{{where}}}{RATE})))",
            f"p{share * 100:g}{legend}",
        )
        for share in (0.5, 0.95, 0.99)
    )
