"""What the messages of a domain's files are on the wire.

A message is a JSON object with the fields of its class; the key is under the domain's own
word for it. The order of the fields is part of what is promised: a message is the same,
byte for byte, whichever version of the pipeline wrote it.
"""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any, Generic, TypeVar, get_type_hints

import msgspec
from attrs import NOTHING, Factory, evolve, field, fields, frozen

from claimx_pipeline.broker.protocol import OutRecord
from claimx_pipeline.errors import DecodeError
from claimx_pipeline.json_errors import why
from claimx_pipeline.media.messages import CachedFile, DownloadResult, DownloadTask, FileMessage
from claimx_pipeline.media.topics import FileTopics
from claimx_pipeline.topics import Topic

M = TypeVar("M", bound=FileMessage)

_NOT_ON_THE_WIRE = frozenset({"key", "key_name"})

_LEFT_OUT = frozenset({"file_version"})
"""Fields that earlier versions did not have: left out if they are empty."""


@frozen
class Wire(Generic[M]):
    """One class of messages, with the key under *key_name*."""

    kind: type[M]
    """Class of the message."""
    what: str
    """What a message is called in errors."""
    key_name: str
    """The domain's word for the key."""
    owner: str
    """Owner of a message that names none."""
    _struct: type[msgspec.Struct] = field(init=False, repr=False, eq=False)
    _names: tuple[str, ...] = field(init=False, repr=False, eq=False)
    _decoder: msgspec.json.Decoder[Any] = field(init=False, repr=False, eq=False)

    def __attrs_post_init__(self) -> None:
        names = _in_order(self.kind)
        if self.key_name in (*names, *_NOT_ON_THE_WIRE) or not self.key_name.isidentifier():
            raise ValueError(
                f"a domain's key cannot be called {self.key_name!r}: it must be a name that no "
                "field of a message has"
            )
        struct = msgspec.defstruct(
            self.kind.__name__,
            [*(self._field(name) for name in names), ("key", _types(self.kind)["key"])],
            rename={"key": self.key_name},
            frozen=True,
            kw_only=True,
        )
        object.__setattr__(self, "_names", (*names, "key"))
        object.__setattr__(self, "_struct", struct)
        object.__setattr__(self, "_decoder", msgspec.json.Decoder(struct))

    def encoded(self, message: M) -> bytes:
        """Return the JSON of *message*."""
        values = {name: getattr(message, name) for name in self._names}
        for name in _LEFT_OUT & values.keys():
            values[name] = values[name] or msgspec.UNSET
        return msgspec.json.encode(self._struct(**values))

    def decoded(self, value: bytes | None) -> M:
        """Return the message in a record's value.

        Raises:
            DecodeError: It is not a valid message of this kind.
        """
        if not value:
            raise DecodeError(f"the record is empty; a {self.what} is a JSON object")
        try:
            return self._made(self._decoder.decode(value))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise DecodeError(f"the record is not a valid {self.what}: {why(error)}") from error

    def converted(self, message: Any) -> M:
        """Return the message in a JSON value that was read before.

        Raises:
            DecodeError: It is not a valid message of this kind.
        """
        try:
            return self._made(msgspec.convert(message, self._struct))
        except msgspec.ValidationError as error:
            raise DecodeError(f"the message is not a valid {self.what}: {why(error)}") from error

    def _made(self, found: msgspec.Struct) -> M:
        values = {name: getattr(found, name) for name in self._names}
        for name in _LEFT_OUT & values.keys():
            if values[name] is msgspec.UNSET:
                del values[name]
        return self.kind(key_name=self.key_name, **values)

    def _field(self, name: str) -> tuple[str, Any, Any] | tuple[str, Any]:
        kind = _types(self.kind)[name]
        if name == "owner":
            return name, Annotated[kind, msgspec.Meta(min_length=1)], self.owner
        if name in _LEFT_OUT:
            return name, kind | msgspec.UnsetType, msgspec.UNSET
        default = getattr(fields(self.kind), name).default
        return (name, kind) if default is NOTHING else (name, kind, default)


def _in_order(kind: type[FileMessage]) -> tuple[str, ...]:
    """Return the fields but the key, in the order that they always had: own ones first."""
    shared = {each.name for each in fields(FileMessage)}
    own = {each.name for each in fields(kind)} - shared
    return (*sorted(own), *sorted(shared - _NOT_ON_THE_WIRE))


def _types(kind: type[FileMessage]) -> dict[str, Any]:
    return get_type_hints(kind, include_extras=True)


@cache
def _wire(kind: type[M], what: str, key_name: str, owner: str) -> Wire[M]:
    """Return the wire of a class of messages; made once, since a codec may be made per event."""
    return Wire(kind, what, key_name, owner)


@frozen
class FileCodec:
    """Writes and reads the messages of one domain's files.

    Args:
        key_name: The domain's word for the key: the name of its field.
        domain_name: The domain; the owner of a message that names none.
        topics: Where messages are published; by the domain's name if not given.

    Raises:
        ValueError: A field of a message is called *key_name*.
    """

    key_name: str
    """The domain's word for the key."""
    domain_name: str
    """Name of the domain."""
    topics: FileTopics = field(
        default=Factory(lambda self: FileTopics.of(self.domain_name), takes_self=True)
    )
    """Topics of its files."""
    tasks: Wire[DownloadTask] = field(init=False, repr=False, eq=False)
    """Messages of files to be fetched."""
    cached: Wire[CachedFile] = field(init=False, repr=False, eq=False)
    """Messages of files that were fetched."""
    results: Wire[DownloadResult] = field(init=False, repr=False, eq=False)
    """Messages of what became of files."""

    @tasks.default
    def _tasks(self) -> Wire[DownloadTask]:
        return _wire(DownloadTask, "download task", self.key_name, self.domain_name)

    @cached.default
    def _cached(self) -> Wire[CachedFile]:
        return _wire(CachedFile, "message of a cached file", self.key_name, self.domain_name)

    @results.default
    def _results(self) -> Wire[DownloadResult]:
        return _wire(DownloadResult, "result of a download", self.key_name, self.domain_name)

    def task_record(self, task: DownloadTask) -> OutRecord:
        """Return *task* as a record."""
        return self._record(self.topics.pending, task, self.tasks)

    def cached_record(self, cached: CachedFile) -> OutRecord:
        """Return *cached* as a record."""
        return self._record(self.topics.cached, cached, self.cached)

    def result_record(self, result: DownloadResult) -> OutRecord:
        """Return *result* as a record."""
        return self._record(self.topics.results, result, self.results)

    def decode_task(self, value: bytes | None) -> DownloadTask:
        """Return the task in a record's value.

        Raises:
            DecodeError: It is not a valid task.
        """
        return self.tasks.decoded(value)

    def decode_cached(self, value: bytes | None) -> CachedFile:
        """Return the cached file in a record's value.

        Raises:
            DecodeError: It is not a valid message of a cached file.
        """
        return self.cached.decoded(value)

    def decode_result(self, value: bytes | None) -> DownloadResult:
        """Return the result in a record's value.

        Raises:
            DecodeError: It is not a valid result.
        """
        return self.results.decoded(value)

    def read_result(self, message: Any) -> DownloadResult:
        """Return the result in a JSON value that was read before, as a stage's items hold it.

        Raises:
            DecodeError: It is not a valid result.
        """
        return self.results.converted(message)

    def owned(self, message: M) -> M:
        """Return *message* with the domain as its owner, if it has none."""
        return message if message.owner else evolve(message, owner=self.domain_name)

    def _record(self, topic: Topic, message: M, wire: Wire[M]) -> OutRecord:
        message = self.owned(message)
        headers = (("claimx-id", message.identity.encode()),)
        return OutRecord(topic.name, wire.encoded(message), message.record_key.encode(), headers)
