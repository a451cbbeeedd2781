"""Worker ``itel-api``: every completed cabinet form, submitted."""

from __future__ import annotations

from typing import Final

from attrs import evolve

from claimx_pipeline import Problem, Settings, WorkerSpec
from claimx_pipeline.stages import Chain, StageSpec
from itel_cabinet_plugin.acknowledge import AcknowledgeConfig
from itel_cabinet_plugin.form.stage import FormConfig
from itel_cabinet_plugin.looked_up_task import check_claimx, looked_up_task
from itel_cabinet_plugin.settings import CONNECTION, itel_settings
from itel_cabinet_plugin.submission.profile import vendor_problems
from itel_cabinet_plugin.submission.stage import SubmitConfig
from itel_cabinet_plugin.topics import (
    ACCEPTED,
    API_ATTEMPTS,
    API_ERRORS,
    API_SUCCESS,
    FAMILY,
    SENDING,
    TASK_TRACKING,
)

_FIELDS: Final = (
    "event_id",
    "assignment_id",
    "project_id",
    "submission.idempotency_key",
    "submission.form_response_id",
    "submission.status_code",
    "submission.itel_task_id",
)

_MARKS: Final = ("submission.already_accepted",)


def stages(settings: Settings) -> list[StageSpec]:
    """Return the chain: message → checked → looked up → form → submitted → acknowledged."""
    itel = itel_settings(settings)
    submit = SubmitConfig(
        connection=CONNECTION,
        endpoint=itel.endpoint,
        submit_statuses=itel.submit_statuses,
        submit_when=itel.submit_when,
        payload=itel.payload,
        payload_rules=itel.payload_rules,
        vendor=itel.vendor,
        batch_size=itel.batch_size,
        accepted_remembered=itel.accepted_remembered,
    )
    return [
        *looked_up_task(itel.task_ids),
        StageSpec("itel_form", FormConfig()),
        StageSpec("itel_send", submit),
        StageSpec(
            "itel_told", AcknowledgeConfig(topic=API_SUCCESS.name, fields=_FIELDS, marks=_MARKS)
        ),
    ]


def check(settings: Settings) -> list[Problem]:
    """Say what the worker lacks."""
    itel = itel_settings(settings)
    lacking = vendor_problems(itel.vendor) if itel.payloads - {"v1"} else []
    return check_claimx(settings) + lacking


def worker(settings: Settings) -> WorkerSpec:
    """Return the worker, needing the connections that its forms may go to."""
    used = (f"connections.{name}" for name in itel_settings(settings).connections)
    return evolve(WORKER, needs=("broker", "claimx.api", *used))


build: Final = Chain(stages, worker="itel-api")

WORKER: Final = WorkerSpec(
    name="itel-api",
    summary="Submits completed cabinet forms to the iTel Cabinet API.",
    group="itel_cabinet_api_worker_group",
    formerly=frozenset({"itel-cabinet-api", "itel_cabinet_api_worker"}),
    reads=(TASK_TRACKING,),
    writes=(API_ATTEMPTS, API_SUCCESS, ACCEPTED, SENDING),
    needs=("broker", "claimx.api", f"connections.{CONNECTION}"),
    check=check,
    family=FAMILY,
    dead_letters=API_ERRORS,
    build=build,
    batch_size=50,
    sets=frozenset({"itel"}),
)
