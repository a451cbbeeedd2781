"""Worker ``itel-media``: where the photos of the forms were stored."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from attrs import frozen

from claimx_pipeline import RecordError, WorkerSpec
from claimx_pipeline.media import DownloadResult, FileCodec
from claimx_pipeline.stages import Chain, Item, RecordStage, StageSpec
from claimx_pipeline.tables import TableRow
from claimx_pipeline.topics import DOWNLOADS_RESULTS
from itel_cabinet_plugin.form.values import whole_id
from itel_cabinet_plugin.settings import OWNER
from itel_cabinet_plugin.tables import ATTACHMENTS
from itel_cabinet_plugin.topics import TRACKING_ERRORS

FILES: Final = FileCodec("project_id", "claimx")
"""Reads the messages of ClaimX's files."""


@frozen(kw_only=True)
class StoredPhotoConfig:
    """Options of ``itel_stored_photo``."""

    owner: str = OWNER
    """Results of other owners' files are left alone."""


class StoredPhotoStage(RecordStage):
    """Makes the row that says what became of a photo."""

    config_class: ClassVar[type[Any]] = StoredPhotoConfig

    def __init__(self, config: StoredPhotoConfig) -> None:
        self.config = config

    async def process_one(self, item: Item) -> None:
        """Add the row, or skip a file that another owner has asked for.

        Raises:
            RecordError: Permanent; it is not a valid result, or ``owner_ref`` not an assignment.
        """
        owner = item.data.get("owner")
        if owner != self.config.owner:
            item.skip(f"a file of {owner}")
            return
        result = FILES.read_result(item.message)
        item.rows.append(TableRow(ATTACHMENTS.name, stored_row(result)))


def stored_row(result: DownloadResult) -> dict[str, Any]:
    """Return the row of the photo that *result* is about.

    Raises:
        RecordError: Permanent; ``owner_ref`` is not an assignment.
    """
    assignment_id = whole_id(result.owner_ref)
    if assignment_id is None:
        raise RecordError(
            f"field 'owner_ref' is {result.owner_ref!r}, which is not a valid assignment"
        )
    stored = result.status == "completed"
    return {
        "assignment_id": assignment_id,
        "media_id": result.media_id,
        "project_id": result.key,
        "status": result.status,
        "error": "" if stored else result.error_message or "unknown",
        "blob_path": result.blob_path if stored else None,
        "media_type": result.content_type or None,
        # Without it a failure replaces nothing that is stored.
        "stored_at": result.created_at if stored else None,
    }


build: Final = Chain.of(StageSpec("itel_stored_photo", StoredPhotoConfig()))

WORKER: Final = WorkerSpec(
    name="itel-media",
    summary="Notes where the photos of cabinet forms were stored, or why not.",
    group="itel_cabinet_media_group",
    reads=(DOWNLOADS_RESULTS,),
    tables=(ATTACHMENTS.name,),
    needs=("broker", "tables"),
    dead_letters=TRACKING_ERRORS,
    build=build,
    batch_size=500,
    linger_seconds=1.0,
    sets=frozenset({"itel"}),
)
