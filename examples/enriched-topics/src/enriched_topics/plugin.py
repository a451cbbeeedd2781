"""The plugin, and the worker that completes what is published about a task."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Final

from attrs import frozen

from claimx_pipeline import (
    EnrichmentContext,
    OutRecord,
    Plugin,
    PluginResult,
    Resources,
    Topic,
    WorkerSpec,
    hookimpl,
)
from claimx_pipeline.stages import Chain, Item, RecordStage, Stage, StageSpec
from enriched_topics.messages import moment, task_message, video_message, whole

TASKS: Final = Topic("claimx_tasks", terminal=True)
VIDEO_COLLABS: Final = Topic("claimx_video_collabs", terminal=True)
WANTED: Final = Topic("enriched_topics.tasks", retention_hours=7 * 24)
FAILED: Final = Topic("enriched_topics.errors", partitions=1, terminal=True)

OF_PROJECT: Final = (
    "project_number",
    "status",
    "customer_first_name",
    "customer_last_name",
    "street1",
    "city",
    "state_province",
    "zip_postcode",
    "master_file_name",
)
OF_TASK: Final = (
    "assignment_id",
    "task_id",
    "form_id",
    "task_name",
    "status",
    "date_assigned",
    "date_completed",
    "cancelled_date",
    "pdf_project_media_id",
    "mfn",
)


class EnrichedTopics(Plugin):
    """Publishes each task and each video call as one flat message."""

    name = "enriched_topics"

    def topics(self) -> Iterable[Topic]:
        """Name the topic of video calls, and the one that the worker reads."""
        return [VIDEO_COLLABS, WANTED]

    def should_run(self, context: EnrichmentContext) -> bool:
        """Tell whether the event brought a task or a video call."""
        found = context.entities.tasks or context.entities.video_collab
        return bool(found) and super().should_run(context)

    def execute(self, context: EnrichmentContext) -> PluginResult:
        """Publish a message for each video call, and have one made for each task."""
        result = PluginResult.ok()
        created_at = context.event.ingested_at.isoformat()
        for video in context.entities.video_collab:
            message = video_message(context.event_id, context.event_type, video, created_at)
            result = result.and_then(self._publish(VIDEO_COLLABS, context, message))
        project = context.entities.projects[0] if context.entities.projects else {}
        for task in context.entities.tasks:
            wanted = {
                "trace_id": context.event_id,
                "event_type": context.event_type,
                "project_id": task["project_id"],
                "project": {name: project.get(name) for name in OF_PROJECT},
                "task": {name: moment(task.get(name)) for name in OF_TASK},
                "created_at": created_at,
            }
            result = result.and_then(self._publish(WANTED, context, wanted))
        return result

    def _publish(
        self, topic: Topic, context: EnrichmentContext, message: dict[str, Any]
    ) -> PluginResult:
        headers = {"trace_id": context.event_id}
        return PluginResult.publish(topic.name, message, key=context.event_id, headers=headers)

    @hookimpl
    def claimx_register_stages(self) -> Mapping[str, type[Stage]]:
        """Offer the stage that completes a message about a task."""
        return {"enriched_task": EnrichedTask}

    @hookimpl
    def claimx_register_workers(self) -> Iterable[WorkerSpec]:
        """Offer the worker that publishes the messages about tasks."""
        return [WORKER]


@frozen(kw_only=True)
class EnrichedTaskConfig:
    """Options of ``enriched_task``."""

    connection: str = "claimx_api"
    """Connection that is asked."""
    media_parameter: str = "mediaId"
    """Parameter by which ClaimX is asked for one file of a project."""


class EnrichedTask(RecordStage):
    """Asks for the form of a task and for its report, and publishes the message."""

    config_class: ClassVar[type[Any]] = EnrichedTaskConfig

    def __init__(self, config: EnrichedTaskConfig) -> None:
        self._config = config

    async def open(self, resources: Resources) -> None:
        """Find the connection to ClaimX."""
        self._api = resources.connections.get(self._config.connection)

    async def process_one(self, item: Item) -> None:
        """Publish the message; a failed request fails the record, which is tried again."""
        wanted = item.data
        task = wanted["task"]
        answer = await self._get(f"/customTasks/assignment/{task['assignment_id']}", full="true")
        report = None
        if (report_id := whole(task.get("pdf_project_media_id"))) is not None:
            report = await self._report(wanted["project_id"], report_id)
        message = task_message(wanted, answer.get("response"), report)
        item.publish.append(
            OutRecord(
                TASKS.name,
                json.dumps(message, ensure_ascii=False).encode(),
                wanted["trace_id"].encode(),
                (("trace_id", wanted["trace_id"].encode()),),
            )
        )

    async def _report(self, project_id: str, media_id: int) -> dict[str, Any] | None:
        path = f"/export/project/{project_id}/media"
        found = await self._get(path, **{self._config.media_parameter: str(media_id)})
        items: Sequence[Any] = found.get("data", ()) if isinstance(found, dict) else found
        # A server that does not know the parameter answers with every file of the project.
        return next((each for each in items if whole(each.get("mediaID")) == media_id), None)

    async def _get(self, path: str, **params: str) -> Any:
        answer = await self._api.request("GET", path, params=params, expect="json", subject=path)
        return answer.json()


WORKER: Final = WorkerSpec(
    name="enriched-tasks",
    summary="Publishes each task, with its form and its report, on claimx_tasks.",
    group="enriched-tasks-worker",
    reads=(WANTED,),
    writes=(TASKS,),
    dead_letters=FAILED,
    outage="wait",
    needs=("claimx.api",),
    build=Chain.of(StageSpec("enriched_task", EnrichedTaskConfig())),
)
