"""The types of sources that the pipeline brings: ``files``, ``delta`` and ``parquet``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from claimx_pipeline.runtime.resources import Resources
from claimx_pipeline.settings.kinds import local_path
from claimx_pipeline.settings.tree.sources import SourceSettings
from claimx_pipeline.sources.blocking import BlockingSource
from claimx_pipeline.sources.files import FilesReader
from claimx_pipeline.sources.protocol import Source, SourceType


def _files(settings: SourceSettings, _: Any, resources: Resources) -> Source:
    path = settings.path or ""
    return BlockingSource(path, lambda: FilesReader(path, resources.clock))


def _parquet(settings: SourceSettings, _: Any, resources: Resources) -> Source:  # noqa: ARG001 - as all types
    from claimx_pipeline.sources.rows import ParquetFiles, RowsReader  # noqa: PLC0415 - Arrow is slow to import

    path = settings.path or ""
    return BlockingSource(path, lambda: RowsReader(ParquetFiles(path), settings.column))


def _delta(settings: SourceSettings, _: Any, resources: Resources) -> Source:
    from claimx_pipeline.sources.rows import DeltaFiles, RowsReader  # noqa: PLC0415 - Arrow is slow to import

    path, all_settings = settings.path or "", resources.settings
    options = all_settings.storage.limited(all_settings.tables.storage_options)
    revealed = {name: secret.reveal() for name, secret in options.items()}

    def reader() -> RowsReader:
        return RowsReader(DeltaFiles(path, settings.version, revealed), settings.column)

    return BlockingSource(path, reader)


def _of_files(settings: SourceSettings) -> Iterable[str]:
    yield from _needs_local_path(settings)
    if settings.column is not None:
        yield "a source of type 'files' has no 'column'; remove it"
    yield from _no_version(settings)


def _of_parquet(settings: SourceSettings) -> Iterable[str]:
    yield from _needs_local_path(settings)
    yield from _no_version(settings)


def _needs_path(settings: SourceSettings) -> Iterable[str]:
    if settings.path is None:
        yield f"a source of type {settings.type!r} needs 'path'"
    if settings.options:
        yield f"a source of type {settings.type!r} has no 'options'; remove them"


def _needs_local_path(settings: SourceSettings) -> Iterable[str]:
    yield from _needs_path(settings)
    if settings.path is not None and (fault := local_path(settings.path)) is not None:
        yield f"'path' {fault}"


def _no_version(settings: SourceSettings) -> Iterable[str]:
    if settings.version is not None:
        yield f"a source of type {settings.type!r} has no 'version'; remove it"


TYPES = (
    SourceType(
        name="files",
        summary="Events from files: JSON Lines, JSON arrays, gzip.",
        make=_files,
        check=_of_files,
    ),
    SourceType(
        name="delta",
        summary="Events from the rows of a Delta table at one version.",
        make=_delta,
        check=_needs_path,
        needs=("storage", "tables"),
    ),
    SourceType(
        name="parquet",
        summary="Events from the rows of Parquet files.",
        make=_parquet,
        check=_of_parquet,
    ),
)
