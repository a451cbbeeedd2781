"""Rate and lag of the workers over the last hours, as a Prometheus has them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from claimx_pipeline.settings.tree.connections import ConnectionSettings

if TYPE_CHECKING:
    from claimx_pipeline.connections.client import Connection
    from claimx_pipeline.pipeline import Pipeline

RATES: Final = "sum by (worker) (rate(claimx_records_committed_total[5m]))"
LAGS: Final = (
    "sum by (worker) (max by (worker, group, topic, partition) (claimx_consumer_lag_records))"
)
POINTS: Final = 180


@frozen
class WorkerPast:
    """One worker over time, the oldest value first."""

    rates: Sequence[float]
    """Records per second that it has committed."""
    lags: Sequence[float]
    """Records that it had not committed."""


async def past_of_workers(
    pipeline: Pipeline, url: str, *, hours: float = 3.0, timeout_seconds: float = 1.0
) -> Mapping[str, WorkerPast]:
    """Return what a Prometheus knows of each worker, by its name.

    Args:
        pipeline: The pipeline.
        url: Address of the Prometheus that scrapes the workers.
        hours: How far back.
        timeout_seconds: How long to wait for an answer.

    Raises:
        RequestFailedError: It does not answer, or not as Prometheus does.
    """
    from claimx_pipeline.connections.client import Connection  # noqa: PLC0415 - slow to import

    settings = ConnectionSettings(base_url=url, max_retries=0, timeout_seconds=timeout_seconds)
    connection = Connection("prometheus", settings, pipeline.clock)
    until = pipeline.clock.now()
    since = until - timedelta(hours=hours)
    try:
        rates, lags = await asyncio.gather(
            *(_asked(connection, query, since, until) for query in (RATES, LAGS))
        )
    finally:
        await connection.close()
    return {
        worker: WorkerPast(rates.get(worker, ()), lags.get(worker, ()))
        for worker in sorted({*rates, *lags})
    }


async def _asked(
    connection: Connection, query: str, since: datetime, until: datetime
) -> dict[str, list[float]]:
    """Return the values of a query over time, by the worker that they are of."""
    params = {
        "query": query,
        "start": f"{since.timestamp():.0f}",
        "end": f"{until.timestamp():.0f}",
        "step": f"{max(1, (until - since) // timedelta(seconds=1) // POINTS)}",
    }
    answer = await connection.request("GET", "/api/v1/query_range", params=params, expect="json")
    body: Any = answer.json()
    found = body["data"]["result"] if isinstance(body, dict) and "data" in body else []
    return {
        str(series["metric"].get("worker", "")): [float(value) for _, value in series["values"]]
        for series in found
    }
