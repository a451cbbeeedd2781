"""The first half of both workers' chains: from the trigger's message to ClaimX's answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from claimx_pipeline import Problem, RecordError, Settings
from claimx_pipeline.stages import (
    FieldRule,
    LookupConfig,
    StageSpec,
    TransformConfig,
    ValidationConfig,
)

TASK_FIELD: Final = "claimx_task_full"
"""Field of the chain's data that holds the assignment as ClaimX answered it."""

ANSWERED_AT_FIELD: Final = "claimx_answered_at"
"""Field that holds when ClaimX answered."""

FORM_PLUGIN: Final = "itel_cabinet_form"
"""Entry point whose stage both workers need."""

REQUIRED: Final = (
    "event_id",
    "event_type",
    "event_timestamp",
    "task_id",
    "assignment_id",
    "project_id",
    "task_status",
)


def looked_up_task(
    task_ids: Sequence[int],
    defaults: Mapping[str, Any] | None = None,
    on_error: Literal["fail", "continue_and_return"] = "fail",
) -> list[StageSpec]:
    """Return the stages that check a message and look its assignment up.

    The lookup is by assignment: the task id is the template's, the same for every task. Both
    workers ask the same, so in one process one request serves both.

    Args:
        task_ids: Templates whose tasks are cabinet forms; a message about another one is refused.
        defaults: Fields that each record gets if it lacks them.
        on_error: What a lookup that failed means for the record.
    """
    return [
        StageSpec(
            "transform",
            TransformConfig(
                mappings={
                    "event_timestamp": "timestamp",
                    "original_event": "task",
                    "project_data": "project",
                },
                defaults={"source": "claimx_itel_plugin", **(defaults or {})},
            ),
        ),
        StageSpec(
            "validation",
            ValidationConfig(
                required_fields=REQUIRED,
                # An id may be written as a text, as the trigger takes it too.
                field_rules={"task_id": FieldRule(in_=(*task_ids, *map(str, task_ids)))},
            ),
        ),
        StageSpec(
            "lookup",
            LookupConfig(
                connection="claimx_api",
                endpoint="/customTasks/assignment/{assignment_id}",
                path_params={"assignment_id": "assignment_id"},
                query_params={"full": "true"},
                result_field=TASK_FIELD,
                answered_at_field=ANSWERED_AT_FIELD,
                on_error=on_error,
            ),
        ),
    ]


def task_in(data: Mapping[str, Any], field: str) -> Mapping[str, Any]:
    """Return the assignment that ClaimX answered with.

    Raises:
        RecordError: Permanent; *field* holds none.
    """
    task = data.get(field)
    if not isinstance(task, Mapping):
        raise RecordError(
            f"field {field!r} holds no assignment; a lookup must put the ClaimX API's answer there"
        )
    return task


def forms_are_read(settings: Settings) -> bool:
    """Tell whether the entry point that reads forms is enabled."""
    return settings.plugins.of(FORM_PLUGIN).enabled


def check_claimx(settings: Settings) -> list[Problem]:
    """Say what the lookup lacks."""
    api = settings.claimx.api
    if "claimx_api" in settings.connections or (api.base_url and (api.token or api.token_file)):
        return []
    return [
        Problem(
            "claimx.api",
            "the cabinet workers look tasks up in ClaimX; set CLAIMX_API_URL and "
            "CLAIMX_API_TOKEN, or run 'claimx-run demo' to see them work without",
            missing=True,
        )
    ]
