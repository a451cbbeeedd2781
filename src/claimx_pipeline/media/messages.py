"""Messages about a file on its way: to be fetched, fetched, stored.

The spelling follows what ClaimX's consumers know; ``owner`` and ``owner_ref`` let others
than the pipeline itself have files fetched and get the results.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Literal, TypeVar

import msgspec
from attrs import frozen

from claimx_pipeline.broker.protocol import OutRecord
from claimx_pipeline.errors import DecodeError
from claimx_pipeline.topics import DOWNLOADS_CACHED, DOWNLOADS_PENDING, DOWNLOADS_RESULTS, Topic

_Instant = Annotated[datetime, msgspec.Meta(tz=True)]
_Filled = Annotated[str, msgspec.Meta(min_length=1)]
_Bytes = Annotated[int, msgspec.Meta(ge=0)]

CORE_OWNER = "claimx"
"""Owner of the files that the pipeline fetches for itself."""

M = TypeVar("M", bound="FileMessage")


@frozen(kw_only=True)
class FileMessage:
    """What every message says about its file."""

    media_id: _Filled
    project_id: _Filled
    event_id: _Filled
    """The event that the file was first heard of through."""
    download_url: _Filled
    """The signed link (``fullDownloadLink``), byte for byte as the API gave it."""
    blob_path: _Filled
    """Target path, relative to the owner's root in the object store."""
    file_type: str = ""
    """``mediaType`` as the API gave it."""
    file_name: str = ""
    """``mediaName`` as the API gave it; not safe as a path."""
    owner: _Filled = CORE_OWNER
    """Who wants the file; only the owner acts on the result."""
    owner_ref: str = ""
    """The owner's own word, returned as it is in the result."""

    @property
    def identity(self) -> str:
        """Name of what is to be done: equal for equal owner, media id and target path."""
        parts = msgspec.json.encode((self.owner, self.media_id, self.blob_path))
        return hashlib.sha256(parts).hexdigest()[:32]

    @property
    def key(self) -> str:
        """Key of the record: all that concerns a file stays in order."""
        return f"{self.owner}:{self.media_id}"


@frozen(kw_only=True)
class DownloadTask(FileMessage):
    """A file to be fetched; on ``claimx.downloads.pending``."""

    created_at: _Instant
    expires_at: _Instant | None = None
    """When the link ends, as the API says; the link's own parameters come first."""


@frozen(kw_only=True)
class CachedFile(FileMessage):
    """A file that was fetched and checked; on ``claimx.downloads.cached``."""

    cache_path: _Filled
    """Where it lies in the cache store."""
    bytes_downloaded: _Bytes
    checksum: _Filled
    """SHA-256 of the file, hexadecimal."""
    content_type: str
    """What the file is; also what it is stored as."""
    downloaded_at: _Instant


@frozen(kw_only=True)
class DownloadResult(FileMessage):
    """What became of a file; on ``claimx.downloads.results``."""

    status: Literal["completed", "failed", "failed_permanent"]
    bytes_uploaded: _Bytes = 0
    checksum: str = ""
    """SHA-256 of the file, hexadecimal; empty unless completed."""
    content_type: str = ""
    error_message: str | None = None
    downloaded_at: _Instant | None = None
    created_at: _Instant
    """When this was settled."""


_encode = msgspec.json.Encoder().encode
_decode_task = msgspec.json.Decoder(DownloadTask).decode
_decode_cached = msgspec.json.Decoder(CachedFile).decode
_decode_result = msgspec.json.Decoder(DownloadResult).decode


def task_record(task: DownloadTask) -> OutRecord:
    """Return *task* as a record."""
    return _record(DOWNLOADS_PENDING, task)


def cached_record(cached: CachedFile) -> OutRecord:
    """Return *cached* as a record."""
    return _record(DOWNLOADS_CACHED, cached)


def result_record(result: DownloadResult) -> OutRecord:
    """Return *result* as a record."""
    return _record(DOWNLOADS_RESULTS, result)


def decode_download_task(value: bytes | None) -> DownloadTask:
    """Return the task in a record's value.

    Raises:
        DecodeError: It is none.
    """
    return _decoded(value, _decode_task, "download task")


def decode_cached_file(value: bytes | None) -> CachedFile:
    """Return the message in a record's value.

    Raises:
        DecodeError: It is none.
    """
    return _decoded(value, _decode_cached, "message of a cached file")


def decode_result(value: bytes | None) -> DownloadResult:
    """Return the result in a record's value.

    Raises:
        DecodeError: It is none.
    """
    return _decoded(value, _decode_result, "result of a download")


def _record(topic: Topic, message: FileMessage) -> OutRecord:
    headers = (("claimx-id", message.identity.encode()),)
    return OutRecord(topic.name, _encode(message), message.key.encode(), headers)


def _decoded(value: bytes | None, decode: Callable[[bytes], M], what: str) -> M:
    if not value:
        raise DecodeError(f"the record is empty; a {what} is a JSON object")
    try:
        return decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DecodeError(f"the record is not a valid {what}: {error}") from error
