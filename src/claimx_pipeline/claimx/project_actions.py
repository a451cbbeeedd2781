"""What the ClaimX API is asked to do: create a task, and find the project of a claim.

Endpoints and spellings are those of the ClaimX REST API: ``/import/project/actions``
writes ``senderUserName`` where ``/data`` writes ``senderUsername``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from claimx_pipeline.connections.registry import Connections
from claimx_pipeline.connections.verdict import JsonVerdict
from claimx_pipeline.domain.domain import ActionKind
from claimx_pipeline.errors import Category, RecordError
from claimx_pipeline.hooks.claimx_task import CreateClaimxTask
from claimx_pipeline.values import integer

if TYPE_CHECKING:
    from claimx_pipeline.connections.client import Connection

_ANY_JSON = JsonVerdict(field="")
"""A page that something in between answers with is not ClaimX's yes."""


async def carry_out(asked: CreateClaimxTask, connections: Connections, key: str) -> None:
    """Have ClaimX create a task that a plugin asked for.

    Raises:
        RecordError: It did not.
        SettingsError: There is no such connection.
    """
    connection = connections.get(asked.connection)
    if asked.project_id is not None:
        project_id = project_number(asked.project_id)
    else:
        project_id = await find_project(connection, asked.claim_number or "")
    await create_task(
        connection,
        project_id=project_id,
        task_type=asked.task_type,
        task_data=asked.task_data,
        use_primary_contact_as_sender=asked.use_primary_contact_as_sender,
        sender_username=asked.sender_username,
        idempotency_key=key,
    )


async def find_project(connection: Connection, claim_number: str) -> int:
    """Return the project of a claim.

    Raises:
        RecordError: No project has that claim number, or the API did not answer.
    """
    answer = await connection.request(
        "GET",
        "/export/project/projectId",
        params={"projectNumber": claim_number},
        expect="json",
    )
    found = answer.json()
    if isinstance(found, dict):
        found = found.get("projectId", found.get("id"))
    number = _whole(found)
    if number is None:
        raise RecordError(
            f"{answer.where}: the answer holds no project of claim {claim_number!r}",
            Category.PERMANENT,
        )
    return number


async def create_task(  # noqa: PLR0913 - the parts of the request
    connection: Connection,
    *,
    project_id: int,
    task_type: str,
    task_data: Mapping[str, Any],
    use_primary_contact_as_sender: bool,
    sender_username: str | None,
    idempotency_key: str,
) -> None:
    """Have ClaimX create a task in a project.

    Raises:
        RecordError: It did not.
    """
    body: dict[str, Any] = {
        "projectId": project_id,
        "usePrimaryContactAsSender": use_primary_contact_as_sender,
        "type": task_type,
        "data": task_data,
    }
    if sender_username:
        body["senderUserName"] = sender_username
    await connection.request(
        "POST",
        "/import/project/actions",
        json=body,
        idempotency_key=idempotency_key,
        verdict=_ANY_JSON,
    )


def project_number(project_id: str) -> int:
    """Return a project's id as the API wants it.

    Raises:
        RecordError: It is not a number.
    """
    number = _whole(project_id)
    if number is None:
        raise RecordError(
            f"project id {project_id[:60]!r} is not a number, so ClaimX cannot have it"
        )
    return number


def _whole(value: Any) -> int | None:
    try:
        return integer(value)
    except ValueError:
        return None


CREATE_TASK = ActionKind(name=CreateClaimxTask.kind, asked=CreateClaimxTask, run=carry_out)
"""What plugins may ask of ClaimX."""
