"""The dashboards of the pipeline itself; plugins add theirs by ``claimx_register_monitoring``."""

from __future__ import annotations

from typing import Final

from claimx_pipeline.monitoring.dashboards_of_data import EMBEDDED_BROKER, MEDIA, RETRIES, TABLES
from claimx_pipeline.monitoring.dashboards_of_services import ENRICHMENT
from claimx_pipeline.monitoring.dashboards_of_work import LAG, OVERVIEW
from claimx_pipeline.monitoring.model import Dashboard

DASHBOARDS: Final[tuple[Dashboard, ...]] = (
    OVERVIEW,
    LAG,
    ENRICHMENT,
    MEDIA,
    RETRIES,
    TABLES,
    EMBEDDED_BROKER,
)
