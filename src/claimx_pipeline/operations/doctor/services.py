"""The services that connections lead to, by their harmless question."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from attrs import evolve

from claimx_pipeline.connections.answer import Answer, RequestFailedError
from claimx_pipeline.connections.client import Connection
from claimx_pipeline.errors import SettingsError
from claimx_pipeline.operations.doctor.broker import clock_finding
from claimx_pipeline.operations.doctor.findings import Finding, ok, warning, wrong
from claimx_pipeline.settings.tree.connections import CLAIMX_API, ConnectionSettings

if TYPE_CHECKING:
    from claimx_pipeline.pipeline import Pipeline

_UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND, _SERVER = 401, 403, 404, 500


async def service_findings(pipeline: Pipeline) -> AsyncIterator[Finding]:
    """Yield how each service answers; one that is only written to as files is not asked."""
    for name, settings in sorted(_connections(pipeline).items()):
        try:
            async for finding in _ask(pipeline, name, settings):
                yield finding
        except SettingsError as error:
            remedy = "set it, or remove the connection if nothing uses it"
            yield warning("services", "service-settings", str(error), remedy)


def _connections(pipeline: Pipeline) -> Mapping[str, ConnectionSettings]:
    """Return the connections that something uses, those of domains among them."""
    settings = pipeline.settings
    found = dict(settings.connections)
    for domain in pipeline.domains.values():
        found |= domain.connections(settings)
    return found


async def _ask(
    pipeline: Pipeline, name: str, settings: ConnectionSettings
) -> AsyncIterator[Finding]:
    section = "claimx.api" if name == CLAIMX_API else f"connections.{name}"
    if settings.base_url.startswith("file:"):
        yield ok("services", "service", f"connection {name} writes requests as files")
        return
    connection = Connection(name, evolve(settings, max_retries=0), pipeline.clock)
    before = pipeline.clock.now()
    try:
        answer: Answer | None = await connection.request("GET", settings.probe or "/")
        failure = ""
    except RequestFailedError as error:
        answer, failure = error.answer, str(error)
    finally:
        await connection.close()
    now = pipeline.clock.now()
    yield _judged(name, section, settings, answer, failure)
    if answer is not None:
        for finding in _clock(name, answer, now - before, pipeline):
            yield finding


def _judged(
    name: str, section: str, settings: ConnectionSettings, answer: Answer | None, failure: str
) -> Finding:
    if answer is None:
        return wrong(
            "services",
            "service-unreachable",
            f"{name} does not answer: {failure}",
            f"see {section}.base_url, the network between (section network: proxy, authorities), "
            "and that the service runs",
        )
    if answer.status in (_UNAUTHORIZED, _FORBIDDEN):
        return wrong(
            "services",
            "service-credentials",
            f"{name} refuses the credentials: {failure}",
            f"renew the credential in {section} (its token, or the file that holds it)",
        )
    if answer.status >= _SERVER:
        return wrong(
            "services",
            "service-failing",
            f"{name} fails: {failure}",
            "ask who runs the service; records wait meanwhile and nothing is lost",
        )
    if settings.probe is None:
        return warning(
            "services",
            "service-no-probe",
            f"{name} answers; whether it takes the credentials is not known",
            f"set {section}.probe to the path of a harmless GET; it also tells a failing service "
            "from a failing request",
        )
    if failure:
        return wrong(
            "services",
            "service-probe",
            f"{name} does not know its harmless question: {failure}",
            f"correct {section}.probe, or {section}.base_url",
        )
    return ok("services", "service", f"{name} answers its harmless question")


def _clock(name: str, answer: Answer, took: timedelta, pipeline: Pipeline) -> Iterator[Finding]:
    said = answer.headers.get("date") or answer.headers.get("Date")
    if not said:
        return
    try:
        theirs = parsedate_to_datetime(said)
    except ValueError:
        return  # not a date: nothing to compare
    if theirs.tzinfo is None:
        return
    # It is cut to whole seconds.
    ahead = theirs + timedelta(seconds=0.5) - pipeline.clock.now()
    yield clock_finding("services", "service-clock", name, ahead, took)
