"""``results``: the result of each file is published, and kept as a row.

A file that failed for good has no result of its own: its dead letter is read here, and published
as one on ``claimx.downloads.results``, where every owner looks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from attrs import frozen

from claimx_pipeline.broker.protocol import Record
from claimx_pipeline.delta.rows import TableRow
from claimx_pipeline.errors import DecodeError
from claimx_pipeline.media.attachments import ATTACHMENTS, attachment_row
from claimx_pipeline.media.messages import (
    CORE_OWNER,
    CachedFile,
    DownloadResult,
    DownloadTask,
    decode_cached_file,
    decode_download_task,
    decode_result,
    result_record,
)
from claimx_pipeline.runtime.dead_letters.dead_letter import DeadLetter, last_failed_at
from claimx_pipeline.runtime.outcome import Done, Outcome
from claimx_pipeline.runtime.resources import Resources
from claimx_pipeline.runtime.worker import Received, WorkerSpec
from claimx_pipeline.topics import DOWNLOADS_DLQ, DOWNLOADS_RESULTS

ERROR_CHARACTERS = 500
"""Most characters of an error that a result has."""

_DECODERS: Mapping[str, Callable[[bytes | None], DownloadTask | CachedFile]] = {
    "download": decode_download_task,
    "upload": decode_cached_file,
}
"""Worker to the decoder of its dead letters' values."""


@frozen
class FailedFile:
    """A dead letter, as a result; None if it is not of a file."""

    result: DownloadResult | None


class ResultsProcessor:
    """Makes rows of the pipeline's own files; what others asked for is theirs to look at."""

    def __init__(self, resources: Resources) -> None:
        self._clock = resources.clock
        self._dead_letters = resources.topology.physical(DOWNLOADS_DLQ.name)

    async def open(self) -> None:
        """Nothing to open."""

    def decode(self, record: Record) -> DownloadResult | FailedFile:
        """Return the result in *record*, or the one that a dead letter means.

        Raises:
            DecodeError: It is not a result.
        """
        if record.topic == self._dead_letters:
            return FailedFile(failed_result(record))
        return decode_result(record.value)

    async def process(
        self, batch: Sequence[Received[DownloadResult | FailedFile]]
    ) -> Sequence[Outcome]:
        """Return each result's row, and each dead letter's result."""
        now = self._clock.now()
        return [_outcome(received.message, now) for received in batch]

    async def close(self) -> None:
        """Nothing to close."""


def _outcome(message: DownloadResult | FailedFile, now: datetime) -> Outcome:
    if isinstance(message, FailedFile):
        if message.result is None:
            return Done(skipped="the dead letter is not of a file")
        return Done(publish=(result_record(message.result),))
    if message.owner != CORE_OWNER:
        return Done(skipped=f"a file of {message.owner}")
    return Done(rows=(TableRow(ATTACHMENTS.name, attachment_row(message, now)),))


def failed_result(record: Record) -> DownloadResult | None:
    """Return the result of the file of the dead letter *record*.

    None if it is of a plugin that failed, of another worker, or cannot be read.
    """
    dead_letter = DeadLetter.read(record)
    if dead_letter is None or dead_letter.kind == "plugin" or dead_letter.worker not in _DECODERS:
        return None
    try:
        file = _DECODERS[dead_letter.worker](record.value)
    except DecodeError:
        return None  # it failed for that reason; which file it was is unknown
    permanent = dead_letter.category == "permanent"
    return DownloadResult(
        media_id=file.media_id,
        project_id=file.project_id,
        event_id=file.event_id,
        download_url=file.download_url,
        blob_path=file.blob_path,
        file_type=file.file_type,
        file_name=file.file_name,
        owner=file.owner,
        owner_ref=file.owner_ref,
        status="failed_permanent" if permanent else "failed",
        error_message=dead_letter.error[:ERROR_CHARACTERS],
        downloaded_at=file.downloaded_at if isinstance(file, CachedFile) else None,
        created_at=last_failed_at(record, dead_letter),
    )


def build(resources: Resources) -> ResultsProcessor:
    """Return the processor of one member."""
    return ResultsProcessor(resources)


WORKER = WorkerSpec(
    name="results",
    summary="Keeps a row of every file that was stored or failed.",
    group="claimx-result-processor",
    formerly=frozenset({"result_processor"}),
    reads=(DOWNLOADS_RESULTS, DOWNLOADS_DLQ),
    writes=(DOWNLOADS_RESULTS,),
    tables=(ATTACHMENTS.name,),
    needs=("broker", "tables"),
    dead_letters=DOWNLOADS_DLQ,
    build=build,
    batch_size=500,
    linger_seconds=1.0,
    sets=frozenset({"claimx"}),
)
