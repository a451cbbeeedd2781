"""Which files are stored already, so that an event that names one again has none fetched.

``upload`` adds a record to the domain's topic of stored files for each file that it stores;
``download`` reads that topic, and knows the latest of them. An erasure adds one that says that
a file is not stored any more.
"""

from __future__ import annotations

import hashlib
import sys
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from datetime import datetime

import msgspec

from claimx_pipeline.broker.protocol import OutRecord, Record
from claimx_pipeline.media.messages import CachedFile, DownloadResult, DownloadTask, facts_of
from claimx_pipeline.settings.secret import Secret
from claimx_pipeline.topics import Topic

NEWS_SECONDS = 5.0
"""No file is reported as stored by what was read longer ago; an erasure waits for longer."""

_WHERE = ("endpoint", "endpoint_url", "account_name")
"""Options of a store that say where it is; others are credentials, or how it is reached."""

_DIGITS = 16
_IDENTITY_BYTES, _CHECKSUM_BYTES = 16, 32


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
    size: int = 0
    content_type: str = ""
    downloaded_at: datetime | None = None
    stored_at: datetime | None = None
    erased_at: datetime | None = None
    """Given: the file is not stored any more."""


_decode = msgspec.json.Decoder(_Stored).decode


def contents_of(file: DownloadTask | CachedFile, store: str) -> str:
    """Return the hash of what is known of a file's contents, and of the store they are in.

    Args:
        file: The file.
        store: Where it is stored; see ``store_name``.
    """
    said = msgspec.json.encode((file.file_version, store))
    return hashlib.sha256(said).hexdigest()[:_DIGITS]


def stored_file_record(topic: Topic, file: CachedFile, store: str, at: datetime) -> OutRecord:
    """Return the record which says that *file* was stored *at* that time."""
    stored = _Stored(
        identity=file.identity,
        contents=contents_of(file, store),
        checksum=file.checksum,
        size=file.bytes_downloaded,
        content_type=file.content_type,
        downloaded_at=file.downloaded_at,
        stored_at=at,
    )
    value = {**msgspec.to_builtins(stored), "media_id": file.media_id, file.key_name: file.key}
    return OutRecord(topic.name, msgspec.json.encode(value), file.record_key.encode())


def erased_record(record: Record, at: datetime) -> OutRecord | None:
    """Return the record which says that the file of another record is erased.

    Args:
        record: Says that the file is stored.
        at: When it was erased: an upload of what was fetched before that does not count.

    Returns:
        None if that record is of no file, or says the same.
    """
    stored = _read(record.value)
    if stored is None or stored.erased_at is not None:
        return None
    value = msgspec.json.encode({"identity": stored.identity, "erased_at": at})
    return OutRecord(record.topic, value, record.key, bucket=record.partition)


def store_name(root: str, options: Mapping[str, Secret]) -> str:
    """Return what tells one store from another, without credentials.

    Args:
        root: The store's root, as the settings name it: one that moved has nothing yet.
        options: What reaching it takes; the endpoint and the account are part of the name.
    """
    where = {name.lower(): given.reveal() for name, given in options.items()}
    named = sorted(
        name for name in where if name.endswith(("endpoint", "endpoint_url", "account_name"))
    )
    return "|".join((root, *(f"{name}={where[name]}" for name in named)))


class KnownFiles:
    """The latest files that were stored, by their identity."""

    def __init__(self, most: int) -> None:
        """Know at most *most* files."""
        self._most = most
        self._files: dict[bytes, KnownFile] = {}
        self._fetched: OrderedDict[bytes, None] = OrderedDict()
        """Fetched or in the cache here, and not known to be stored yet."""
        self._erased: OrderedDict[bytes, datetime] = OrderedDict()
        """When files were erased: what was fetched before that is not stored."""

    def __len__(self) -> int:
        return len(self._files)

    def read(self, value: bytes | None) -> None:
        """Note what a record of the topic says; one that cannot be read says nothing.

        Records of a file may come in any order, if the topic got more partitions: what was
        stored last counts, and nothing that was fetched before an erasure.
        """
        stored = _read(value)
        if stored is None:
            return
        identity = bytes.fromhex(stored.identity)
        if stored.erased_at is not None:
            self._erase(identity, stored.erased_at)
        elif stored.downloaded_at is not None and stored.stored_at is not None:
            self._fetched.pop(identity, None)
            known = KnownFile(
                contents=int(stored.contents, 16),
                checksum=bytes.fromhex(stored.checksum),
                size=stored.size,
                content_type=sys.intern(stored.content_type),
                downloaded_at=stored.downloaded_at,
                stored_at=stored.stored_at,
            )
            self._keep(identity, known)

    def _erase(self, identity: bytes, at: datetime) -> None:
        before = self._erased.pop(identity, at)
        self._erased[identity] = max(at, before)
        while len(self._erased) > self._most:
            self._erased.popitem(last=False)
        known = self._files.get(identity)
        if known is not None and known.downloaded_at <= at:
            del self._files[identity]

    def _keep(self, identity: bytes, known: KnownFile) -> None:
        erased, before = self._erased.get(identity), self._files.get(identity)
        if erased is not None and known.downloaded_at <= erased:
            return  # its upload was under way, and has lost or will lose its file
        if before is not None and before.stored_at > known.stored_at:
            return
        self._files[identity] = known
        if len(self._files) > self._most + self._most // 4:
            self._drop_oldest()

    def fetched(self, file: DownloadTask) -> None:
        """Note that *file* is in the cache: soon it may be stored."""
        self._fetched[bytes.fromhex(file.identity)] = None
        while len(self._fetched) > self._most:
            self._fetched.popitem(last=False)

    def concern(self, files: Iterable[DownloadTask]) -> bool:
        """Return whether one of *files* was seen before, so that the topic must be read first."""
        found = (bytes.fromhex(file.identity) for file in files)
        return any(each in self._files or each in self._fetched for each in found)

    def result(self, task: DownloadTask, store: str, at: datetime) -> DownloadResult | None:
        """Return the result of a file that is stored already, for the event of *task*.

        None if it is not known, if its source says nothing of its contents, or if it was stored
        with other contents or in another store.

        Args:
            task: What asks for the file.
            store: Where it is to be stored; see ``store_name``.
            at: Now: when that is settled.
        """
        if not task.file_version:
            return None
        known = self._files.get(bytes.fromhex(task.identity))
        if known is None or known.contents != int(contents_of(task, store), 16):
            return None
        return DownloadResult(
            **facts_of(task),
            status="completed",
            bytes_uploaded=known.size,
            checksum=known.checksum.hex(),
            content_type=known.content_type,
            downloaded_at=known.downloaded_at,
            created_at=at,
        )

    def _drop_oldest(self) -> None:
        by_time = sorted(self._files.items(), key=lambda each: each[1].stored_at)
        self._files = dict(by_time[-self._most :])


def _read(value: bytes | None) -> _Stored | None:
    if not value:
        return None
    try:
        stored = _decode(value)
        lengths = [len(bytes.fromhex(each)) for each in (stored.identity, stored.checksum)]
        int(stored.contents or "0", 16)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None
    times = (stored.downloaded_at, stored.stored_at, stored.erased_at)
    if lengths[0] != _IDENTITY_BYTES or not all(at is None or at.tzinfo for at in times):
        return None
    if stored.erased_at is not None:
        return stored
    whole = lengths[1] == _CHECKSUM_BYTES and len(stored.contents) == _DIGITS
    return stored if whole and stored.size >= 0 and None not in times[:2] else None
