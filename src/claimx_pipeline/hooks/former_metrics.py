"""What a plugin answers to ``claimx_register_former_metrics``."""

from __future__ import annotations

from claimx_pipeline.telemetry.former import CountedIn, FormerMetric

__all__ = ["CountedIn", "FormerMetric"]
