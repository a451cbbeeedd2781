"""Files of events: JSON Lines, JSON arrays, objects that are spread over lines, and gzip of these.

Files are read in the order of their names, and within a file event by event. The last one may
grow: what is added to it is read as well.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
from attrs import define, evolve, field, frozen

from claimx_pipeline.clock import Clock
from claimx_pipeline.errors import UsageError
from claimx_pipeline.sources.blocking import PAGE
from claimx_pipeline.sources.event_lines import event_texts
from claimx_pipeline.sources.listing import SourceFile, check_read, list_files
from claimx_pipeline.sources.protocol import Page, SourceError, SourceRecord

UNFINISHED_SECONDS = 30.0
"""A last line without an end that is not JSON is being written, unless it is older than this."""

_NOTHING = "; nothing was published"


@frozen(kw_only=True)
class FilesPosition:
    """Which file is being read, how far, and what was read before it."""

    file: str
    texts: int = 0
    """Lines, or elements of an array, that were read of it."""
    checksum: int = 0
    """Of these, so that it shows if they change."""
    done: str = ""
    """The marks of the files before it."""


@define
class _OpenFile:
    """A file that is open, after so many texts."""

    file: SourceFile
    stream: BinaryIO
    texts: Iterator[tuple[int, bytes]]
    count: int = 0
    checksum: int = 0

    @classmethod
    def at(cls, file: SourceFile, position: FilesPosition) -> _OpenFile:
        """Return *file*, open, after the texts that were read of it.

        Raises:
            SourceError: They are not there any more, or are others now.
        """
        stream = Path(file.path).open("rb")  # noqa: SIM115 - it is read on later, and closed by the reader
        opened = cls(file, stream, event_texts(stream))
        try:
            for _ in islice(opened.read(), position.texts):
                pass
        except BaseException:
            stream.close()
            raise
        if (opened.count, opened.checksum) != (position.texts, position.checksum):
            stream.close()
            raise SourceError(
                f"{file.name!r} was read up to line {position.texts} and is another one before "
                "that now (it was replaced or cut off); put back the one that was read, or read "
                "this one by a source of another name"
            )
        return opened

    def read(self) -> Iterator[bytes]:
        """Yield the next texts.

        Raises:
            SourceError: The file cannot be read on.
        """
        try:
            for _, text in self.texts:
                self.count += 1
                self.checksum = zlib.crc32(text, self.checksum)
                yield text
        except UsageError as error:
            raise SourceError(
                f"{self.file.name!r} {str(error).removesuffix(_NOTHING)} (what is in front of "
                "that was read)"
            ) from error


@define
class FilesReader:
    """Reads the files that a path names."""

    path: str
    clock: Clock
    _open: _OpenFile | None = field(default=None, init=False)

    def read(self, position: Any) -> Page:
        """Return the next events, and the position after them."""
        files = list_files(self.path) if self._open is None or position is None else None
        if position is None:
            if not files:
                return [], None
            at = FilesPosition(file=files[0].name)
        else:
            at = msgspec.convert(position, FilesPosition)
        while True:
            opened = self._opened(at, files)
            records = self._records(opened)
            at = evolve(at, texts=opened.count, checksum=opened.checksum)
            if records:
                return records, _plain(at)
            files = list_files(self.path)
            check_read(files, at.file, at.done)
            now = next(each for each in files if each.name == at.file)
            if now.mark != opened.file.mark:
                self.close()  # it has grown meanwhile
                continue
            following = next((each for each in files if each.name > at.file), None)
            if following is None:
                return [], _plain(at)
            self.close()
            at = FilesPosition(file=following.name, done=at.done + now.mark)

    def progress(self) -> str:
        """Return which file is read, and how far."""
        opened = self._open
        return f"{opened.file.name} up to line {opened.count}" if opened is not None else ""

    def close(self) -> None:
        """Close the file that is open."""
        opened, self._open = self._open, None
        if opened is not None:
            opened.stream.close()

    def _opened(self, at: FilesPosition, files: list[SourceFile] | None) -> _OpenFile:
        opened = self._open
        if opened is not None and (opened.file.name, opened.count) == (at.file, at.texts):
            return opened
        self.close()
        files = files or list_files(self.path)
        check_read(files, at.file, at.done)
        file = next(each for each in files if each.name == at.file)
        self._open = _OpenFile.at(file, at)
        return self._open

    def _records(self, opened: _OpenFile) -> list[SourceRecord]:
        """Return the next events of a file; empty lines are passed over."""
        records: list[SourceRecord] = []
        time = datetime.fromtimestamp(opened.file.modified / 1e9, UTC)
        before = opened.count, opened.checksum
        for text in opened.read():
            value = text.strip()
            if value and self._is_being_written(opened, text):
                # Not to be read until it is whole, or surely never will be.
                opened.count, opened.checksum = before
                self.close()
                if records:
                    return records
                raise SourceError(
                    f"the last line of {opened.file.name!r} is not whole yet; it is waited for "
                    f"until the file has not changed for {UNFINISHED_SECONDS:g} s",
                    passes=True,
                )
            before = opened.count, opened.checksum
            if value:
                at = f"{opened.file.name}#{opened.count}"
                records.append(SourceRecord(value=value, at=at, time=time))
                if len(records) == PAGE:
                    break
        return records

    def _is_being_written(self, opened: _OpenFile, text: bytes) -> bool:
        if text.endswith(b"\n"):
            return False
        try:
            msgspec.json.decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            age = self.clock.now().timestamp() - opened.file.modified / 1e9
            return age < UNFINISHED_SECONDS
        return False


def _plain(position: FilesPosition) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(position)
    return plain
