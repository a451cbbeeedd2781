"""The alerts of the pipeline itself; plugins add theirs by ``claimx_register_monitoring``."""

from __future__ import annotations

from typing import Final

from claimx_pipeline.monitoring.alerts_of_lag import LAG_ALERTS
from claimx_pipeline.monitoring.alerts_of_services import SERVICE_ALERTS
from claimx_pipeline.monitoring.alerts_of_tables import TABLE_ALERTS
from claimx_pipeline.monitoring.alerts_of_work import WORK_ALERTS
from claimx_pipeline.monitoring.model import Alert

ALERTS: Final[tuple[Alert, ...]] = (
    *LAG_ALERTS,
    *WORK_ALERTS,
    *SERVICE_ALERTS,
    *TABLE_ALERTS,
)
