"""Keeps a view of the states of plugins up to date while workers run."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection

from attrs import define, field

from claimx_pipeline.errors import ClaimxError
from claimx_pipeline.plugins.state.view import PluginState, StateView
from claimx_pipeline.runtime.resources import Resources
from claimx_pipeline.stages.topic_log import TopicLog
from claimx_pipeline.topics import PLUGIN_STATES

log = logging.getLogger(__name__)

FOLLOW_SECONDS = 1.0
"""Between two looks at the topic of states: so far may what a plugin reads lag behind it."""

FIRST_SECONDS = 10.0
"""How long a start waits for the first look."""


@define(eq=False)
class StateFollower:
    """Reads the topic of states for the plugins that keep some; does nothing without any."""

    plugins: Collection[str]
    """Names of the plugins that keep state."""
    view: StateView = field(factory=StateView)
    _users: int = field(default=0, init=False)
    _log: TopicLog | None = field(default=None, init=False)
    _task: asyncio.Task[None] | None = field(default=None, init=False)

    def state_of(self, plugin: str) -> PluginState:
        """Return what *plugin* remembers, to be read."""
        return PluginState(self.view, plugin)

    async def begin(self, resources: Resources) -> None:
        """Follow from now on, if this is the first worker that wants it."""
        self._users += 1
        if self._users > 1 or not self.plugins:
            return
        self._log = TopicLog(PLUGIN_STATES)
        self._log.open(resources)
        try:
            async with asyncio.timeout(FIRST_SECONDS):
                await self._look(self._log)
        except (ClaimxError, TimeoutError) as error:
            log.warning("what plugins remember is not known yet: %s", error)
        self._task = asyncio.create_task(self._follow(self._log, resources), name="plugin states")

    async def end(self) -> None:
        """Stop, if this was the last worker that wanted it."""
        self._users -= 1
        if self._users > 0 or self._log is None:
            return
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None
        await self._log.close()
        self._log = None

    async def _follow(self, topic: TopicLog, resources: Resources) -> None:
        reported = ""
        while True:
            await resources.clock.sleep(FOLLOW_SECONDS)
            try:
                await self._look(topic)
                reported = ""
            except ClaimxError as error:
                if str(error) != reported:
                    log.warning("what plugins remember is not read again now: %s", error)
                reported = str(error)
            except Exception:
                log.exception("what plugins remember is not read now")

    async def _look(self, topic: TopicLog) -> None:
        async for record in topic.news():
            self.view.take(record)
