"""What ClaimX says of a form's project: claim number, policyholder, address of the loss."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from attrs import define, field, frozen

from claimx_pipeline import Category, Clock, RecordError
from claimx_pipeline.connections import AnswerCache, Connection
from itel_cabinet_plugin.form.model import ParsedForm
from itel_cabinet_plugin.form.values import label, whole_id

PROJECT_ENDPOINT: Final = "/export/project/{project_id}"
"""Path of a project."""

_ANSWERS_KEPT: Final = 1000


@frozen(kw_only=True)
class ExportedProject:
    """What is sent of a project; texts are empty where ClaimX says nothing."""

    number: str
    """Claim number of the carrier."""
    insured_name: str
    street: str
    city: str
    state: str
    zip_code: str
    country: str


@define(eq=False)
class ProjectExport:
    """Asks for the project of a form; an answer serves a while."""

    _connection: Connection
    _endpoint: str
    _cache_ttl: float
    """Seconds for which an answer serves further forms of the project."""
    _clock: Clock
    _kept: AnswerCache[ExportedProject] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._kept = AnswerCache(self._cache_ttl, _ANSWERS_KEPT, self._clock)

    async def of(self, parsed: ParsedForm) -> ExportedProject:
        """Return what ClaimX says of the form's project.

        Raises:
            RecordError: It does not answer, or not as it should.
        """
        project = whole_id(parsed.form.project_id)
        if project is None:
            raise RecordError("the form has no project id, so its claim cannot be looked up")
        path = self._endpoint.format(project_id=project)
        return await self._kept.get(path, partial(self._ask, path))

    async def _ask(self, path: str) -> ExportedProject:
        answer = await self._connection.request(
            "GET", path, expect="json", subject=path, endpoint=self._endpoint
        )
        body = answer.json()
        data = body.get("data", body) if isinstance(body, dict) else None
        project = data.get("project", data) if isinstance(data, dict) else None
        if not isinstance(project, dict):
            reason = f"{answer.where}: the answer holds no project; it has no object 'project'"
            raise RecordError(reason, Category.TRANSIENT)
        return exported(project)


def exported(project: Mapping[str, Any]) -> ExportedProject:
    """Return what is sent of *project*, an object as ``/export/project/{id}`` answers it.

    The address is the project's own, where the loss happened; the customer's may be another.
    """
    customer, address = _object(project, "customerInformation"), _object(project, "address")
    names = (_text(customer, "firstName"), _text(customer, "lastName"))
    streets = (_text(address, "street1"), _text(address, "street2"))
    return ExportedProject(
        number=_text(project, "projectNumber"),
        insured_name=" ".join(filter(None, names)),
        street=" ".join(filter(None, streets)),
        city=_text(address, "city"),
        state=_text(address, "stateProvince"),
        zip_code=_text(address, "zipPostcode"),
        country=_text(address, "country"),
    )


def _object(holder: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = holder.get(name)
    return found if isinstance(found, Mapping) else {}


def _text(holder: Mapping[str, Any], name: str) -> str:
    return (label(holder.get(name)) or "").strip()
