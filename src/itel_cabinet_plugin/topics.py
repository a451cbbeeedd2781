"""The plugin's topics."""

from __future__ import annotations

from typing import Final

from claimx_pipeline import WEEK_HOURS, Topic

TASK_TRACKING: Final = Topic("itel.cabinet.task.tracking", partitions=3, retention_hours=WEEK_HOURS)
"""One message per event of a cabinet task, keyed by assignment id."""

TRACKING_ERRORS: Final = Topic(
    "itel.cabinet.task.tracking.errors", partitions=1, retention_hours=30 * 24.0, terminal=True
)
"""Dead letters of the tracking worker."""

API_ERRORS: Final = Topic(
    "itel.cabinet.api.errors", partitions=1, retention_hours=30 * 24.0, terminal=True
)
"""Dead letters of the API worker."""

FAMILY: Final = "itel.cabinet"
"""Retry topics of both workers."""
