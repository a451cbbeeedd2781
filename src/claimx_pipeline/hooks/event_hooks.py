"""What workers, and the process that runs them, need of what calls the plugins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from claimx_pipeline.hooks.context import (
    Dispatched,
    EnrichmentContext,
    FileContext,
    HookContext,
)


class EventHooks(Protocol):
    """Calls the plugins: what workers and the process that runs them need of the host."""

    async def enrichment_complete(
        self, context: EnrichmentContext, only: str | None = None
    ) -> Dispatched:
        """Ask every listener to ``claimx_enrichment_complete``, or *only* one plugin."""
        ...

    async def file_complete(self, context: FileContext, only: str | None = None) -> Dispatched:
        """Ask every listener to the hook of the file's stage, or *only* one plugin."""
        ...

    def listens(self, hook: str) -> bool:
        """Return whether a plugin implements *hook*; cheap."""
        ...

    async def ask(self, hook: str, context: HookContext, only: str | None = None) -> Dispatched:
        """Ask every listener to *hook*, or *only* one plugin."""
        ...

    async def row_publishing(
        self, context: EnrichmentContext, only: str | None = None
    ) -> Dispatched:
        """Show every listener to ``claimx_row_publishing`` each row of *context*."""
        ...

    async def worker_starting(self, **given: Any) -> None:
        """Call every plugin because a worker is about to start.

        Raises:
            HookFailedError: A plugin cannot start.
        """
        ...

    async def worker_stopping(self, **given: Any) -> None:
        """Call every plugin because a worker has stopped; errors are logged."""
        ...

    def close(self) -> None:
        """Release what calling the plugins needs."""
        ...

    @property
    def states(self) -> StateKeeping:
        """What applies changes of what plugins remember."""
        ...


class StateKeeping(Protocol):
    """Applies changes of what plugins remember."""

    def keeps(self, plugin: str) -> bool:
        """Return whether *plugin* is loaded here and keeps state."""
        ...

    async def apply(
        self, plugin: str, steps: Sequence[Any], keys: int
    ) -> list[bytes | Exception | None]:
        """Return the value after each of *steps*, or why it is not part of any value.

        Raises:
            HookFailedError: Nothing is known of any step; try again later.
        """
        ...
