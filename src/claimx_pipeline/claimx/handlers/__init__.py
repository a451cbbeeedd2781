"""Handlers: how events of each type become entity rows."""

from __future__ import annotations

from claimx_pipeline.claimx.handlers.group import RowMaker
from claimx_pipeline.claimx.handlers.media import MediaHandler
from claimx_pipeline.claimx.handlers.project import ProjectHandler
from claimx_pipeline.claimx.handlers.protocol import Handled, Handler
from claimx_pipeline.claimx.handlers.task import TaskHandler
from claimx_pipeline.claimx.handlers.video import VideoHandler
from claimx_pipeline.claimx.handlers.xa_link import XaLinkHandler
from claimx_pipeline.clock import Clock
from claimx_pipeline.domain.answer_columns import Unreadable

__all__ = [
    "Handled",
    "Handler",
    "MediaHandler",
    "ProjectHandler",
    "RowMaker",
    "TaskHandler",
    "VideoHandler",
    "XaLinkHandler",
    "core_handlers",
]


def core_handlers(clock: Clock, unreadable: Unreadable | None = None) -> tuple[Handler, ...]:
    """Return a handler for every event type of ClaimX.

    Args:
        clock: Tells when rows are made.
        unreadable: Counts the values of answers that cannot be read; one of its own
            if not given.
    """
    rows = RowMaker(clock, unreadable or Unreadable())
    return (
        ProjectHandler(rows),
        MediaHandler(rows),
        TaskHandler(rows),
        XaLinkHandler(rows),
        VideoHandler(rows),
    )
