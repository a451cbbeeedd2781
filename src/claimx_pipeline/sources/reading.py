"""One page of a source, read within its time; what fails is either waited for or shown."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from claimx_pipeline.errors import (
    BrokerUnavailableError,
    Category,
    RecordError,
    category_of,
    is_outage,
)
from claimx_pipeline.isolation import as_failure, message, representation
from claimx_pipeline.runtime.offsets.start_checks import StartRefusedError, held_back
from claimx_pipeline.sources.protocol import Page, Source, SourceError

log = logging.getLogger(__name__)


class SourceUnavailableError(BrokerUnavailableError):
    """A source cannot be read now; as with a broker, it is tried again."""


class SourceRefusedError(StartRefusedError):
    """A source cannot be read until a person has put something right."""


async def read_page(source: Source, position: Any, worker: str, name: str, seconds: float) -> Page:
    """Return the next page of *source*.

    Args:
        source: Reads it.
        position: Where it begins.
        worker: Its worker's name.
        name: Its own.
        seconds: How long it may take.

    Raises:
        SourceUnavailableError: It failed with something that is likely to pass.
        SourceRefusedError: It failed with something that does not pass by itself.
    """
    try:
        async with asyncio.timeout(seconds):
            return _checked(await source.read(position))
    except TimeoutError as error:
        raise SourceUnavailableError(
            f"source {name!r} has not answered within {seconds:g} s"
        ) from error
    except BaseException as error:
        failed = as_failure(error)
        if _passes(failed):
            raise SourceUnavailableError(f"source {name!r}: {_text(failed)}") from failed
        if not isinstance(failed, (SourceError, RecordError)):
            log.exception("worker %s: reading source %r failed", worker, name)
        raise SourceRefusedError(
            f"{held_back(worker)}: source {name!r}: {_text(failed)}"
        ) from failed


async def close_source(source: Source, worker: str, name: str) -> None:
    """Close *source*; a failure is logged, since nothing more is wanted of it."""
    try:
        await source.close()
    except Exception:  # a stranger's code; the worker goes on without it
        log.exception("worker %s: closing source %r failed", worker, name)


def _checked(page: Page) -> Page:
    records, position = page
    return list(records), position


def _passes(error: Exception) -> bool:
    if isinstance(error, SourceError):
        return error.passes
    if isinstance(error, RecordError):
        return category_of(error) is Category.TRANSIENT or is_outage(error)
    return isinstance(error, OSError)


def _text(error: Exception) -> str:
    shown = message if isinstance(error, (SourceError, RecordError, OSError)) else representation
    return shown(error)
