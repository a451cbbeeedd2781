"""The plugin's topics."""

from __future__ import annotations

from typing import Final

from claimx_pipeline import Topic
from claimx_pipeline.topics import WEEK_HOURS

TASK_TRACKING: Final = Topic("itel.cabinet.task.tracking", partitions=3, retention_hours=WEEK_HOURS)
"""One message per event of a cabinet task, keyed by assignment id."""

TRACKING_SUCCESS: Final = Topic(
    "itel.cabinet.task.tracking.success", partitions=1, retention_hours=3 * 24.0, terminal=True
)
"""One message per event whose rows are in the tables."""

TRACKING_ERRORS: Final = Topic(
    "itel.cabinet.task.tracking.errors", partitions=1, retention_hours=30 * 24.0, terminal=True
)
"""Dead letters of the workers that write what ClaimX says: itel-tracking, itel-media."""

API_ATTEMPTS: Final = Topic("itel.cabinet.api.attempts", partitions=3, retention_hours=WEEK_HOURS)
"""One message per request to the iTel API, keyed by the form."""

API_SUCCESS: Final = Topic(
    "itel.cabinet.api.success", partitions=1, retention_hours=3 * 24.0, terminal=True
)
"""One message per event whose form iTel has."""

API_ERRORS: Final = Topic(
    "itel.cabinet.api.errors", partitions=1, retention_hours=30 * 24.0, terminal=True
)
"""Dead letters of the workers about iTel: itel-api, itel-results."""

ACCEPTED: Final = Topic("itel.cabinet.accepted", partitions=3, retention_bytes=2**26, terminal=True)
"""One message per form and content that iTel accepted, keyed by the form; kept by size only, since
a form that iTel has is not sent again, however long ago that was."""

SENDING: Final = Topic(
    "itel.cabinet.sending", partitions=3, retention_hours=30 * 24.0, terminal=True
)
"""What is about to be sent, keyed by the form, so that it can go out again in the same words."""

FAMILY: Final = "itel.cabinet"
"""Retry topics of both workers."""
