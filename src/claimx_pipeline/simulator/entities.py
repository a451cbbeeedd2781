"""What exists in the simulated world, and since when.

Every entity carries the times at which it changes; how it looks at a given time is
in its answers (see ``answers``). All times are aware and in UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from attrs import field, frozen

from claimx_pipeline.simulator.form import FormAnswers

CABINET_TEMPLATE = 32513
"""Task template of the cabinet repair form."""


@frozen
class WorldEvent:
    """One event as a source puts it on the wire, and what it is about."""

    at: datetime
    """When it happens; the entities that it announces are visible from then on."""
    value: Mapping[str, Any]
    """The raw event, in one of the spellings that sources use."""
    type: str
    project_id: int
    media_id: int | None = None
    assignment_id: int | None = None
    video_id: int | None = None
    """Set only where the event itself names the collaboration."""
    master_file_name: str | None = None

    @property
    def key(self) -> str:
        """The key of its record."""
        return str(self.project_id)


@frozen
class Person:
    """A policyholder, or a person who answers for one."""

    first_name: str
    last_name: str
    email: str | None
    phone: str


@frozen
class TeamMember:
    """A claim representative of a project."""

    user_name: str
    primary: bool
    mfn: str | None


@frozen
class Media:
    """One file of a project."""

    media_id: int
    name: str
    extension: str
    """Lower case, without the dot."""
    added_at: datetime
    taken_at: datetime
    assignment_id: int | None = None
    description: str | None = None
    position: tuple[str, str] | None = None
    """Latitude and longitude as the API writes them: text."""


@frozen
class Completion:
    """One filled-in form of a task."""

    at: datetime
    response_id: str
    """24 hex digits."""
    pdf_media_id: int | None
    answers: FormAnswers | None = None
    """Answers of the cabinet form; None for other templates."""
    photo_ids: tuple[int, ...] = ()
    """Media of the form's photo questions, in form order."""


@frozen
class Link:
    """How a person without an account reaches a task."""

    link_id: int
    code: str
    person: Person
    access_method: str


@frozen
class Task:
    """One assignment of a task template."""

    assignment_id: int
    template_id: int
    project_id: int
    assigned_at: datetime
    assignor: str
    completions: tuple[Completion, ...] = ()
    """In time order; more than one where a form was handed in again."""
    link: Link | None = None

    def completion(self, now: datetime) -> Completion | None:
        """Return the latest completion at *now*, None while the task is open."""
        done = [completion for completion in self.completions if completion.at <= now]
        return done[-1] if done else None


@frozen
class Video:
    """One video collaboration."""

    video_id: int
    project_id: int
    invited_at: datetime
    completed_at: datetime | None
    representative: Person
    seconds: int
    guid: str


@frozen
class Project:
    """A claim with all that belongs to it."""

    project_id: int
    number: str
    policy: str
    created_at: datetime
    holder: Person
    holder_email_primary: bool
    """Whether the e-mail address is marked primary; the first one counts if none is."""
    address: Mapping[str, str | None]
    loss: Mapping[str, Any]
    company: str
    team: tuple[TeamMember, ...]
    joined_at: datetime | None
    mfns: tuple[tuple[datetime, str], ...]
    """Master file names, each with the time from which it holds."""
    media: tuple[Media, ...]
    tasks: tuple[Task, ...]
    videos: tuple[Video, ...]
    events: tuple[WorldEvent, ...] = field(repr=False)
    """In time order."""

    def mfn(self, now: datetime) -> str | None:
        """Return the master file name at *now*."""
        held = [name for at, name in self.mfns if at <= now]
        return held[-1] if held else None
