"""Which files are stored already, so that an event that names one again has none fetched.

``upload`` adds a record to the domain's topic of stored files for each file that it stores;
``download`` reads that topic, and knows the latest of them. An erasure adds one that says that
a file is not stored any more.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterable
from datetime import datetime

import msgspec

from claimx_pipeline.broker.protocol import OutRecord
from claimx_pipeline.media.messages import CachedFile, DownloadResult, DownloadTask, facts_of
from claimx_pipeline.topics import Topic

_DIGITS = 16


class KnownFile(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A file as it was stored last."""

    contents: int
    """Hash of what the source said of its contents, and of the store."""
    checksum: bytes
    """SHA-256."""
    size: int
    """Bytes."""
    content_type: str
    """What its content is."""
    downloaded_at: datetime
    """When it was fetched."""
    stored_at: datetime
    """When it was stored."""


class _Stored(msgspec.Struct, kw_only=True):
    """A record of the topic; the key of the event is beside it, under the domain's word."""

    identity: str
    contents: str = ""
    checksum: str = ""
    """Empty: the file is not stored any more."""
    size: int = 0
    content_type: str = ""
    downloaded_at: datetime | None = None
    stored_at: datetime | None = None


_decode = msgspec.json.Decoder(_Stored).decode


def contents_of(file: DownloadTask | CachedFile, root: str) -> str:
    """Return the hash of what is known of a file's contents, and of the store they are in.

    Args:
        file: The file.
        root: The store, as the settings name it: one that moved has nothing yet.
    """
    said = msgspec.json.encode((file.file_version, root))
    return hashlib.sha256(said).hexdigest()[:_DIGITS]


def stored_file_record(topic: Topic, file: CachedFile, root: str, at: datetime) -> OutRecord:
    """Return the record which says that *file* was stored *at* that time."""
    stored = _Stored(
        identity=file.identity,
        contents=contents_of(file, root),
        checksum=file.checksum,
        size=file.bytes_downloaded,
        content_type=file.content_type,
        downloaded_at=file.downloaded_at,
        stored_at=at,
    )
    value = {**msgspec.to_builtins(stored), "media_id": file.media_id, file.key_name: file.key}
    return OutRecord(topic.name, msgspec.json.encode(value), file.record_key.encode())


def forgotten_record(topic: str, key: bytes | None, value: bytes) -> OutRecord | None:
    """Return the record which says that the file of another is not stored any more.

    Args:
        topic: Where both are.
        key: Of the record which says that it is.
        value: Of that record.

    Returns:
        None if that record is of no file, or says the same.
    """
    stored = _read(value)
    if stored is None or not stored.checksum:
        return None
    return OutRecord(topic, msgspec.json.encode({"identity": stored.identity}), key)


class KnownFiles:
    """The latest files that were stored, by their identity."""

    def __init__(self, most: int) -> None:
        """Know at most *most* files."""
        self._most = most
        self._files: dict[bytes, KnownFile] = {}
        self._content_types: dict[str, str] = {}
        self._fetched: OrderedDict[bytes, None] = OrderedDict()
        """Fetched here, and not known to be stored yet."""

    def __len__(self) -> int:
        return len(self._files)

    def read(self, value: bytes | None) -> None:
        """Note what a record of the topic says; one that cannot be read says nothing."""
        stored = _read(value)
        if stored is None:
            return
        identity = bytes.fromhex(stored.identity)
        self._fetched.pop(identity, None)
        self._files.pop(identity, None)
        if not stored.checksum or stored.downloaded_at is None or stored.stored_at is None:
            return
        self._files[identity] = KnownFile(
            contents=int(stored.contents, 16),
            checksum=bytes.fromhex(stored.checksum),
            size=stored.size,
            content_type=self._content_types.setdefault(stored.content_type, stored.content_type),
            downloaded_at=stored.downloaded_at,
            stored_at=stored.stored_at,
        )
        if len(self._files) > self._most + self._most // 4:
            self._drop_oldest()

    def fetched(self, file: DownloadTask) -> None:
        """Note that *file* was fetched here: soon it may be stored."""
        self._fetched[bytes.fromhex(file.identity)] = None
        while len(self._fetched) > self._most:
            self._fetched.popitem(last=False)

    def concern(self, files: Iterable[DownloadTask]) -> bool:
        """Return whether one of *files* was seen before, so that the topic must be read first."""
        found = (bytes.fromhex(file.identity) for file in files)
        return any(each in self._files or each in self._fetched for each in found)

    def result(self, task: DownloadTask, root: str) -> DownloadResult | None:
        """Return the result of a file that is stored already, for the event of *task*.

        None if it is not known, or was stored with other contents or in another store.
        """
        known = self._files.get(bytes.fromhex(task.identity))
        if known is None or known.contents != int(contents_of(task, root), 16):
            return None
        return DownloadResult(
            **facts_of(task),
            status="completed",
            bytes_uploaded=known.size,
            checksum=known.checksum.hex(),
            content_type=known.content_type,
            downloaded_at=known.downloaded_at,
            created_at=known.stored_at,
        )

    def _drop_oldest(self) -> None:
        by_time = sorted(self._files.items(), key=lambda each: each[1].stored_at)
        self._files = dict(by_time[-self._most :])


def _read(value: bytes | None) -> _Stored | None:
    if not value:
        return None
    try:
        stored = _decode(value)
        int(stored.contents or "0", 16)
        bytes.fromhex(stored.identity)
        bytes.fromhex(stored.checksum)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None
    aware = all(at is None or at.tzinfo for at in (stored.downloaded_at, stored.stored_at))
    return stored if aware and stored.size >= 0 else None
