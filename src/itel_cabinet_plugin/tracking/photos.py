"""Stage ``itel_photos``: has the photos of a form copied into the object store."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, ClassVar, Final

from attrs import field, frozen
from attrs.validators import ge

from claimx_pipeline import (
    AnswerCache,
    Category,
    Clock,
    Connection,
    DownloadTask,
    Item,
    RecordError,
    Resources,
    TableRow,
    failure,
    target_path,
)
from itel_cabinet_plugin.form.model import ParsedForm
from itel_cabinet_plugin.form.values import label, moment, whole_id
from itel_cabinet_plugin.settings import OWNER, ItelSettings
from itel_cabinet_plugin.tables import ATTACHMENTS

_IDS_PER_REQUEST: Final = 100
"""Keeps the URL below 2,000 characters, which every server takes."""

_ANSWERS_KEPT: Final = 1000

Links = Mapping[str, Mapping[str, Any]]
"""Media id to what ClaimX says of the file."""


@frozen(kw_only=True)
class PhotosConfig:
    """Options of ``itel_photos``."""

    form_field: str = "form"
    """Field with the ``ParsedForm``."""

    connection: str = "claimx_api"
    """Named connection that knows the links."""

    endpoint: str = "/export/project/{project_id}/media"
    """Path of a project's files."""

    cache_ttl: float = field(default=60.0, validator=ge(0))
    """Seconds for which links serve further events of the same form."""

    folder: str = ItelSettings().photos_folder
    """Folder below the files' root; may name ``{project_id}`` and ``{assignment_id}``."""


class PhotosStage:
    """Asks for each photo's link and hands it to the pipeline's own workers.

    No row waits for a photo: when ClaimX tells no links, the record goes on and comes back
    for them. What becomes of a file is told on ``claimx.downloads.results``.
    """

    config_class: ClassVar[type[Any]] = PhotosConfig

    def __init__(self, config: PhotosConfig) -> None:
        self.config = config
        self._connection: Connection
        self._links: AnswerCache[Links]
        self._clock: Clock

    async def open(self, resources: Resources) -> None:
        """Find the connection.

        Raises:
            SettingsError: There is no such connection.
        """
        self._connection = resources.connections.get(self.config.connection)
        self._clock = resources.clock
        self._links = AnswerCache(self.config.cache_ttl, _ANSWERS_KEPT, resources.clock)

    async def process(self, items: Sequence[Item]) -> None:
        """Ask for the photos of every form of the batch, side by side."""
        await asyncio.gather(*(self._process_one(item) for item in items))

    async def close(self) -> None:
        """Nothing to release: the connection belongs to the process."""

    async def _process_one(self, item: Item) -> None:
        parsed = item.data.get(self.config.form_field)
        if item.unfinished is not None or not isinstance(parsed, ParsedForm):
            return
        if not parsed.attachments:
            return
        try:
            links = await self._links_of(parsed)
        except Exception as error:  # noqa: BLE001 - one record's failure is that record's outcome
            item.unfinished = error
            return
        try:
            self._ask_for(item, parsed, links)
        except Exception as error:  # noqa: BLE001 - one record's failure is that record's outcome
            item.outcome = failure(error)

    async def _links_of(self, parsed: ParsedForm) -> Links:
        """Return what ClaimX says of the form's photos.

        Raises:
            RecordError: It does not answer, or not as it should.
        """
        project = whole_id(parsed.form.project_id)
        if project is None:
            raise RecordError("the form names no project, so nobody knows its photos' links")
        ids = list(dict.fromkeys(photo.media_id for photo in parsed.attachments))
        parts = [ids[at : at + _IDS_PER_REQUEST] for at in range(0, len(ids), _IDS_PER_REQUEST)]
        path = self.config.endpoint.format(project_id=project)
        found: dict[str, Mapping[str, Any]] = {}
        for part in parts:
            asked = ",".join(part)
            found |= await self._links.get((path, asked), partial(self._ask, path, asked))
        return found

    async def _ask(self, path: str, ids: str) -> Links:
        answer = await self._connection.request("GET", path, params={"mediaIds": ids})
        body = answer.json()
        listed = body.get("data") if isinstance(body, dict) else body
        if not isinstance(listed, list):
            told = f"{answer.where}: the answer names no files; it has no list 'data'"
            raise RecordError(told, Category.TRANSIENT)
        files = [each for each in listed if isinstance(each, dict)]
        return {str(each.get("mediaID", each.get("mediaId"))): each for each in files}

    def _ask_for(self, item: Item, parsed: ParsedForm, links: Links) -> None:
        for media_id in dict.fromkeys(photo.media_id for photo in parsed.attachments):
            file = links.get(media_id, {})
            link = label(file.get("fullDownloadLink"))
            if link is None:
                item.rows.append(unknown(parsed, media_id))
                continue
            item.request_download(self._task(item, parsed, media_id, link, file))

    def _task(
        self, item: Item, parsed: ParsedForm, media_id: str, link: str, file: Mapping[str, Any]
    ) -> DownloadTask:
        form = parsed.form
        name = label(file.get("mediaName")) or ""
        folder = self.config.folder.replace("{assignment_id}", str(form.assignment_id))
        project_id = form.project_id or ""
        path = f"{folder.removesuffix('/')}/{{media_id}}_{{file_name}}"
        return DownloadTask(
            owner=OWNER,
            owner_ref=str(form.assignment_id),
            media_id=media_id,
            project_id=project_id,
            event_id=str(item.data["event_id"]),
            download_url=link,
            blob_path=target_path(path, project_id, media_id, name),
            file_type=label(file.get("mediaType")) or "",
            file_name=name,
            expires_at=moment(file.get("expiresAt")),
            created_at=form.ingested_at or self._clock.now(),
        )


def unknown(parsed: ParsedForm, media_id: str) -> TableRow:
    """Return the row of a photo that ClaimX gives no link for."""
    return TableRow(
        ATTACHMENTS.name,
        {
            "assignment_id": parsed.form.assignment_id,
            "media_id": media_id,
            "status": "failed_permanent",
            "error": f"ClaimX gives no link for media {media_id} of the project",
        },
    )
