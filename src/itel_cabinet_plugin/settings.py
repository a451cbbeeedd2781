"""Section ``itel_cabinet`` of the settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from attrs import field, frozen
from attrs.validators import deep_iterable, deep_mapping, gt, instance_of, matches_re

from claimx_pipeline import Settings

SECTION: Final = "itel_cabinet"
CONNECTION: Final = "itel_cabinet_api"

ENVIRONMENT: Final = {
    "ITEL_CABINET_API_BASE_URL": f"connections.{CONNECTION}.base_url",
    "ITEL_CABINET_API_TOKEN": f"connections.{CONNECTION}.auth_token",
}
"""Environment variable to the setting it sets."""


@frozen(kw_only=True)
class ExtraColumn:
    """A column of your own in ``itel_cabinet_task_tracking``."""

    path: str = field(validator=matches_re(r"\S+"))
    """Dotted path of its value: ``task.mfn``, ``claimx_task_full.externalLinkData.stateId``."""

    type: Literal["string", "long", "double", "bool", "timestamp"] = "string"
    """What it holds; a list or an object becomes JSON in a string."""


@frozen(kw_only=True)
class ItelSettings:
    """The iTel cabinet plugin."""

    task_ids: tuple[int, ...] = field(default=(32513,), validator=deep_iterable(gt(0)))
    """Task templates whose tasks are cabinet forms; they differ between ClaimX environments."""

    extra_columns: Mapping[str, ExtraColumn] = field(
        factory=dict,
        validator=deep_mapping(matches_re(r"[a-z][a-z0-9_]*"), instance_of(ExtraColumn)),
    )
    """Column name to what it holds; further columns of the tracking table."""

    submit_statuses: tuple[str, ...] = ("COMPLETED",)
    """Tasks in one of these states are submitted to iTel; case is ignored."""

    endpoint: str = field(default="/api/v1/tasks", validator=matches_re(r"/.*"))
    """Path of the iTel Cabinet API that takes submissions."""


def itel_settings(settings: Settings) -> ItelSettings:
    """Return the plugin's settings; the defaults if its trigger is disabled, which reads them."""
    if SECTION not in settings.sections:
        return ItelSettings()
    return settings.section(SECTION, ItelSettings)
