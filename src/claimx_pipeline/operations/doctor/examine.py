"""Looks at everything that a running pipeline depends on."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from claimx_pipeline.errors import BrokerError, PluginLoadError, SettingsError
from claimx_pipeline.operations.doctor.broker import broker_findings
from claimx_pipeline.operations.doctor.drift import drift_findings
from claimx_pipeline.operations.doctor.findings import AREAS, Examination, Finding, wrong
from claimx_pipeline.operations.doctor.machine import (
    disk_findings,
    settings_findings,
    version_findings,
)
from claimx_pipeline.operations.doctor.services import service_findings
from claimx_pipeline.operations.doctor.storage import store_findings, table_findings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from claimx_pipeline.pipeline import Pipeline


async def examine(pipeline: Pipeline, *, probes: Sequence[str] = ()) -> Examination:
    """Return what is right and wrong about an installation, each with its remedy.

    Services are asked their harmless question; in each store a small file is written and deleted,
    on Kafka a topic is created and deleted to see its time. Nothing else is changed.

    Args:
        pipeline: The pipeline.
        probes: ``http://HOST:PORT`` of each process, asked for what it has counted of answers that
            have changed; those of this machine if not given.

    Raises:
        UsageError: An address is not valid.
    """
    machine = [*settings_findings(pipeline), *disk_findings(pipeline), *version_findings()]
    broker, tables, stores, services, drift = await asyncio.gather(
        _broker(pipeline),
        asyncio.to_thread(lambda: list(table_findings(pipeline))),
        _all(store_findings(pipeline)),
        _all(service_findings(pipeline)),
        _all(drift_findings(pipeline, probes)),
    )
    found = [*machine, *broker, *tables, *stores, *services, *drift]
    order = {area: at for at, area in enumerate(AREAS)}
    return Examination(
        at=pipeline.clock.now(), findings=sorted(found, key=lambda each: order[each.area])
    )


def unreadable(error: SettingsError | PluginLoadError, at: datetime) -> Examination:
    """Return what is wrong where settings or plugins cannot even be loaded."""
    problems = error.problems if isinstance(error, SettingsError) else [error]
    remedy = "correct it, then look again: nothing else can be examined before"
    found = [wrong("settings", "setting", str(each), remedy) for each in problems]
    return Examination(at=at, findings=found)


async def _broker(pipeline: Pipeline) -> list[Finding]:
    found: list[Finding] = []
    try:
        async for finding in broker_findings(pipeline):
            found.append(finding)  # noqa: PERF401 - what was found before an error stays
    except BrokerError as error:
        remedy = "see that the broker is reachable and that the user may ask it this"
        found.append(wrong("broker", "broker", f"a question was not answered: {error}", remedy))
    return found


async def _all(findings: AsyncIterator[Finding]) -> list[Finding]:
    return [finding async for finding in findings]
