"""The ClaimX REST API, as far as the pipeline asks it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define, field

from claimx_pipeline.claimx.known_fields import (
    ASSIGNMENT,
    KNOWN_FIELDS,
    MEDIA,
    PROJECT,
    REPORT,
)
from claimx_pipeline.clock import Clock
from claimx_pipeline.connections.answer import Answer, Answered, RequestFailedError
from claimx_pipeline.errors import Category, Problem, SettingsError
from claimx_pipeline.settings.tree.claimx import ApiSettings
from claimx_pipeline.settings.tree.connections import ConnectionSettings
from claimx_pipeline.telemetry.drift import AnswerDrift
from claimx_pipeline.telemetry.request_metrics import RequestMetrics

if TYPE_CHECKING:
    from claimx_pipeline.connections.client import Connection

NAME = "claimx"
"""What the API's connection is called in errors."""

DRIFT_SECONDS = 1.0
"""Of each endpoint, at most one answer in so many seconds is searched for unknown fields."""

T = TypeVar("T")
Json = dict[str, Any]


@define(eq=False)
class ClaimxApi:
    """Asks the API. Every method raises ``RecordError`` as ``Connection.request`` does.

    An answer that is not of the shape it should be counts as transient: it tells about
    the answer, not about the record.
    """

    settings: ApiSettings
    clock: Clock
    metrics: RequestMetrics | None = None
    """What its requests are counted in, if they are."""
    drift: AnswerDrift | None = None
    """Where fields of answers that are not known are counted, if they are."""
    _connection: Connection = field(init=False)
    _looked_at: dict[str, float] = field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        self._connection = _connection(self.settings, self.clock, self.metrics)

    async def get(
        self, path: str, params: Mapping[str, str | int] | None, project_id: int | None
    ) -> Answered[Any]:
        """Return the JSON that is answered to ``GET`` of *path*, whatever its shape."""
        answer = await self._ask("GET", path, project_id, "other", params=params)
        return Answered(answer.json(), answer.answered_at)

    async def project(self, project_id: int) -> Answered[Json]:
        """Return a project, without the ``data`` around it."""
        answer = await self._ask("GET", f"/export/project/{project_id}", project_id, PROJECT)
        body = answer.json()
        found = body.get("data", body) if isinstance(body, dict) else body
        if not isinstance(found, dict) or not isinstance(found.get("project"), dict):
            raise _unfit(answer, f"no project {project_id}")
        return Answered(found, answer.answered_at)

    async def media(self, project_id: int, media_ids: Sequence[int]) -> Answered[list[Json]]:
        """Return those of *media_ids* that the project has; all it has if none are named."""
        named = {self.settings.media_parameter: ",".join(map(str, media_ids))}
        params = named if media_ids else None
        path = f"/export/project/{project_id}/media"
        answer = await self._ask("GET", path, project_id, MEDIA, params=params)
        body = answer.json()
        if isinstance(body, dict):
            body = _first_of(body, ("data", "media"), one_item=("mediaID", "mediaId"))
        return Answered(_objects(answer, body, "list of media"), answer.answered_at)

    async def task(self, assignment_id: int, project_id: int | None = None) -> Answered[Json]:
        """Return a task assignment with its template, link and form.

        Args:
            assignment_id: The assignment.
            project_id: The project it is said to be of: that one may be missing with all its
                assignments.
        """
        path = f"/customTasks/assignment/{assignment_id}"
        answer = await self._ask("GET", path, project_id, ASSIGNMENT, params={"full": "true"})
        body = answer.json()
        if isinstance(body, dict) and "assignmentId" not in body:
            body = body.get("data", body)
        if not isinstance(body, dict) or not body.keys() & {"assignmentId", "taskId"}:
            raise _unfit(answer, f"no task assignment {assignment_id}")
        return Answered(body, answer.answered_at)

    async def video(self, project_id: int) -> Answered[list[Json]]:
        """Return the report on a project's video calls; empty if there were none."""
        question = {
            "reportType": "VIDEO_COLLABORATION",
            "projectId": project_id,
            "senderUsername": self.settings.sender_username,
        }
        # A report: it reads only, so asking twice does no harm.
        answer = await self._ask("POST", REPORT, project_id, REPORT, json=question, repeatable=True)
        body = answer.json()
        if isinstance(body, dict):
            names = ("data", "collaborations", "videoCollaboration")
            body = _first_of(body, names, one_item=("videoCollaborationId", "id"))
        if isinstance(body, dict):
            body = [body] if body else []
        return Answered(_objects(answer, body, "list of video calls"), answer.answered_at)

    async def close(self) -> None:
        """Close the connections."""
        await self._connection.close()

    async def _ask(
        self, method: str, path: str, project_id: int | None, endpoint: str, **parts: Any
    ) -> Answer:
        subject = None if project_id is None else str(project_id)
        answer = await self._connection.request(
            method, path, expect="json", subject=subject, endpoint=endpoint, **parts
        )
        self._look_for_drift(endpoint, answer)
        return answer

    def _look_for_drift(self, endpoint: str, answer: Answer) -> None:
        """See whether the answer has fields that are not known, at most once a second."""
        if self.drift is None or endpoint not in KNOWN_FIELDS:
            return
        now = self.clock.monotonic()
        if now - self._looked_at.get(endpoint, -DRIFT_SECONDS) >= DRIFT_SECONDS:
            self._looked_at[endpoint] = now
            self.drift.look(endpoint, answer.json(), KNOWN_FIELDS[endpoint])


def connection_settings(api: ApiSettings) -> ConnectionSettings:
    """Return the settings of the connection to the API, for every way it is reached.

    Raises:
        SettingsError: The API has no address.
    """
    if api.base_url is None:
        raise SettingsError([Problem("claimx.api.base_url", "is not set; set CLAIMX_API_URL")])
    return ConnectionSettings(
        base_url=api.base_url,
        auth_type=api.auth,
        auth_token=api.token,
        auth_token_file=api.token_file,
        timeout_seconds=api.timeout_seconds,
        connect_timeout_seconds=api.connect_timeout_seconds,
        max_retries=api.max_retries,
        max_concurrent=api.max_concurrent,
        max_answer_bytes=api.max_answer_bytes,
        breaker_failures=api.breaker_failures,
        breaker_open_seconds=api.breaker_open_seconds,
        probe=api.probe,
        network=api.network,
    )


def _connection(settings: ApiSettings, clock: Clock, metrics: RequestMetrics | None) -> Connection:
    known = connection_settings(settings)
    try:
        from claimx_pipeline.connections.client import Connection  # noqa: PLC0415 - slow to import

        return Connection(NAME, known, clock, setting="claimx.api", metrics=metrics)
    except SettingsError as error:
        # The API is not a named connection; its settings have a section of their own.
        problems = []
        for problem in error.problems:
            name = problem.where.rpartition(".")[2].removeprefix("auth_")
            problems.append(Problem(f"claimx.api.{name}", problem.what))
        raise SettingsError(problems) from error


def _first_of(body: Json, names: Sequence[str], *, one_item: Sequence[str]) -> Any:
    """Return what the API wrapped; a bare item counts as a list of it alone."""
    for name in names:
        if name in body:
            return body[name] if body[name] is not None else []
    if not body:
        return []
    return [body] if body.keys() & set(one_item) else None


def _objects(answer: Answer, found: Any, what: str) -> list[Json]:
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise _unfit(answer, f"no {what}")
    return found


def _unfit(answer: Answer, what: str) -> RequestFailedError:
    return RequestFailedError(
        f"{answer.where}: the answer holds {what}",
        Category.TRANSIENT,
        connection=NAME,
        answer=answer,
    )


def missing_access(api: ApiSettings, worker: str) -> list[Problem]:
    """Return what is missing before *worker* can ask the API; nothing if it can."""
    if api.base_url and has_token(api):
        return []
    missing = [
        name
        for name, value in (("CLAIMX_API_URL", api.base_url), ("CLAIMX_API_TOKEN", has_token(api)))
        if not value
    ]
    lacks = {2: "address and credential", 1: "credential" if api.base_url else "address"}
    what = (
        f"worker {worker!r} asks the ClaimX API and has no {lacks[len(missing)]} for it; set "
        f"{' and '.join(missing)}, or try 'claimx-run demo', which brings an API of its own"
    )
    return [Problem("claimx.api", what, missing=True)]


def has_token(api: ApiSettings) -> bool:
    """Tell whether there is a credential, in the settings or in a file."""
    return bool(api.token_file or (api.token and api.token.reveal()))
