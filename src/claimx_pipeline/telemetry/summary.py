"""A line per worker and minute: how fast it is, how far behind, what failed, what it waits for.

A healthy worker is not silent, and an idle one says that it is idle.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping

from attrs import define, field

from claimx_pipeline.clock import Clock
from claimx_pipeline.errors import ClaimxError
from claimx_pipeline.telemetry.health import Health
from claimx_pipeline.telemetry.metrics import WorkerMetrics

log = logging.getLogger(__name__)

SUMMARY_SECONDS = 60.0


@define
class _Counts:
    records: int = 0
    retried: int = 0
    dead: int = 0


@define(eq=False)
class Summaries:
    """The lines of all workers of one process."""

    clock: Clock
    health: Health
    counters: Mapping[str, WorkerMetrics]
    lag: Callable[[], Awaitable[Mapping[str, int]]]
    """Returns how many records each worker has not committed yet."""
    _before: dict[str, _Counts] = field(factory=dict, init=False)

    async def run(self) -> None:
        """Write them until cancelled."""
        while True:
            await self.clock.sleep(SUMMARY_SECONDS)
            await self.write()

    async def write(self) -> None:
        """Write one line for each worker."""
        try:
            lag = await self.lag()
        except ClaimxError as error:
            log.debug("how far the workers are is not known: %s", error)
            lag = {}
        now = self.clock.monotonic()
        for name, counted in self.counters.items():
            worker = self.health.workers.get(name)
            state = worker.state(now) if worker is not None else "starting"
            self._write(name, counted, state, lag.get(name))

    def _write(self, name: str, counted: WorkerMetrics, state: str, lag: int | None) -> None:
        before = self._before.get(name, _Counts())
        now = _Counts(counted.records, counted.retried, counted.dead)
        self._before[name] = now
        records = now.records - before.records
        retried, dead = now.retried - before.retried, now.dead - before.dead
        fields = {
            "worker": name,
            "state": state.partition(":")[0],
            "records": records,
            "per_second": round(records / SUMMARY_SECONDS, 1),
            "done": records - retried - dead,
            "retried": retried,
            "dead": dead,
            **({} if lag is None else {"lag": lag}),
            **self._behind(counted, lag),
        }
        log.info(
            "worker %s in the last minute: %d records (%g a second), %d to be retried, %d dead; "
            "%s; %s",
            name,
            records,
            fields["per_second"],
            retried,
            dead,
            _left(fields),
            state,
            extra=fields,
        )

    def _behind(self, counted: WorkerMetrics, lag: int | None) -> dict[str, float]:
        """Return how old the oldest record is that is not done; nothing if there is none."""
        if not lag or counted.reached is None:
            return {}
        seconds = self.clock.now().timestamp() - counted.reached / 1000
        return {"behind_seconds": round(max(0.0, seconds), 1)}


def _left(fields: Mapping[str, object]) -> str:
    if "lag" not in fields:
        return "how many are left is not known"
    behind = fields.get("behind_seconds")
    age = f", the oldest {behind:g} s old at most" if behind is not None else ""
    return f"{fields['lag']} left{age}"
