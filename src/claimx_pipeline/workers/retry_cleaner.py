"""Deletes from the retry topics what was brought back, so that they do not grow for ever.

By offset and never by age: what is not committed stays, however long it waits.
"""

from __future__ import annotations

import asyncio
import logging

from attrs import define, field

from claimx_pipeline.broker.protocol import Admin
from claimx_pipeline.clock import Clock
from claimx_pipeline.errors import BrokerError
from claimx_pipeline.runtime.offsets.reading import topics_read
from claimx_pipeline.runtime.worker import WorkerSpec
from claimx_pipeline.topics import Topology

DELETE_SECONDS = 30.0
"""Between two deletions; each asks about every retry topic."""

log = logging.getLogger(__name__)


@define(eq=False)
class RetryCleaner:
    """Deletes in the background, a topic at a time, up to what the group has committed."""

    spec: WorkerSpec
    topology: Topology
    admin: Admin
    clock: Clock
    _task: asyncio.Task[None] | None = field(default=None, init=False)
    _failures: dict[str, str] = field(factory=dict, init=False)
    """What was logged last of each topic; the same is not logged again."""

    def start(self) -> None:
        """Delete from now on, every ``DELETE_SECONDS``."""
        self._task = asyncio.create_task(self._run(), name=f"cleaner of {self.spec.name}")

    async def close(self) -> None:
        """Stop deleting and disconnect."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        await self.admin.close()

    async def delete_committed(self) -> None:
        """Delete once, of every retry topic, what the group has committed.

        A topic of which nothing can be deleted is logged and keeps its records.
        """
        try:
            existing = await self.admin.topics()
        except BrokerError as error:
            self._failed("", error)
            return
        for topic in topics_read(self.spec, self.topology, existing):
            if topic not in existing:
                continue
            try:
                await self._delete(topic)
            except BrokerError as error:
                self._failed(topic, error)
            else:
                self._failures.pop(topic, None)

    async def _run(self) -> None:
        while True:
            try:
                await self.delete_committed()
            except Exception:  # what cannot be deleted now can be deleted later
                log.exception("worker %s: deleting what was brought back failed", self.spec.name)
            await self.clock.sleep(DELETE_SECONDS)

    async def _delete(self, topic: str) -> None:
        committed = await self.admin.committed(self.topology.group(self.spec.group), topic)
        begin = await self.admin.begin_offsets(topic)
        end = await self.admin.end_offsets(topic)
        # Beyond the end: an offset of a topic that was deleted and made again.
        before = {
            partition: offset
            for partition, offset in committed.items()
            if begin.get(partition, 0) < offset <= end.get(partition, 0)
        }
        if before:
            await self.admin.delete_records(topic, before)
            log.debug("worker %s: deleted from %s before %s", self.spec.name, topic, before)

    def _failed(self, topic: str, error: BrokerError) -> None:
        text = str(error)
        if self._failures.get(topic) == text:
            return
        self._failures[topic] = text
        log.warning(
            "worker %s: what was brought back cannot be deleted from %s, which keeps growing "
            "until it can be: %s",
            self.spec.name,
            topic or "the retry topics",
            text,
        )
