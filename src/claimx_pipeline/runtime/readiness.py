"""Calls plugins when a worker becomes ready, or is not ready any more."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from attrs import define, field

from claimx_pipeline.broker.protocol import OutRecord, Producer
from claimx_pipeline.errors import ClaimxError
from claimx_pipeline.hooks.moments import WorkerReadiness
from claimx_pipeline.runtime.resources import Resources

log = logging.getLogger(__name__)

HOOK = "claimx_worker_readiness"

LOOK_SECONDS = 1.0
"""Between two looks at the states of the workers."""

REMIND_SECONDS = 30.0
"""Between two calls about a worker that is still not ready."""

PUBLISH_SECONDS = 10.0
"""How long publishing what plugins answered may take; the broker may be what is unavailable."""

_READY = ("ready", "degraded")


@define
class _Known:
    """What was last reported of a worker."""

    state: str
    since: str
    not_ready_since: float | None
    called: float = 0.0


@define(eq=False)
class ReadinessWatch:
    """Looks at the workers of one process."""

    resources: Resources
    _known: dict[str, _Known] = field(factory=dict, init=False)
    _producer: Producer | None = field(default=None, init=False)
    _task: asyncio.Task[None] | None = field(default=None, init=False)

    def start(self) -> None:
        """Look from now on, if a plugin listens."""
        if self.resources.dispatcher.listens(HOOK):
            self._task = asyncio.create_task(self._run(), name="readiness of workers")

    async def close(self) -> None:
        """Look once more, for what has failed, and stop."""
        if self._task is None:
            return
        self._task.cancel()
        await asyncio.wait([self._task])
        self._task = None
        await self.look()
        if self._producer is not None:
            await self._producer.close()

    async def look(self) -> None:
        """Call the plugins about every worker whose state has changed, or is still not ready."""
        now = self.resources.clock.monotonic()
        for name, worker in tuple(self.resources.health.workers.items()):
            state, _, reason = worker.state(now).partition(": ")
            if state != "stopped":
                await self._report(name, state, reason, now)

    async def _report(self, name: str, state: str, reason: str, now: float) -> None:
        at = self.resources.clock.now().isoformat()
        known = self._known.get(name)
        before = known.state if known else "starting"
        if known is None or state != known.state:
            since = known.not_ready_since if known else None
            if state in _READY:
                since = None
            elif since is None:
                since = now
            is_first = known is None and state == before
            known = self._known[name] = _Known(state, at, since)
            if is_first:
                known.called = now  # it begins as every worker does: nothing has changed
                return
        elif state in _READY or now - known.called < REMIND_SECONDS:
            return
        known.called = now
        context = WorkerReadiness(
            worker=name,
            state=state,
            reason=reason,
            before=before,
            seconds=0.0 if known.not_ready_since is None else now - known.not_ready_since,
            since=known.since,
        )
        dispatched = await self.resources.dispatcher.ask(HOOK, context)
        await self._publish(dispatched.publish)

    async def _publish(self, records: Sequence[OutRecord]) -> None:
        if not records:
            return
        physical = self.resources.topology.physical
        named = [
            OutRecord(physical(each.topic), each.value, each.key, each.headers) for each in records
        ]
        try:
            async with asyncio.timeout(PUBLISH_SECONDS):
                if self._producer is None:
                    producer = self.resources.broker.producer()
                    await producer.start()
                    self._producer = producer
                await self._producer.publish(named)
        except (ClaimxError, TimeoutError) as error:
            log.warning("what plugins answered about a worker cannot be published now: %s", error)

    async def _run(self) -> None:
        while True:
            try:
                await self.look()
            except Exception:
                log.exception("plugins cannot be called about the workers now")
            await self.resources.clock.sleep(LOOK_SECONDS)
