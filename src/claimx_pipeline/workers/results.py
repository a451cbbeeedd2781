"""``results``: the result of each file is published, and kept as a row.

A file that failed for good has no result of its own: its dead letter is read here, and published
as one on the topic of results, where every owner looks. Each domain that has files has such a
worker, with a group and a table of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from attrs import frozen

from claimx_pipeline.broker.protocol import Record
from claimx_pipeline.delta.rows import TableRow
from claimx_pipeline.domain.files import FileFlow
from claimx_pipeline.errors import DecodeError
from claimx_pipeline.media.messages import CachedFile, DownloadResult, DownloadTask, facts_of
from claimx_pipeline.runtime.dead_letters.dead_letter import DeadLetter, last_failed_at
from claimx_pipeline.runtime.outcome import Done, Outcome
from claimx_pipeline.runtime.resources import Resources
from claimx_pipeline.runtime.worker import Received

KIND = "results"
"""Name of the worker, after the domain's prefix."""

ERROR_CHARACTERS = 500
"""Most characters of an error that a result has."""


@frozen
class FailedFile:
    """A dead letter, as a result; None if it is not of a file."""

    result: DownloadResult | None


class ResultsProcessor:
    """Makes rows of the domain's own files; what others asked for is theirs to look at."""

    def __init__(self, flow: FileFlow, resources: Resources) -> None:
        self._flow = flow
        self._clock = resources.clock
        self._dead_letters = resources.topology.physical(flow.topics.dlq.name)

    async def open(self) -> None:
        """Nothing to open."""

    def decode(self, record: Record) -> DownloadResult | FailedFile:
        """Return the result in *record*, or the one that a dead letter means.

        Raises:
            DecodeError: It is not a result.
        """
        if record.topic == self._dead_letters:
            return FailedFile(failed_result(self._flow, record))
        return self._flow.codec.decode_result(record.value)

    async def process(
        self, batch: Sequence[Received[DownloadResult | FailedFile]]
    ) -> Sequence[Outcome]:
        """Return each result's row, and each dead letter's result."""
        now = self._clock.now()
        return [self._outcome(received.message, now) for received in batch]

    async def close(self) -> None:
        """Nothing to close."""

    def _outcome(self, message: DownloadResult | FailedFile, now: datetime) -> Outcome:
        flow = self._flow
        if isinstance(message, FailedFile):
            if message.result is None:
                return Done(skipped="the dead letter is not of a file")
            return Done(publish=(flow.codec.result_record(message.result),))
        if message.owner != flow.domain:
            return Done(skipped=f"a file of {message.owner}")
        row = dict(flow.files.row(message, now))
        return Done(rows=(TableRow(flow.files.table.name, row),))


def failed_result(flow: FileFlow, record: Record) -> DownloadResult | None:
    """Return the result of the file of the dead letter *record*.

    None if it is of a plugin that failed, of another worker, or cannot be read.
    """
    dead_letter = DeadLetter.read(record)
    if dead_letter is None or dead_letter.kind == "plugin":
        return None
    try:
        file = _failed_file(flow, dead_letter.worker, record.value)
    except DecodeError:
        return None  # it failed for that reason; which file it was is unknown
    if file is None:
        return None
    permanent = dead_letter.category == "permanent"
    return DownloadResult(
        **facts_of(file),
        status="failed_permanent" if permanent else "failed",
        error_message=dead_letter.error[:ERROR_CHARACTERS],
        downloaded_at=file.downloaded_at if isinstance(file, CachedFile) else None,
        created_at=last_failed_at(record, dead_letter),
    )


def _failed_file(
    flow: FileFlow, failed_at: str, value: bytes | None
) -> DownloadTask | CachedFile | None:
    """Return the file that the worker *failed_at* failed with; None if it is another's.

    Raises:
        DecodeError: The message cannot be read.
    """
    if failed_at == flow.worker("download"):
        return flow.codec.decode_task(value)
    if failed_at == flow.worker("upload"):
        return flow.codec.decode_cached(value)
    return None
