"""Worker ``itel-tracking``: the life of every cabinet task, in a table."""

from __future__ import annotations

from typing import Final

from claimx_pipeline import ChainProcessor, DeltaConfig, DeltaStage, Resources, WorkerSpec
from itel_cabinet_plugin.looked_up_task import check_claimx, looked_up_task
from itel_cabinet_plugin.tables import TASK_TRACKING as TABLE
from itel_cabinet_plugin.topics import FAMILY, TRACKING_ERRORS
from itel_cabinet_plugin.topics import TASK_TRACKING as TOPIC
from itel_cabinet_plugin.tracking.row import TrackingRowConfig, TrackingRowStage


def build(resources: Resources) -> ChainProcessor:
    """Return the chain: message → checked → looked up → row."""
    stages = [
        *looked_up_task(defaults={"tracking_version": "1.0"}),
        TrackingRowStage(TrackingRowConfig()),
        DeltaStage(DeltaConfig(table_name=TABLE.name)),
    ]
    return ChainProcessor(stages, resources)


WORKER: Final = WorkerSpec(
    name="itel-tracking",
    summary="Keeps each event of a cabinet task as a row of itel_cabinet_task_tracking.",
    group="itel_cabinet_tracking_worker_group",
    reads=(TOPIC,),
    tables=(TABLE.name,),
    needs=("broker", "tables", "claimx.api"),
    check=check_claimx,
    family=FAMILY,
    dead_letters=TRACKING_ERRORS,
    build=build,
    batch_size=100,
    linger_seconds=1.0,
    sets=frozenset({"itel"}),
)
