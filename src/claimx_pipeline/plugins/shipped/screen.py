"""``screen``: leaves events out before the API is asked, and columns out of rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import field, frozen

from claimx_pipeline.hooks.context import EnrichmentContext
from claimx_pipeline.hooks.markers import hookimpl
from claimx_pipeline.hooks.result import PluginResult
from claimx_pipeline.plugins.base import Plugin


@frozen(kw_only=True)
class ScreenConfig:
    """``plugins.screen.config``."""

    leave_out: tuple[str, ...] = ()
    """Event types about which the API is not asked; they are stored as raw events, and the event
    log says ``filtered``."""

    without: Mapping[str, tuple[str, ...]] = field(factory=dict)
    """Kind of row to the columns that are not stored: they stay null."""


class Screen(Plugin):
    """Leaves out event types and columns that the settings name."""

    name = "screen"
    description = "Leaves event types out before the API is asked, and columns out of rows."
    priority = 10
    config_class: ClassVar[type[Any] | None] = ScreenConfig
    config: ScreenConfig

    @hookimpl
    async def claimx_enrichment_starting(self, context: EnrichmentContext) -> PluginResult | None:
        """Leave the event out if its type is to be."""
        if context.event_type in self.config.leave_out:
            return PluginResult.filter_out(f"events {context.event_type} are left out by screen")
        return None

    @hookimpl
    def claimx_row_publishing(self, kind: str, row: dict[str, Any]) -> None:
        """Leave out the columns of the row's kind."""
        for column in self.config.without.get(kind, ()):
            if column in row:
                row[column] = None
