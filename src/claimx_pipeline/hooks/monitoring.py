"""What a plugin answers to ``claimx_register_monitoring``."""

from __future__ import annotations

from claimx_pipeline.monitoring.model import Alert, Dashboard, Panel, Query
from claimx_pipeline.telemetry.former_names import CountedIn, FormerMetric

__all__ = ["Alert", "CountedIn", "Dashboard", "FormerMetric", "Panel", "Query"]
