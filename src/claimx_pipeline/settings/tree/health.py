"""Section ``health``: the probes and the metrics."""

from __future__ import annotations

from attrs import field, frozen
from attrs.validators import ge, le, optional

from claimx_pipeline.settings.kinds import KIND, listening_host
from claimx_pipeline.settings.tree.validators import not_blank


@frozen(kw_only=True)
class HealthSettings:
    """The health and metrics server of each process."""

    host: str = field(default="127.0.0.1", validator=not_blank, metadata={KIND: listening_host})
    """Address it listens on; ``0.0.0.0`` in a container."""

    port: int | None = field(default=None, validator=optional([ge(0), le(65535)]))
    """Its port; 0 for none. Not given: 8080, or the next free one."""

    lag_seconds: float = field(default=15.0, validator=[ge(0), le(3600)])
    """Seconds between two looks at how far consumer groups are behind, for metrics and alerts;
    0 for none."""

    table_sizes_seconds: float = field(default=300.0, validator=[ge(0), le(86400)])
    """Seconds between two looks at the sizes of the tables that the process writes, for metrics;
    0 for none."""
