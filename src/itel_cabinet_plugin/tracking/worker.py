"""Worker ``itel-tracking``: the life of every cabinet task, in a table."""

from __future__ import annotations

from typing import Final

from claimx_pipeline import Settings, WorkerSpec
from claimx_pipeline.stages import Chain, DeltaConfig, StageSpec
from claimx_pipeline.topics import DOWNLOADS_PENDING
from itel_cabinet_plugin.acknowledge import AcknowledgeConfig
from itel_cabinet_plugin.form.stage import FormConfig
from itel_cabinet_plugin.looked_up_task import check_claimx, looked_up_task
from itel_cabinet_plugin.settings import itel_settings
from itel_cabinet_plugin.tables import ATTACHMENTS, FORMS
from itel_cabinet_plugin.tables import TASK_TRACKING as TABLE
from itel_cabinet_plugin.topics import FAMILY, TRACKING_ERRORS, TRACKING_SUCCESS
from itel_cabinet_plugin.topics import TASK_TRACKING as TOPIC
from itel_cabinet_plugin.tracking.form_rows import FormRowsConfig
from itel_cabinet_plugin.tracking.photos import PhotosConfig
from itel_cabinet_plugin.tracking.row import TrackingRowConfig

_FIELDS: Final = (
    "event_id",
    "event_type",
    "event_timestamp",
    "task_id",
    "assignment_id",
    "project_id",
    "task_status",
    "processed_timestamp",
    "form_misfits",
)


def stages(settings: Settings) -> list[StageSpec]:
    """Return the chain: message → checked → looked up → form → rows → photos → acknowledged.

    A task that cannot be looked up has its status row all the same, at once; its form
    follows when ClaimX answers.
    """
    itel = itel_settings(settings)
    extra = itel.extra_columns
    own = {column.name: column.name for column in TABLE.columns}
    columns = own | {name: column.path for name, column in extra.items()}
    return [
        *looked_up_task(
            itel.task_ids, defaults={"tracking_version": "1.0"}, on_error="continue_and_return"
        ),
        StageSpec("itel_form", FormConfig()),
        StageSpec("itel_tracking_row", TrackingRowConfig()),
        StageSpec("delta", DeltaConfig(table_name=TABLE.name, column_mapping=columns)),
        StageSpec("itel_form_rows", FormRowsConfig()),
        StageSpec("itel_photos", PhotosConfig(folder=itel.photos_folder)),
        StageSpec("itel_told", AcknowledgeConfig(topic=TRACKING_SUCCESS.name, fields=_FIELDS)),
    ]


build: Final = Chain(stages, worker="itel-tracking")

WORKER: Final = WorkerSpec(
    name="itel-tracking",
    summary="Keeps each event of a cabinet task, and the form and photos of the task.",
    group="itel_cabinet_tracking_worker_group",
    formerly=frozenset({"itel-cabinet-tracking", "itel_cabinet_tracking_worker"}),
    reads=(TOPIC,),
    writes=(TRACKING_SUCCESS, DOWNLOADS_PENDING),
    tables=(TABLE.name, FORMS.name, ATTACHMENTS.name),
    needs=("broker", "tables", "claimx.api"),
    check=check_claimx,
    family=FAMILY,
    dead_letters=TRACKING_ERRORS,
    build=build,
    batch_size=100,
    linger_seconds=1.0,
    sets=frozenset({"itel"}),
)
