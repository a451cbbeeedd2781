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
    """Its type, such as ``PROJECT_CREATED``."""
    project_id: int
    """The project that it happens to."""
    media_id: int | None = None
    """The file that it is about, if it is about one."""
    assignment_id: int | None = None
    """The task that it is about, if it is about one."""
    video_id: int | None = None
    """Set only where the event itself names the collaboration."""
    master_file_name: str | None = None
    """The master file name that it brings, if it brings one."""

    @property
    def key(self) -> str:
        """The key of its record."""
        return str(self.project_id)


@frozen
class Person:
    """A policyholder, or a person who answers for one."""

    first_name: str
    """First name."""
    last_name: str
    """Last name."""
    email: str | None
    """Address, if known."""
    phone: str
    """Telephone number."""


@frozen
class TeamMember:
    """A claim representative of a project."""

    user_name: str
    """ClaimX user."""
    primary: bool
    """Whether it is the one who is asked first."""
    mfn: str | None
    """Master file name that the member brought, if any."""


@frozen
class Media:
    """One file of a project."""

    media_id: int
    """Its id."""
    name: str
    """Name of the file."""
    extension: str
    """Lower case, without the dot."""
    added_at: datetime
    """When it came."""
    taken_at: datetime
    """When it was taken."""
    assignment_id: int | None = None
    """The task that it came with, if any."""
    description: str | None = None
    """What is said of it, if anything."""
    position: tuple[str, str] | None = None
    """Latitude and longitude as the API writes them: text."""


@frozen
class Completion:
    """One filled-in form of a task."""

    at: datetime
    """When it was handed in."""
    response_id: str
    """24 hex digits."""
    pdf_media_id: int | None
    """Media of its report, if there is one."""
    answers: FormAnswers | None = None
    """Answers of the cabinet form; None for other templates."""
    photo_ids: tuple[int, ...] = ()
    """Media of the form's photo questions, in form order."""


@frozen
class Link:
    """How a person without an account reaches a task."""

    link_id: int
    """Its id."""
    code: str
    """What it ends with."""
    person: Person
    """Who got it."""
    access_method: str
    """How it was sent."""


@frozen
class Task:
    """One assignment of a task template."""

    assignment_id: int
    """Its id."""
    template_id: int
    """Template that it was made from."""
    project_id: int
    """The project that it belongs to."""
    assigned_at: datetime
    """When it was assigned."""
    assignor: str
    """ClaimX user who assigned it."""
    completions: tuple[Completion, ...] = ()
    """In time order; more than one where a form was handed in again."""
    link: Link | None = None
    """How its person reaches it, if by a link."""

    def completion(self, now: datetime) -> Completion | None:
        """Return the latest completion at *now*, None while the task is open."""
        done = [completion for completion in self.completions if completion.at <= now]
        return done[-1] if done else None


@frozen
class Video:
    """One video collaboration."""

    video_id: int
    """Its id."""
    project_id: int
    """The project that it belongs to."""
    invited_at: datetime
    """When it was proposed."""
    completed_at: datetime | None
    """When it ended, None if it never took place."""
    representative: Person
    """Who calls."""
    seconds: int
    """How long it takes."""
    guid: str
    """Its id in the video service."""


@frozen
class Project:
    """A claim with all that belongs to it."""

    project_id: int
    """Its id."""
    number: str
    """Claim number."""
    policy: str
    """Policy number."""
    created_at: datetime
    """When it was created; nothing happens to it before."""
    holder: Person
    """The policyholder."""
    holder_email_primary: bool
    """Whether the e-mail address is marked primary; the first one counts if none is."""
    address: Mapping[str, str | None]
    """Where the damage is, by the API's names."""
    loss: Mapping[str, Any]
    """What is known of the damage, by the API's names."""
    company: str
    """The carrier."""
    team: tuple[TeamMember, ...]
    """Its claim representatives."""
    joined_at: datetime | None
    """When the policyholder joined, None if never."""
    mfns: tuple[tuple[datetime, str], ...]
    """Master file names, each with the time from which it holds."""
    media: tuple[Media, ...]
    """Its files, also those that come later."""
    tasks: tuple[Task, ...]
    """Its tasks, also those that come later."""
    videos: tuple[Video, ...]
    """Its video collaborations."""
    events: tuple[WorldEvent, ...] = field(repr=False)
    """In time order."""

    def mfn(self, now: datetime) -> str | None:
        """Return the master file name at *now*."""
        held = [name for at, name in self.mfns if at <= now]
        return held[-1] if held else None
