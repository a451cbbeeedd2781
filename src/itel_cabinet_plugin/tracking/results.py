"""Worker ``itel-results``: every request to iTel and its answer, in a table."""

from __future__ import annotations

from typing import Final

from claimx_pipeline import WorkerSpec
from claimx_pipeline.stages import Chain, DeltaConfig, StageSpec, ValidationConfig
from itel_cabinet_plugin.tables import SUBMISSIONS
from itel_cabinet_plugin.topics import API_ATTEMPTS, API_ERRORS

build: Final = Chain.of(
    StageSpec("validation", ValidationConfig(required_fields=SUBMISSIONS.key)),
    StageSpec("delta", DeltaConfig(table_name=SUBMISSIONS.name)),
)

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
