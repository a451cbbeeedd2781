"""Values too large for the topic of dead letters: a file each, and a pointer to it.

A record that the broker took may be too large for it once it carries the headers of a
dead letter. Its value is then a file under ``storage.files.root`` and the dead letter is empty.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from attrs import evolve, frozen

from claimx_pipeline.broker.protocol import OutRecord, Record
from claimx_pipeline.errors import DeadLetterError, RecordTooLargeError
from claimx_pipeline.runtime import headers
from claimx_pipeline.runtime.dead_letters.dead_letter import PREFIX, VALUE_FILE
from claimx_pipeline.system_errors import reason_of

FOLDER = "dead-letters"
_POINTER = re.compile(rf"{FOLDER}/([0-9a-f]{{64}})")


@frozen
class ValueFiles:
    """Keeps values as files named by their SHA-256. Blocks, so it runs in a thread."""

    root: str
    """Folder of all files; an object store is refused when a value is to be kept there."""

    def store_value(self, dead_letter: OutRecord) -> OutRecord:
        """Return *dead_letter* with its value in a file that survives a crash.

        Raises:
            DeadLetterError: It cannot be kept there, or is in a file already: the dead letter
                is too large without its value.
        """
        origin = headers.header(dead_letter.headers, f"{PREFIX}origin") or dead_letter.topic
        if dead_letter.value is None or headers.header(dead_letter.headers, VALUE_FILE) is not None:
            raise DeadLetterError(
                origin,
                "it is larger than the broker takes even without its value; raise "
                "broker.max_record_bytes and, on Kafka, the topic's max.message.bytes",
            )
        folder = self._folder(origin)
        digest = hashlib.sha256(dead_letter.value).hexdigest()
        try:
            _write(folder / digest, dead_letter.value)
        except OSError as error:
            raise DeadLetterError(
                origin, f"its value cannot be kept in {folder}: {reason_of(error)}"
            ) from error
        pointer = (VALUE_FILE, f"{FOLDER}/{digest}".encode())
        return evolve(dead_letter, value=b"", headers=(*dead_letter.headers, pointer))

    def value(self, record: Record) -> bytes | None:
        """Return the value of the dead letter *record*, from the topic or from its file.

        Raises:
            DeadLetterError: The file is missing, not readable or is not what was written.
        """
        pointer = headers.header(record.headers, VALUE_FILE)
        if pointer is None:
            return record.value
        location = f"{record.topic}/{record.partition}/{record.offset}"
        named = _POINTER.fullmatch(pointer)
        if named is None:
            raise DeadLetterError(
                location, f"its header {VALUE_FILE} has {pointer!r}, which is not a valid pointer"
            )
        file = self._folder(location) / named[1]
        try:
            found = file.read_bytes()
        except OSError as error:
            raise DeadLetterError(
                location, f"its value cannot be read from {file}: {reason_of(error)}"
            ) from error
        if hashlib.sha256(found).hexdigest() != named[1]:
            raise DeadLetterError(location, f"{file} has been changed since it was written")
        return found

    def delete(self, pointer: str) -> None:
        """Delete the file that a dead letter's header points to; a missing one is not an error.

        Raises:
            DeadLetterError: The store is one in which no value is kept.
            OSError: It cannot be deleted.
        """
        if named := _POINTER.fullmatch(pointer):
            (self._folder(pointer) / named[1]).unlink(missing_ok=True)

    def _folder(self, location: str) -> Path:
        root = self.root.removeprefix("file://")
        if "://" in root or "${" in root:
            raise DeadLetterError(
                location,
                "its value is too large for the broker, and it can be kept on a local path "
                f"only; storage.files.root is {self.root!r}: raise "
                "broker.max_record_bytes and, on Kafka, the topic's max.message.bytes, or set a "
                "local path",
            )
        return Path(root).expanduser().absolute() / FOLDER


async def publish_dead_letters(
    dead_letters: Sequence[OutRecord],
    publish: Callable[[Sequence[OutRecord]], Awaitable[None]],
    files: ValueFiles,
) -> None:
    """Publish dead letters; the value of one that is too large goes into a file first.

    Raises:
        DeadLetterError: The value of one cannot be kept, or is not what makes it large.
    """
    going = list(dead_letters)
    while True:
        try:
            await publish(going)
        except RecordTooLargeError as error:
            going[error.index] = await asyncio.to_thread(files.store_value, going[error.index])
            if error.left is not None:
                going = [going[at] for at in error.left]
            continue
        return


def _write(file: Path, value: bytes) -> None:
    """Write *value* so that *file* is there whole or not at all, also after a power cut."""
    if file.exists():
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=file.parent, prefix=".", delete=False) as fresh:
        try:
            fresh.write(value)
            fresh.flush()
            os.fsync(fresh.fileno())
            Path(fresh.name).rename(file)
        except BaseException:
            Path(fresh.name).unlink(missing_ok=True)
            raise
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
