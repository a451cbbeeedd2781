"""Stage ``itel_photos``: has the photos of a form copied into the object store."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from attrs import field, frozen
from attrs.validators import ge

from claimx_pipeline import Clock, RecordError, Resources, failure
from claimx_pipeline.media import DownloadTask, file_version, target_path
from claimx_pipeline.stages import Item
from claimx_pipeline.tables import TableRow
from itel_cabinet_plugin.form.model import ParsedForm
from itel_cabinet_plugin.form.values import label, moment
from itel_cabinet_plugin.photo_links import MEDIA_ENDPOINT, Links, PhotoLinks
from itel_cabinet_plugin.settings import OWNER, ItelSettings
from itel_cabinet_plugin.tables import ATTACHMENTS


@frozen(kw_only=True)
class PhotosConfig:
    """Options of ``itel_photos``."""

    form_field: str = "form"
    """Field with the ``ParsedForm``."""

    connection: str = "claimx_api"
    """Named connection that knows the links."""

    endpoint: str = MEDIA_ENDPOINT
    """Path of a project's files."""

    cache_ttl: float = field(default=60.0, validator=ge(0))
    """Seconds for which links serve further events of the same form."""

    folder: str = ItelSettings().photos_folder
    """Folder below the files' root; may name ``{project_id}`` and ``{assignment_id}``."""


class PhotosStage:
    """Asks for each photo's link and hands it to the pipeline's own workers.

    No row waits for a photo: when ClaimX answers no links, the record goes on and comes back
    for them. What becomes of a file is reported on ``claimx.downloads.results``.
    """

    config_class: ClassVar[type[Any]] = PhotosConfig

    def __init__(self, config: PhotosConfig) -> None:
        self.config = config
        self._links: PhotoLinks
        self._clock: Clock

    async def open(self, resources: Resources) -> None:
        """Find the connection.

        Raises:
            SettingsError: There is no such connection.
        """
        self._clock = resources.clock
        self._links = PhotoLinks(
            resources.connections.get(self.config.connection),
            self.config.endpoint,
            self.config.cache_ttl,
            resources.clock,
            resources.settings.claimx.api.media_parameter,
        )

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
            links = await self._links.of(parsed)
        except BaseException as error:  # noqa: BLE001 - one record's failure is that record's outcome
            item.unfinished = failure(error).error
            return
        try:
            self._ask_for(item, parsed, links)
        except BaseException as error:  # noqa: BLE001 - one record's failure is that record's outcome
            item.outcome = failure(error)

    def _ask_for(self, item: Item, parsed: ParsedForm, links: Links) -> None:
        for media_id in parsed.photo_ids():
            file = links.get(media_id, {})
            link = label(file.get("fullDownloadLink"))
            if link is None:
                item.rows.append(unknown(parsed, media_id))
                continue
            try:
                item.request_download(self._task(item, parsed, media_id, link, file))
            except ValueError as error:
                raise RecordError(f"photo {media_id} cannot be asked for: {error}") from error

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
            key=project_id,
            key_name="project_id",
            event_id=str(item.data["event_id"]),
            download_url=link,
            blob_path=target_path(path, project_id, media_id, name),
            file_type=label(file.get("mediaType")) or "",
            file_name=name,
            expires_at=moment(file.get("expiresAt")),
            file_version=file_version(label(file.get("takenDate"))),
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
