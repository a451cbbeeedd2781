"""The plugin's topic."""

from __future__ import annotations

from typing import Final

from claimx_pipeline import WEEK_HOURS, Topic

TASK_TRACKING: Final = Topic("itel.cabinet.task.tracking", partitions=3, retention_hours=WEEK_HOURS)
"""One message per event of a cabinet task, keyed by assignment id."""
