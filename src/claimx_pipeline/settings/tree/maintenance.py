"""Section ``maintenance``: when tables are looked after, and how long they keep rows."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen
from attrs.validators import deep_mapping, ge, gt, instance_of, lt


@frozen(kw_only=True)
class MaintenanceSettings:
    """What the worker ``maintenance`` does, and when."""

    every_hours: float = field(default=24.0, validator=gt(0))
    """Between two beginnings."""

    at_hour: float = field(default=2.0, validator=[ge(0), lt(24)])
    """Hour of the day, UTC, from which the beginnings are counted."""

    log_retention: bool = False
    """Bound the log of tables that keep all their commits too, as those of older versions do."""

    retention_days: Mapping[str, float] = field(
        factory=dict, validator=deep_mapping(instance_of(str), gt(0))
    )
    """Table to how many days it keeps a row; a table that is not named keeps all."""
