"""Calls what plugins compute their states with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from attrs import field, frozen

from claimx_pipeline.plugins.host.calling import Listener, PluginCaller
from claimx_pipeline.plugins.state.folding import ChangeState, StateLimits, Step, fold
from claimx_pipeline.settings.tree.plugins import PluginsSettings

HOOK = "change_state"


@frozen
class StateKeeper:
    """Applies changes, each plugin within its limits."""

    functions: Mapping[str, ChangeState]
    """``change_state`` of each plugin that keeps state."""
    callers: Mapping[str, PluginCaller]
    settings: PluginsSettings = field(factory=PluginsSettings)

    def keeps(self, plugin: str) -> bool:
        """Return whether *plugin* is loaded here and keeps state."""
        return plugin in self.functions

    async def apply(
        self, plugin: str, steps: Sequence[Step], keys: int
    ) -> list[bytes | Exception | None]:
        """Return the value after each of *steps*, or why it is not part of any value.

        Args:
            plugin: Whose state it is.
            steps: The changes, in order.
            keys: How many keys it has now.

        Raises:
            HookFailedError: It took too long, or is suspended: nothing is known of any step.
        """
        own = self.settings.of(plugin)
        limits = StateLimits(
            plugin=plugin, value_bytes=own.state_value_bytes, keys=max(0, own.state_keys - keys)
        )
        work = partial(fold, self.functions[plugin], steps, limits)
        listener = Listener(plugin, HOOK, 0, work, ())
        found: list[bytes | Exception | None] = await self.callers[plugin].ask(listener)
        return found
