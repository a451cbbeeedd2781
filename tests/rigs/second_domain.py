"""A small domain beside ClaimX, written as the author of a plugin would: no API, one kind.

An event may bring files, as links in it: they have hosts, a path rule, a store and a table of
the domain's own, and nothing renews a link.
"""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import msgspec
from attrs import field, frozen

from claimx_pipeline import DecodeError, Plugin, RecordError, SettingsSection, hookimpl
from claimx_pipeline.domain import (
    NO_PAYLOAD,
    Domain,
    EntityKind,
    HandledRows,
    RowsByKind,
    event_log,
    rows_of,
)
from claimx_pipeline.domain.files import DomainFiles
from claimx_pipeline.media import DownloadResult, DownloadTask
from claimx_pipeline.settings.tree.storage import FilesSettings
from claimx_pipeline.tables import LONG, STRING, TIMESTAMP, Column, TableSpec

NAME = "acme"

JOBS = EntityKind(
    "jobs",
    TableSpec(
        name="acme_jobs",
        summary="Jobs, one row each",
        mode="merge",
        key=("job_id",),
        bucket_column="job_id",
        answer_time="changed_at",
        columns=(
            Column("job_id", STRING, nullable=False),
            Column("state", STRING),
            Column("amount", LONG),
            Column("changed_at", TIMESTAMP),
        ),
    ),
    singular="job",
)


@rows_of([JOBS])
class AcmeRows(RowsByKind):
    """Rows of Acme's kinds."""


@frozen
class AcmeEvent:
    """Something happened to a job."""

    event_id: str
    event_type: str
    job_id: str
    ingested_at: datetime
    amount: int | None = None
    links: tuple[str, ...] = ()
    """Its files."""
    id_has_time: bool = False
    payload: msgspec.Raw = NO_PAYLOAD

    @property
    def key(self) -> str:
        return self.job_id


def decode(value, timestamp_ms, origin=None, now=None) -> AcmeEvent:
    try:
        said = msgspec.json.decode(value or b"")
        at = datetime.fromtimestamp(said["at"], UTC)
        names = (said["id"], said["kind"], said["job"])
        links = tuple(said.get("links", ()))
        return AcmeEvent(*names, at, said.get("sum"), links, payload=msgspec.Raw(value))
    except (msgspec.DecodeError, TypeError, KeyError, AttributeError) as error:
        raise DecodeError(f"the record is not a valid event of Acme: {error!r}") from error


class JobHandler:
    """A job's state is its last event; the note that it cannot deal with is for the tests."""

    name = "jobs"
    event_types = frozenset({"OPENED", "CLOSED"})
    event_prefixes = ("BROKEN_",)

    async def handle(self, key, events, reader):
        assert reader is None, "nothing is asked"
        return [self._handled(event) for event in events]

    def _handled(self, event: AcmeEvent) -> HandledRows:
        if event.event_type.startswith("BROKEN_"):
            return HandledRows(AcmeRows(), RecordError("Acme has no such job"))
        said = msgspec.json.decode(event.payload)
        row = {
            "job_id": event.key,
            "state": said["kind"],
            "amount": event.amount,
            "changed_at": event.ingested_at,
        }
        return HandledRows(AcmeRows(jobs=[row]))


EVENTS = TableSpec(
    name="acme_events",
    summary="Every event of Acme as it came, one row per event id",
    mode="append",
    key=("event_id",),
    event_time="ingested_at",
    columns=(
        Column("event_id", STRING, nullable=False),
        Column("job_id", STRING),
        Column("raw", STRING),
        Column("ingested_at", TIMESTAMP, nullable=False),
    ),
)


def event_columns(events, values, now):
    return {
        "event_id": [event.event_id for event in events],
        "job_id": [event.job_id for event in events],
        "raw": [(value or b"").decode() for value in values],
        "ingested_at": [event.ingested_at for event in events],
    }


@frozen(kw_only=True)
class AcmeSettings:
    """Section ``acme``."""

    hosts: tuple[str, ...] = ("files.acme.example",)
    files: FilesSettings = field(factory=FilesSettings)


SECTION = SettingsSection(name=NAME, kind=AcmeSettings)


def section(settings) -> AcmeSettings:
    return settings.section(NAME, AcmeSettings)


def tasks(event: AcmeEvent, rows: Any, settings: Any, now: datetime) -> list[DownloadTask]:
    return [file_task(event, number, now) for number in range(len(event.links))]


def file_task(event: AcmeEvent, number: int, now: datetime) -> DownloadTask:
    link = event.links[number]
    name = urlsplit(link).path.rpartition("/")[2]
    return DownloadTask(
        media_id=f"{event.event_id}-{number}",
        key=event.key,
        key_name="job_id",
        event_id=event.event_id,
        download_url=link,
        blob_path=f"jobs/{event.key}/{event.event_id}_{number}_{name}",
        file_name=name,
        created_at=now,
    )


def file_row(result: DownloadResult, now: datetime) -> dict[str, Any]:
    return {
        "media_id": result.media_id,
        "job_id": result.job_id,
        "status": result.status,
        "error": result.error_message,
    }


FILES_TABLE = TableSpec(
    name="acme_files",
    summary="Files of Acme's jobs, one row each",
    mode="merge",
    key=("media_id",),
    columns=(
        Column("media_id", STRING, nullable=False),
        *(Column(name, STRING) for name in ("job_id", "status", "error")),
    ),
)

FILES = DomainFiles(
    key_name="job_id",
    tasks=tasks,
    hosts=lambda settings: section(settings).hosts,
    table=FILES_TABLE,
    row=file_row,
    settings=(NAME,),
    store=lambda settings: section(settings).files,
)

ACME = Domain(
    name=NAME,
    summary="Jobs of Acme",
    key_name="job_id",
    event=AcmeEvent,
    decoder=lambda settings: decode,
    kinds=(JOBS,),
    rows=AcmeRows,
    events_table=EVENTS,
    event_columns=event_columns,
    event_log=event_log(
        "acme_event_log",
        key_name="job_id",
        kinds=[JOBS],
        events_table=EVENTS.name,
        key_doc="The job",
        example="OPENED",
    ),
    handlers=lambda clock: [JobHandler()],
    files=FILES,
)


class AcmePlugin(Plugin):
    """Brings the domain."""

    name = NAME

    @hookimpl
    def claimx_register_settings(self):
        return SECTION

    @hookimpl
    def claimx_register_domains(self):
        return [ACME]


def raw(number: int, job: str, kind: str, **more: object) -> dict:
    """Return a raw event of Acme."""
    return {"id": f"a{number}", "kind": kind, "job": job, "at": 1768000000 + number, **more}
