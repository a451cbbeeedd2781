"""Section ``itel_cabinet`` of the settings."""

from __future__ import annotations

from typing import Final

from attrs import field, frozen
from attrs.validators import deep_iterable, gt, matches_re

SECTION: Final = "itel_cabinet"
CONNECTION: Final = "itel_cabinet_api"

ENVIRONMENT: Final = {
    "ITEL_CABINET_API_BASE_URL": f"connections.{CONNECTION}.base_url",
    "ITEL_CABINET_API_TOKEN": f"connections.{CONNECTION}.auth_token",
}
"""Environment variable to the setting it sets."""


@frozen(kw_only=True)
class ItelSettings:
    """The iTel cabinet plugin."""

    task_ids: tuple[int, ...] = field(default=(32513,), validator=deep_iterable(gt(0)))
    """Task templates whose tasks are cabinet forms; they differ between ClaimX environments."""

    submit_statuses: tuple[str, ...] = ("COMPLETED",)
    """Tasks in one of these states are submitted to iTel; case is ignored."""

    endpoint: str = field(default="/api/v1/tasks", validator=matches_re(r"/.*"))
    """Path of the iTel Cabinet API that takes submissions."""
