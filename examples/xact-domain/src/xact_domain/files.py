"""The attachments of an event: which files they are, what they are called, where they go."""

from collections import Counter
from datetime import datetime
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec

from claimx_pipeline import Settings
from claimx_pipeline.domain import DomainFiles
from claimx_pipeline.media import DownloadTask, safe_id, safe_name
from xact_domain.events import XactEvent
from xact_domain.ids import media_id
from xact_domain.settings import NAME, files_settings, section
from xact_domain.tables import ATTACHMENTS, KEY, attachment_row

FIRST_NOTICE = "firstNoticeOfLossReceived"
ESTIMATE = "estimatePackageReceived"
LONGEST_EXTENSION = 10
SHORT_ID = 8
"""Characters of a file's id that tell it from another of the same name."""


def tasks(event: XactEvent, rows: Any, settings: Settings, now: datetime) -> list[DownloadTask]:
    """Return the tasks to fetch the attachments of *event*; an assignment is needed for that.

    A link that may not be followed has a task as well: worker ``xact-download`` refuses it,
    with a dead letter and a row that say why.
    """
    if not event.assignment_id:
        return []
    namespace = section(settings).media_id_namespace
    links = {media_id(event.trace_id, link, namespace): link for link in event.attachments}
    names = {each: file_name(event, link) for each, link in links.items()}
    used = Counter(name.lower() for name in names.values())
    folder = "/".join(map(safe_id, (event.status_subtype, event.assignment_id, event.trace_id)))
    facts = {"status_subtype": event.status_subtype, "assignment_id": event.assignment_id}
    made = []
    for each, link in links.items():
        name = names[each]
        if used[name.lower()] > 1:
            name = with_short_id(name, each)
        made.append(
            DownloadTask(
                media_id=each,
                key=event.trace_id,
                key_name=KEY,
                event_id=event.event_id,
                download_url=link.strip(),
                blob_path=f"{folder}/{name}",
                file_type=file_type(link),
                file_name=last_segment(link),
                owner_ref=msgspec.json.encode(facts).decode(),
                created_at=now,
            )
        )
    return made


def last_segment(link: str) -> str:
    """Return what the file behind *link* is called there, decoded; not safe as a path."""
    try:
        path = urlsplit(link.strip()).path
    except ValueError:
        path = link.partition("?")[0]
    return unquote(path.rpartition("/")[2])


def file_name(event: XactEvent, link: str) -> str:
    """Return what the file is called in the store; another file may have the same name."""
    name = safe_name(last_segment(link), "unknown")
    stem, dot, extension = name.rpartition(".")
    if dot and len(extension) <= LONGEST_EXTENSION:
        name = f"{stem}.{extension.lower()}"
    parts = [safe_id(event.assignment_id)]
    if event.status_subtype == FIRST_NOTICE:
        parts.append("FNOL")
    elif event.status_subtype == ESTIMATE:
        parts.append(safe_id(event.estimate_version or "unknown"))
    return safe_name("_".join([*parts, name]))


def with_short_id(name: str, file_id: str) -> str:
    """Return *name* with the beginning of the file's id, before its extension."""
    stem, dot, extension = name.rpartition(".")
    short = file_id[:SHORT_ID]
    return f"{stem}_{short}.{extension}" if dot else f"{name}_{short}"


def file_type(link: str) -> str:
    """Return the extension of the file behind *link*, in capitals."""
    stem, dot, extension = safe_name(last_segment(link), "unknown").rpartition(".")
    return extension.upper() if dot and stem and len(extension) <= LONGEST_EXTENSION else "UNKNOWN"


FILES = DomainFiles(
    key_name=KEY,
    tasks=tasks,
    hosts=lambda settings: section(settings).allowed_hosts,
    table=ATTACHMENTS,
    row=attachment_row,
    settings=(NAME,),
    store=files_settings,
)
"""Nothing hands out new links: a file whose link has ended is a dead letter that says so."""
