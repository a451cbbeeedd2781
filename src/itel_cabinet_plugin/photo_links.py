"""What ClaimX says of a form's photos: the form itself knows ids, not links."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any, Final

from attrs import define, field

from claimx_pipeline import Category, Clock, RecordError
from claimx_pipeline.connections import AnswerCache, Connection
from claimx_pipeline.media import times_of
from itel_cabinet_plugin.form.model import ParsedForm
from itel_cabinet_plugin.form.values import label, moment, whole_id

MEDIA_ENDPOINT: Final = "/export/project/{project_id}/media"
"""Path of a project's files."""

_IDS_PER_REQUEST: Final = 100
"""Keeps the URL below 2,000 characters, which every server takes."""

_ANSWERS_KEPT: Final = 1000

Links = Mapping[str, Mapping[str, Any]]
"""Media id to what ClaimX says of the file; ``fullDownloadLink`` is its signed link."""


def links_until(links: Links) -> datetime | None:
    """Return when the first of *links* ends; None if none says that it does."""
    ends = []
    for file in links.values():
        link = label(file.get("fullDownloadLink"))
        if link is None:
            continue
        said, signed = moment(file.get("expiresAt")), times_of(link)
        if said is not None:
            ends.append(said)
        if signed is not None:
            ends.append(signed.ends_at)
    return min(ends, default=None)


@define(eq=False)
class PhotoLinks:
    """Asks for the links of a form's photos; an answer serves a while."""

    _connection: Connection
    _endpoint: str
    _cache_ttl: float
    """Seconds for which links serve further events of the same form."""
    _clock: Clock
    _parameter: str
    """Parameter that names the files asked for."""
    _kept: AnswerCache[Links] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._kept = AnswerCache(self._cache_ttl, _ANSWERS_KEPT, self._clock)

    async def of(self, parsed: ParsedForm) -> Links:
        """Return what ClaimX says of the form's photos.

        Raises:
            RecordError: It does not answer, or not as it should.
        """
        ids = parsed.photo_ids()
        if not ids:
            return {}
        project = whole_id(parsed.form.project_id)
        if project is None:
            raise RecordError(
                "the form has no project id, so its photos' links cannot be looked up"
            )
        parts = [ids[at : at + _IDS_PER_REQUEST] for at in range(0, len(ids), _IDS_PER_REQUEST)]
        path = self._endpoint.format(project_id=project)
        found: dict[str, Mapping[str, Any]] = {}
        for part in parts:
            asked = ",".join(part)
            found |= await self._kept.get((path, asked), partial(self._ask, path, asked))
        return found

    async def _ask(self, path: str, ids: str) -> Links:
        answer = await self._connection.request(
            "GET",
            path,
            params={self._parameter: ids},
            expect="json",
            subject=path,
            endpoint=self._endpoint,
        )
        body = answer.json()
        listed = body.get("data") if isinstance(body, dict) else body
        if not isinstance(listed, list):
            reason = f"{answer.where}: the answer names no files; it has no list 'data'"
            raise RecordError(reason, Category.TRANSIENT)
        files = [each for each in listed if isinstance(each, dict)]
        return {str(whole_id(each.get("mediaID", each.get("mediaId")))): each for each in files}
