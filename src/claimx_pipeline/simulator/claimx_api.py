"""The ClaimX REST API under ``/service/cxedirest``: every endpoint the pipeline may call."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from attrs import frozen
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from claimx_pipeline.simulator.answers import (
    media_answer,
    project_answer,
    task_answer,
    video_answer,
)
from claimx_pipeline.simulator.entities import Media, Project
from claimx_pipeline.simulator.faults import EXPIRED_LINKS
from claimx_pipeline.simulator.simulation import (
    Simulation,
    answer,
    authorized,
    json_object,
    number,
)

API_PATH = "/service/cxedirest"

_Endpoint = Callable[[Request], Awaitable[Response]]


@frozen
class ClaimxEndpoints:
    """Answers as of the world's clock."""

    simulation: Simulation

    def routes(self) -> list[Route]:
        """Return the endpoints; all of them ask for the API's credential."""
        return [
            self._route("/export/project/projectId", self.project_id),
            self._route("/export/project/{project_id}", self.project),
            self._route("/export/project/{project_id}/media", self.media),
            self._route("/export/project/{project_id}/contacts", self.nothing),
            self._route("/export/project/{project_id}/conversations", self.nothing),
            self._route("/customTasks/assignment/{assignment_id}", self.task),
            self._route("/data", self.report, "POST"),
            self._route("/import/project/actions", self.action, "POST"),
        ]

    async def project(self, request: Request) -> Response:
        """Answer with one project."""
        return answer(project_answer(self._project(request), self.simulation.world.now))

    async def project_id(self, request: Request) -> Response:
        """Answer with the project of a claim number."""
        given = request.query_params.get("projectNumber", "")
        project = self.simulation.world.project_of_number(given)
        if project is None:
            raise HTTPException(404, f"no project has the number {given!r}")
        return answer({"projectId": project.project_id})

    async def media(self, request: Request) -> Response:
        """Answer with a project's files, all or those asked for.

        A parameter of another name is ignored, as by the real server: all files are the answer.
        """
        found = self.simulation.world.media(self._project(request))
        if wanted := request.query_params.get("mediaId"):
            ids = {number(text, "mediaId") for text in wanted.split(",")}
            found = [media for media in found if media.media_id in ids]
        ended = request.scope.get(EXPIRED_LINKS, False)
        return answer({"data": [self._media_item(media, ended=ended) for media in found]})

    async def nothing(self, request: Request) -> Response:
        """Answer with an empty list: the pipeline reads no items of contacts and conversations."""
        self._project(request)
        return answer({"data": []})

    async def task(self, request: Request) -> Response:
        """Answer with one task, without ``data`` around it."""
        world = self.simulation.world
        given = number(request.path_params["assignment_id"], "assignment id")
        task = world.task(given)
        project = world.project(task.project_id) if task else None
        if task is None or project is None:
            raise HTTPException(404, f"there is no assignment {given}")
        full = request.query_params.get("full") == "true"
        return answer(task_answer(task, project, world.now, full=full))

    async def report(self, request: Request) -> Response:
        """Answer with a report on one project."""
        body = await json_object(request)
        project = self._project_of_body(body)
        match body.get("reportType"):
            case "VIDEO_COLLABORATION":
                return answer({"data": self._videos(project, body)})
            case "CUSTOM_TASK_HIGH_LEVEL":
                return answer({"success": True, "data": []})
            case other:
                raise HTTPException(400, f"there is no report type {other!r}")

    async def action(self, request: Request) -> Response:
        """Take an action on a project; the request log has it."""
        body = await json_object(request)
        self._project_of_body(body)
        if body.get("type") != "CUSTOM_TASK_ASSIGN_EXTERNAL_LINK":
            raise HTTPException(400, f"there is no action {body.get('type')!r}")
        return answer({})

    def _route(self, path: str, endpoint: _Endpoint, method: str = "GET") -> Route:
        async def guarded(request: Request) -> Response:
            authorized(request, self.simulation.api_token, "basic", "bearer")
            return await endpoint(request)

        return Route(API_PATH + path, guarded, methods=[method])

    def _project(self, request: Request) -> Project:
        return self._of_id(number(request.path_params["project_id"], "project id"))

    def _project_of_body(self, body: dict[str, Any]) -> Project:
        return self._of_id(number(body.get("projectId"), "projectId"))

    def _of_id(self, project_id: int) -> Project:
        project = self.simulation.world.project(project_id)
        if project is None:
            raise HTTPException(404, f"there is no project {project_id}")
        return project

    def _media_item(self, media: Media, *, ended: bool) -> dict[str, Any]:
        links = self.simulation.links
        signed_at = self.simulation.clock.now()
        if ended:
            signed_at -= links.ttl + timedelta(seconds=1)
        # Like the real API, which does not always say when a link ends.
        expires = signed_at + links.ttl if media.media_id % 2 else None
        return media_answer(media, links.link(media, signed_at), expires)

    def _videos(self, project: Project, body: dict[str, Any]) -> list[dict[str, Any]]:
        world = self.simulation.world
        since = _date(body, "startDate") or datetime.min.replace(tzinfo=UTC)
        until = _date(body, "endDate") or world.now
        return [
            video_answer(video, project, world.now)
            for video in world.videos(project)
            if since <= video.invited_at <= until
        ]


def _date(body: dict[str, Any], name: str) -> datetime | None:
    text = body.get(name)
    if text is None:
        return None
    try:
        date = datetime.fromisoformat(text)
    except (TypeError, ValueError) as error:
        raise HTTPException(400, f"{name} is not an ISO date: {text!r}") from error
    return date if date.tzinfo else date.replace(tzinfo=UTC)
