"""Messages about a file on its way: to be fetched, fetched, stored.

What they are on the wire is ``codec``'s: there the key has the domain's own word.
``owner`` and ``owner_ref`` let others than the domain itself have files fetched and get
the results.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from attrs import field, frozen

from claimx_pipeline.media.domain_word import knows_domain_word

_Instant = Annotated[datetime, msgspec.Meta(tz=True)]
_Filled = Annotated[str, msgspec.Meta(min_length=1)]
_Bytes = Annotated[int, msgspec.Meta(ge=0)]


@knows_domain_word
@frozen(kw_only=True)
class FileMessage:
    """What every message says about its file.

    The key can also be given and read by the domain's word for it: with ``key_name="claim"``,
    ``file.claim`` is ``file.key``.
    """

    media_id: _Filled
    """The domain's id of the file."""
    key: _Filled
    """Key of the event that brought the file, in the domain's own terms."""
    key_name: str = field(default="", eq=False, repr=False)
    """The domain's word for the key; empty if it is not known. Not a field on the wire."""
    event_id: _Filled
    """The event that the file was first heard of through."""
    download_url: _Filled
    """The signed link, byte for byte as it was given."""
    blob_path: _Filled
    """Target path, relative to the root of the domain's files in the object store."""
    file_type: str = ""
    """What kind of file it is said to be, as the domain's source gave it."""
    file_name: str = ""
    """What it is called, as the domain's source gave it; not safe as a path."""
    owner: str = ""
    """Who wants the file; only the owner acts on the result. Empty for the domain itself: on
    the wire its name is given."""
    owner_ref: str = ""
    """The owner's own word, returned as it is in the result."""

    @property
    def identity(self) -> str:
        """Name of what is to be done: equal for equal owner, media id and target path."""
        parts = msgspec.json.encode((self.owner, self.media_id, self.blob_path))
        return hashlib.sha256(parts).hexdigest()[:32]

    @property
    def record_key(self) -> str:
        """Key of the record: all that concerns a file stays in order."""
        return f"{self.owner}:{self.media_id}"

    def __getattr__(self, name: str) -> Any:
        if name != "key_name" and name == self.key_name:
            return self.key
        raise AttributeError(
            f"{type(self).__name__} has no attribute {name!r}", name=name, obj=self
        )


@knows_domain_word
@frozen(kw_only=True)
class DownloadTask(FileMessage):
    """A file to be fetched; on the domain's topic of pending downloads."""

    created_at: _Instant
    """When it was asked for: the event's own time."""
    expires_at: _Instant | None = None
    """When the link ends, as the source says; the link's own parameters come first."""
    file_version: str = ""
    """What the source says of the contents, such as size and date: a file that is stored with
    another is fetched again. Empty, and left out on the wire, if nothing tells one version from
    another: then the file is fetched whenever it is asked for."""


@knows_domain_word
@frozen(kw_only=True)
class CachedFile(FileMessage):
    """A file that was fetched and checked; on the domain's topic of cached files."""

    cache_path: _Filled
    """Where it lies in the domain's cache."""
    bytes_downloaded: _Bytes
    """Its size."""
    checksum: _Filled
    """SHA-256 of the file, hexadecimal."""
    content_type: str
    """What the file is; also what it is stored as."""
    downloaded_at: _Instant
    """When it was fetched."""
    file_version: str = ""
    """What the source said of the contents when it was fetched; see ``DownloadTask``."""


@knows_domain_word
@frozen(kw_only=True)
class DownloadResult(FileMessage):
    """What became of a file; on the domain's topic of results."""

    status: Literal["completed", "failed", "failed_permanent"]
    """What became of it."""
    bytes_uploaded: _Bytes = 0
    """Its size in the object store."""
    checksum: str = ""
    """SHA-256 of the file, hexadecimal; empty unless completed."""
    content_type: str = ""
    """What its content is."""
    error_message: str | None = None
    """Why it could not be copied."""
    downloaded_at: _Instant | None = None
    """When it was fetched."""
    created_at: _Instant
    """When this was settled."""


def file_version(*facts: object) -> str:
    """Return what tells the contents of a file from other contents of it.

    It is for sources whose files stay as they are while these facts do.

    Args:
        facts: What the source says of the file, say its size and date, in a fixed order; None for
            what it does not say.
    """
    known = [fact.isoformat() if isinstance(fact, datetime) else fact for fact in facts]
    return "/".join("-" if fact is None else str(fact) for fact in known)


def facts_of(file: FileMessage) -> dict[str, Any]:
    """Return what every message says about *file*, for the message that follows."""
    return {
        "media_id": file.media_id,
        "key": file.key,
        "key_name": file.key_name,
        "event_id": file.event_id,
        "download_url": file.download_url,
        "blob_path": file.blob_path,
        "file_type": file.file_type,
        "file_name": file.file_name,
        "owner": file.owner,
        "owner_ref": file.owner_ref,
    }
