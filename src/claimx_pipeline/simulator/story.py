"""One project's story, written step by step: each adds entities and tells their event."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from random import Random
from typing import Any

from attrs import evolve

from claimx_pipeline.simulator import names, numbering
from claimx_pipeline.simulator.entities import (
    CABINET_TEMPLATE,
    Completion,
    Link,
    Media,
    Person,
    Project,
    Task,
    TeamMember,
    Video,
    WorldEvent,
)
from claimx_pipeline.simulator.form import cabinet_form
from claimx_pipeline.simulator.wire import Spelling, spell

_SOURCE_IDS = 0.25
"""Share of events that carry an id of their source's."""
_EVENTED_PHOTOS = 3
"""Photos of a form that are announced by events; the rest is only named by the form."""

_LOCAL_PART = frozenset("abcdefghijklmnopqrstuvwxyz.-")
"""What the invented e-mail addresses are made of."""


class Story:
    """Writes one project: each step moves the time on and adds what happened."""

    def __init__(self, rng: Random, index: int, start: datetime) -> None:
        self.rng = rng
        self.index = index
        self.number = numbering.claim_number(index)
        self.project_id = numbering.project_id(index)
        self.now = start
        self.start = self.now
        self.holder = _person(rng, "home.test", email=index % 9 > 0)
        self.team = _team(rng)
        self.joined_at: datetime | None = None
        self.mfns: list[tuple[datetime, str]] = []
        self.media: list[Media] = []
        self.tasks: dict[int, Task] = {}
        self.videos: list[Video] = []
        self.events: list[WorldEvent] = []

    def wait(self, low_minutes: float, high_minutes: float) -> None:
        """Let time pass, at least a second."""
        seconds = self.rng.uniform(low_minutes * 60, high_minutes * 60)
        self.now += timedelta(seconds=max(1, round(seconds)))

    def happens(self, share: float) -> bool:
        """Return whether something that happens in *share* of all cases happens now."""
        return self.rng.random() < share

    def created(self) -> None:
        """The project is opened in ClaimX."""
        self._tell("PROJECT_CREATED", extra={"project_name": f"{self.holder.last_name} loss"})

    def invited(self) -> None:
        """The policyholder is invited."""
        self._tell("POLICYHOLDER_INVITED", extra={"invitee_email": self.holder.email})

    def joined(self) -> None:
        """The policyholder has joined."""
        self.joined_at = self.now
        self._tell("POLICYHOLDER_JOINED", extra={"joined_at": self.now.isoformat()})

    def mfn_added(self) -> None:
        """A master file name is given, or a new one."""
        name = f"MFN-{self.index + 1:05d}-{len(self.mfns) + 1}"
        self.mfns.append((self.now, name))
        self._tell("PROJECT_MFN_ADDED", master_file_name=name)

    def xa_link_failed(self) -> None:
        """Linking with XactAnalysis did not work."""
        self._tell("PROJECT_AUTO_XA_LINKING_UNSUCCESSFUL")

    def files_added(self, count: int, extension: str = "jpg") -> None:
        """Add files, uploaded one after the other."""
        for _ in range(count):
            self._file(extension)

    def assigned(self, template_id: int, *, link: bool = True) -> int:
        """A task is assigned; returns its assignment id."""
        assignment_id = numbering.assignment_id(self.index, len(self.tasks))
        link_id = numbering.link_id(self.index, len(self.tasks))
        self.tasks[assignment_id] = Task(
            assignment_id,
            template_id,
            self.project_id,
            self.now,
            self.team[0].user_name,
            link=self._link(link_id) if link else None,
        )
        self._tell("CUSTOM_TASK_ASSIGNED", assignment_id=assignment_id)
        return assignment_id

    def completed(self, assignment_id: int) -> None:
        """A task is completed, or completed once more."""
        task = self.tasks[assignment_id]
        if task.template_id == CABINET_TEMPLATE:
            self._cabinet_completed(task)
            return
        self._complete(task, Completion(self.now, self._hex(24), None))

    def video_invited(self, *, named: bool) -> int:
        """A video collaboration is proposed; *named*: its events carry its id."""
        video_id = numbering.video_id(self.index, len(self.videos))
        self.videos.append(
            Video(
                video_id,
                self.project_id,
                self.now,
                None,
                _person(self.rng, "carrier.test", email=True),
                self.rng.randint(40, 2400),
                f"{self._hex(8)}-{self._hex(4)}-4{self._hex(3)}-8{self._hex(3)}-{self._hex(12)}",
            )
        )
        kind = "VIDEO_COLLABORATION_INVITE_SENT"
        self._tell(kind, video_id=video_id if named else None, extra={"participants": 2})
        return video_id

    def video_completed(self, video_id: int, *, named: bool) -> None:
        """A video collaboration has taken place."""
        self.videos = [
            evolve(video, completed_at=self.now) if video.video_id == video_id else video
            for video in self.videos
        ]
        self._tell("VIDEO_COLLABORATION_COMPLETED", video_id=video_id if named else None)

    def project(self) -> Project:
        """Return the project as written."""
        rng = self.rng
        street, number = rng.choice(names.STREETS), rng.randint(1, 990)
        town, state, code, county = rng.choice(names.TOWNS)
        kind, cause = rng.choice(names.LOSSES)
        return Project(
            project_id=self.project_id,
            number=self.number,
            policy=f"POL-{rng.randint(10_000, 99_999)}",
            created_at=self.start - timedelta(seconds=rng.randint(0, 5)),
            holder=self.holder,
            holder_email_primary=self.happens(0.8),
            address={
                "street1": f"{number} {street}",
                "street2": None,
                "city": town,
                "stateProvince": state,
                "zipPostcode": code,
                "county": county,
                "country": "US",
            },
            loss={
                "typeOfLoss": kind,
                "causeOfLoss": cause,
                "lossDescription": f"{kind.capitalize()} loss, {rng.choice(names.ROOMS)}",
                "yearBuilt": rng.choice((None, 1958, 1990, 2015)),
                "squareFootage": rng.choice((None, 1150, 2400)),
            },
            company=rng.choice(names.COMPANIES),
            team=self.team,
            joined_at=self.joined_at,
            mfns=tuple(self.mfns),
            media=tuple(self.media),
            tasks=tuple(self.tasks.values()),
            videos=tuple(self.videos),
            events=tuple(self.events),
        )

    def _cabinet_completed(self, task: Task) -> None:
        form = cabinet_form()
        answers = form.draw(self.rng)
        photos = [self._file("jpg", task.assignment_id).media_id for _ in range(_EVENTED_PHOTOS)]
        rest = form.photo_count(answers) - len(photos)
        photos += [self._media("jpg", task.assignment_id).media_id for _ in range(rest)]
        report = self._media("pdf", task.assignment_id)
        filled = Completion(
            self.now,
            self._hex(24),
            report.media_id,
            answers,
            tuple(photos[: form.photo_count(answers)]),
        )
        self._complete(task, filled)
        self.wait(0.1, 1)
        self._tell("PROJECT_FILE_ADDED", media_id=report.media_id)

    def _complete(self, task: Task, completion: Completion) -> None:
        done = (*task.completions, completion)
        self.tasks[task.assignment_id] = evolve(task, completions=done)
        self._tell("CUSTOM_TASK_COMPLETED", assignment_id=task.assignment_id)

    def _file(self, extension: str, assignment_id: int | None = None) -> Media:
        media = self._media(extension, assignment_id)
        extra = {"file_name": media.name, "uploaded_by": self.holder.email}
        self._tell("PROJECT_FILE_ADDED", media_id=media.media_id, extra=extra)
        self.wait(0.03, 0.3)
        return media

    def _media(self, extension: str, assignment_id: int | None = None) -> Media:
        rng = self.rng
        media_id = numbering.media_id(self.index, len(self.media))
        room = rng.choice(names.ROOMS)
        choices = (f"IMG {media_id}", f"{room} {rng.randint(1, 4)}", f"photo_{len(self.media) + 1}")
        position = (f"{rng.uniform(29, 41):.6f}", f"{rng.uniform(-105, -80):.6f}")
        media = Media(
            media_id,
            f"{rng.choice(choices)}.{extension}",
            extension,
            self.now,
            self.now - timedelta(minutes=rng.randint(1, 600)),
            assignment_id,
            room if self.happens(0.5) else None,
            position if self.happens(0.4) else None,
        )
        self.media.append(media)
        return media

    def _link(self, link_id: int) -> Link:
        person = self.holder
        if self.happens(0.3):  # another person of the household
            person = _person(self.rng, "home.test", email=True)
        elif self.happens(0.15):  # reached by text message only
            person = Person(person.first_name, person.last_name, None, person.phone)
        method = self.rng.choice(("EMAIL", "COPY_EXTERNAL_LINK_URL"))
        return Link(link_id, self._hex(6).upper(), person, method)

    def _hex(self, digits: int) -> str:
        return f"{self.rng.getrandbits(digits * 4):0{digits}x}"

    def _tell(  # noqa: PLR0913 - one argument per field of an event
        self,
        kind: str,
        *,
        media_id: int | None = None,
        assignment_id: int | None = None,
        video_id: int | None = None,
        master_file_name: str | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        rng = self.rng
        fields: dict[str, Any] = {}
        if master_file_name is not None:
            fields["master_file_name"] = master_file_name
        if self.happens(0.5):
            fields |= {**(extra or {}), "claim_number": self.number}
        value = spell(
            rng.choice(tuple(Spelling)),
            self.now,
            kind,
            {
                "project_id": self.project_id,
                "media_id": media_id,
                "task_assignment_id": assignment_id,
                "video_collaboration_id": video_id,
            },
            rng,
            extra=fields,
            event_id=f"src-{self._hex(16)}" if self.happens(_SOURCE_IDS) else None,
        )
        self.events.append(
            WorldEvent(
                self.now,
                value,
                kind,
                self.project_id,
                media_id,
                assignment_id,
                video_id,
                master_file_name,
            )
        )


def _person(rng: Random, domain: str, *, email: bool) -> Person:
    first, last = rng.choice(names.FIRST_NAMES), rng.choice(names.LAST_NAMES)
    local = "".join(each for each in f"{first}.{last}".lower() if each in _LOCAL_PART)
    address = f"{local}{rng.randint(1, 999)}@{domain}" if email else None
    return Person(first, last, address, f"555{rng.randint(1_000_000, 9_999_999)}")


def _team(rng: Random) -> tuple[TeamMember, ...]:
    chosen = rng.sample(names.REPRESENTATIVES, k=rng.randint(1, 2))
    return tuple(TeamMember(name, index == 0, None) for index, name in enumerate(chosen))
