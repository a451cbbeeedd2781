"""Asks the processes that run workers how they are, by their own probes."""

from __future__ import annotations

import asyncio
import http.client
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec
from attrs import evolve, frozen

from claimx_pipeline.errors import UsageError
from claimx_pipeline.settings.kinds import url_of
from claimx_pipeline.telemetry.server import DEFAULT_PORT, PORTS_TRIED

if TYPE_CHECKING:
    from claimx_pipeline.pipeline import Pipeline

TIMEOUT_SECONDS = 2.0
_ANYWHERE = ("0.0.0.0", "::", "")  # noqa: S104 - where a server listens, not where one is made


@frozen
class ProcessProbe:
    """What one process answers to ``/health/ready``."""

    url: str
    """What was asked."""
    states: dict[str, str]
    """Worker to its state: ``ready``, or ``waiting: why`` and so on."""
    named: bool = False
    """The caller has named it; one that was only found may be of another installation."""


async def ask_probes(pipeline: Pipeline, urls: Sequence[str] = ()) -> list[ProcessProbe]:
    """Return the answers of the processes of this machine, or of those at *urls*.

    Without *urls* the port of the settings is asked, or those that a process tries of itself.
    What does not answer as this pipeline does is left out.

    Args:
        pipeline: The pipeline.
        urls: ``http://HOST:PORT`` of each process.

    Raises:
        UsageError: One of *urls* is not valid.
    """
    where = [_address(url) for url in urls] or _own(pipeline)
    answers = await asyncio.gather(*(asyncio.to_thread(_ask, *each) for each in where))
    return [evolve(each, named=bool(urls)) for each in answers if each is not None]


def _own(pipeline: Pipeline) -> list[tuple[str, int]]:
    settings = pipeline.settings.health
    host = "127.0.0.1" if settings.host in _ANYWHERE else settings.host
    if settings.port == 0:
        return []
    if settings.port is not None:
        return [(host, settings.port)]
    return [(host, port) for port in range(DEFAULT_PORT, DEFAULT_PORT + PORTS_TRIED)]


def _address(url: str) -> tuple[str, int]:
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        host, port = parts.hostname, parts.port or 80
    except ValueError:
        host, port = None, 0
    if not host or parts.scheme != "http":
        raise UsageError(f"{url!r} is not a valid address of a process; write http://HOST:PORT")
    return host, port


def _ask(host: str, port: int) -> ProcessProbe | None:
    connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("GET", "/health/ready")
        answer: Any = msgspec.json.decode(connection.getresponse().read())
    except (OSError, http.client.HTTPException, msgspec.DecodeError, UnicodeDecodeError):
        return None  # nothing there, or something else
    finally:
        connection.close()
    states = answer.get("workers") if isinstance(answer, dict) else None
    if not isinstance(states, dict):
        return None
    return ProcessProbe(
        url_of(host, port), {str(name): _state(each) for name, each in states.items()}
    )


def _state(given: Any) -> str:
    """Return a state as one text; a process may also give it as an object with reasons."""
    if not isinstance(given, dict):
        return str(given)
    reasons = given.get("reasons") or ()
    said = "; ".join(map(str, reasons)) if isinstance(reasons, list) else str(reasons)
    state = str(given.get("state") or given.get("status") or "unknown")
    return f"{state}: {said}" if said else state
