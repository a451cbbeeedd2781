"""The simulated world: its history, its clock, and what a correct pipeline makes of it."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random

from attrs import evolve

from claimx_pipeline.errors import ClaimxError
from claimx_pipeline.simulator.content import Content, content_of
from claimx_pipeline.simulator.entities import (
    CABINET_TEMPLATE,
    Media,
    Project,
    Task,
    Video,
    WorldEvent,
)
from claimx_pipeline.simulator.events import SimulatedEvents
from claimx_pipeline.simulator.numbering import (
    index_of_assignment,
    index_of_claim,
    index_of_media,
    index_of_project,
)
from claimx_pipeline.simulator.plots import write_project

DEFAULT_START = datetime(2026, 1, 12, 8, tzinfo=UTC)

_GAP = timedelta(hours=3)
"""From one project's beginning to the next, on average."""

Keys = set[tuple[str | int, ...]]
"""Keys of a table's rows, each in the order of the key's columns."""


class World:
    """Everything that happens, from a seed; endless, and written only as far as it is read.

    The same seed and start give the same world, and what happens first never depends on how
    much is read. A client is answered as of ``now``: what has not happened yet is not
    there. At first ``now`` is the start, when nothing has happened.
    """

    def __init__(self, seed: int = 0, start: datetime = DEFAULT_START) -> None:
        self.seed = seed
        self.start = start
        self._now = start
        self._more: list[SimulatedEvents] = []
        self._projects: dict[int, Project] = {}
        self._history: list[WorldEvent] = []
        self._unfolding = self._unfold()

    @property
    def now(self) -> datetime:
        """The time as of which the world answers."""
        return self._now

    def extend(self, more: SimulatedEvents) -> None:
        """Let further events happen.

        Raises:
            ClaimxError: Something of the world is written already.
        """
        if self._projects:
            raise ClaimxError("the simulated world has begun; extend it before its first event")
        self._more.append(more)

    def set_clock(self, at: datetime) -> None:
        """Move the clock on to *at*.

        Raises:
            ClaimxError: *at* is before the clock, which never goes back, or has no zone.
        """
        if at.tzinfo is None:
            raise ClaimxError(f"the world's clock needs a time with its zone, not {at}")
        if at < self._now:
            raise ClaimxError(f"the world's clock is at {self._now} and does not go back to {at}")
        self._now = at.astimezone(UTC)

    def events(self, count: int) -> list[WorldEvent]:
        """Return the first *count* events in time order; no two are at the same time."""
        while len(self._history) < count:
            self._history.append(next(self._unfolding))
        return self._history[:count]

    def end(self, count: int) -> datetime:
        """Return the time after the first *count* events and before the next."""
        return self.events(count)[-1].at if count else self.start

    def project(self, project_id: int) -> Project | None:
        """Return a project that is known now."""
        return self._known(index_of_project(project_id))

    def project_of_number(self, number: str) -> Project | None:
        """Return the project of a claim number if it is known now."""
        index = index_of_claim(number)
        return None if index is None else self._known(index)

    def media(self, project: Project) -> list[Media]:
        """Return the files that *project* has now."""
        return [media for media in project.media if media.added_at <= self._now]

    def file(self, media_id: int) -> Media | None:
        """Return one file if it is there now."""
        project = self._known(index_of_media(media_id))
        found = [] if project is None else self.media(project)
        return next((media for media in found if media.media_id == media_id), None)

    def task(self, assignment_id: int) -> Task | None:
        """Return a task that is assigned by now."""
        project = self._known(index_of_assignment(assignment_id))
        for task in project.tasks if project else ():
            if task.assignment_id == assignment_id and task.assigned_at <= self._now:
                return task
        return None

    def videos(self, project: Project) -> list[Video]:
        """Return the video collaborations that *project* has now."""
        return [video for video in project.videos if video.invited_at <= self._now]

    def expected(self, count: int) -> dict[str, Keys]:
        """Return the keys that each entity table holds after the first *count* events.

        This is what a correct pipeline has written once it has enriched them all, with the
        clock never past ``end(count)``. Kinds and the columns of their keys: projects
        (project_id as text), contacts (project_id as text, contact_email, contact_type),
        media (media_id as text), tasks (assignment_id), task_templates (task_id),
        external_links (link_id), video_collab (video_collaboration_id).

        Every event brings its project with its contacts, except that a failed XA link asks
        nothing of the API and brings the project's key alone. A file brings its own row, a
        task itself, its template, its link and the link's contact; a video collaboration
        the one that the event names, else the project's.
        """
        kinds = ("projects", "contacts", "media", "tasks", "task_templates", "external_links")
        expected: dict[str, Keys] = {kind: set() for kind in (*kinds, "video_collab")}
        for event in self.events(count):
            self._add_expected(event, expected)
        return expected

    def expected_files(self, count: int) -> dict[str, Content]:
        """Return the contents of each file copied after the first *count* events, by media id.

        The files that events were about; a plugin that wants a form's further photos copies them.
        """
        files: dict[str, Content] = {}
        for event in self.events(count):
            if event.media_id is not None:
                project = self._written(index_of_project(event.project_id))
                media = next(each for each in project.media if each.media_id == event.media_id)
                files[str(event.media_id)] = content_of(media)
        return files

    def expected_submissions(self, count: int) -> set[tuple[int, str]]:
        """Return (assignment id, form response id) of the cabinet forms completed by then.

        One pair for each distinct assignment: the response that the API shows at
        ``end(count)``. A form that was handed in again within the first *count* events has
        two responses; only a client that asks between the two sees the first. The first
        such form comes after the 250th event; ``resubmitted`` names the assignments.
        """
        end = self.end(count)
        pairs = set()
        for task in self._completed_forms(count):
            completion = task.completion(end)
            if completion is not None:
                pairs.add((task.assignment_id, completion.response_id))
        return pairs

    def resubmitted(self, count: int) -> set[int]:
        """Return the assignments whose cabinet form was completed more than once by then."""
        end = self.end(count)
        return {
            task.assignment_id
            for task in self._completed_forms(count)
            if sum(completion.at <= end for completion in task.completions) > 1
        }

    def _completed_forms(self, count: int) -> list[Task]:
        forms: dict[int, Task] = {}
        for event in self.events(count):
            if event.type == "CUSTOM_TASK_COMPLETED":
                task = self._task_of(event)
                if task.template_id == CABINET_TEMPLATE:
                    forms[task.assignment_id] = task
        return list(forms.values())

    def _add_expected(self, event: WorldEvent, expected: dict[str, Keys]) -> None:
        key = str(event.project_id)
        expected["projects"].add((key,))
        if event.type == "PROJECT_AUTO_XA_LINKING_UNSUCCESSFUL":
            return
        project = self._written(index_of_project(event.project_id))
        if project.holder.email:
            expected["contacts"].add((key, project.holder.email, "POLICYHOLDER"))
        expected["contacts"] |= {(key, member.user_name, "CLAIM_REP") for member in project.team}
        if event.media_id is not None:
            expected["media"].add((str(event.media_id),))
        if event.assignment_id is not None:
            task = self._task_of(event)
            expected["tasks"].add((task.assignment_id,))
            expected["task_templates"].add((task.template_id,))
            if task.link:
                expected["external_links"].add((task.link.link_id,))
                if task.link.person.email:
                    expected["contacts"].add((key, task.link.person.email, "POLICYHOLDER"))
        if event.type.startswith("VIDEO_"):
            expected["video_collab"].add((event.video_id or project.videos[0].video_id,))

    def _task_of(self, event: WorldEvent) -> Task:
        project = self._written(index_of_project(event.project_id))
        return next(task for task in project.tasks if task.assignment_id == event.assignment_id)

    def _known(self, index: int) -> Project | None:
        """Return project *index* if its first event has happened."""
        # The first test keeps ids of the far future below the calendar's end.
        if not 0 <= index <= (self._now - self.start) / _GAP or self._start_of(index) > self._now:
            return None
        return self._written(index)

    def _written(self, index: int) -> Project:
        if index not in self._projects:
            project = write_project(self.seed, index, self._start_of(index))
            added = [event for more in self._more for event in more.of(project)]
            if added:
                events = sorted([*project.events, *added], key=lambda event: event.at)
                project = evolve(project, events=tuple(events))
            self._projects[index] = project
        return self._projects[index]

    def _start_of(self, index: int) -> datetime:
        """Return when project *index* begins; later projects begin later."""
        chance = Random(f"{self.seed}:{index}:start").random()  # noqa: S311 - no secret
        start = self.start + _GAP * index + _GAP * 0.8 * chance
        # Whole seconds and the project's own millisecond: no two projects of the same
        # weeks ever have an event at the same time.
        return start.replace(microsecond=index % 1000 * 1000)

    def _unfold(self) -> Iterator[WorldEvent]:
        """Yield all events in time order, for ever."""
        coming: list[tuple[datetime, int, WorldEvent]] = []
        order = itertools.count()  # a plugin's event may be at the time of another
        index = 0
        while True:
            while not coming or self._start_of(index) <= coming[0][0]:
                for event in self._written(index).events:
                    heapq.heappush(coming, (event.at, next(order), event))
                index += 1
            yield heapq.heappop(coming)[2]
