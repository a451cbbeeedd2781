"""Back-filling without settings, and reading a source again from its beginning."""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import frozen

from claimx_pipeline.errors import UsageError
from claimx_pipeline.sources.listing import list_files
from claimx_pipeline.sources.positions import Position, newest_position, position_record
from claimx_pipeline.sources.protocol import SourceError
from claimx_pipeline.system_errors import reason_of
from claimx_pipeline.topics import positions_topic

if TYPE_CHECKING:
    from claimx_pipeline.pipeline import Pipeline

_UNFIT = re.compile(r"[^a-z0-9]+")
_LONGEST = 40


@frozen
class Backfill:
    """A source that no settings file names."""

    name: str
    """Follows from what is read, so that a second call goes on where the first has ended."""
    overrides: Mapping[str, str]
    """The settings that make it, by dotted path."""

    @property
    def worker(self) -> str:
        """Name of its worker."""
        return f"source-{self.name}"


def backfill_of(
    path: str,
    *,
    rate: float | None = None,
    type_: str | None = None,
    topic: str | None = None,
    column: str | None = None,
    version: int | None = None,
) -> Backfill:
    """Return the source that reads *path*.

    Args:
        path: A file, a folder, a pattern, or the location of a Delta table.
        rate: Events per second, at most.
        type_: Type of the source; None for what *path* looks like.
        topic: Raw topic that the events go to; None for the default.
        column: Of a table: the column that holds the event.
        version: Of a Delta table.

    Raises:
        UsageError: There is no such file, folder or table, or nothing in it.
    """
    full = path if "://" in path else str(Path(path).expanduser().absolute())
    if "://" not in path:
        _see(full)
    known_by = "|".join(str(each) for each in (full, topic, column, version))
    stem = _UNFIT.sub("-", Path(full).name.split(".")[0].lower()).strip("-")[:_LONGEST]
    name = f"backfill-{stem}-{zlib.crc32(known_by.encode('utf-8', 'surrogateescape')):08x}"
    given = {
        "type": type_ or type_of(full),
        "path": full,
        "rate": rate,
        "topic": topic,
        "column": column,
        "version": version,
        "poll_seconds": 1.0,
    }
    overrides = {f"sources.{name}.{key}": str(each) for key, each in given.items() if each}
    if version == 0:
        overrides[f"sources.{name}.version"] = "0"
    return Backfill(name, overrides)


def _see(path: str) -> None:
    """See that there is something to read at *path*, before a worker is made for it."""
    try:
        found = list_files(path)
    except SourceError as error:
        raise UsageError(f"there is no file or folder {path!r}; correct the path") from error
    except OSError as error:
        raise UsageError(f"{path!r} cannot be read: {reason_of(error)}") from error
    if not found:
        raise UsageError(f"there are no files at {path!r}; correct the path or the pattern")


def type_of(path: str) -> str:
    """Return the type of the source that reads *path*, by what is there."""
    if "://" in path or (Path(path) / "_delta_log").is_dir():
        return "delta"
    if path.endswith(".parquet"):
        return "parquet"
    folder = Path(path)
    if folder.is_dir() and next(folder.rglob("*.parquet"), None) is not None:
        return "parquet"
    return "files"


async def restart_source(pipeline: Pipeline, name: str) -> None:
    """Have source *name* read again from its beginning; its worker must not run.

    Its events are published again, under the ids that they had.

    Raises:
        UsageError: There is no such source.
        BrokerError: The broker did not answer.
    """
    worker = pipeline.workers.get(f"source-{name}")
    if worker is None:
        raise UsageError(f"there is no source {name!r}; 'claimx-run worker --list' shows all")
    broker, topic = pipeline.broker(), pipeline.topology.physical(positions_topic(name).name)
    admin, producer = broker.admin(), broker.producer()
    try:
        found = await newest_position(admin, topic)
        if found is None:
            return
        await producer.start()
        begin = Position(sequence=found[0].sequence + 1)
        await producer.publish([position_record(topic, name, begin)])
    finally:
        await producer.close()
        await admin.close()
