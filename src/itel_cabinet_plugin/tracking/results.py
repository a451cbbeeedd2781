"""Worker ``itel-results``: every request to iTel and its answer, in a table."""

from __future__ import annotations

from typing import Final

from claimx_pipeline import (
    ChainProcessor,
    DeltaConfig,
    DeltaStage,
    Resources,
    Stage,
    ValidationConfig,
    ValidationStage,
    WorkerSpec,
)
from itel_cabinet_plugin.tables import SUBMISSIONS
from itel_cabinet_plugin.topics import API_ATTEMPTS, API_ERRORS


def build(resources: Resources) -> ChainProcessor:
    """Return the chain: message → checked → row."""
    stages: list[Stage] = [
        ValidationStage(ValidationConfig(required_fields=SUBMISSIONS.key)),
        DeltaStage(DeltaConfig(table_name=SUBMISSIONS.name)),
    ]
    return ChainProcessor(stages, resources)


WORKER: Final = WorkerSpec(
    name="itel-results",
    summary="Keeps each request to the iTel Cabinet API with its answer.",
    group="itel_cabinet_results_group",
    reads=(API_ATTEMPTS,),
    tables=(SUBMISSIONS.name,),
    needs=("broker", "tables"),
    dead_letters=API_ERRORS,
    build=build,
    batch_size=500,
    linger_seconds=1.0,
    sets=frozenset({"itel"}),
)
