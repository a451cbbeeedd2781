"""The plots of the world's projects: which steps each takes.

Which plot a project follows comes from its number alone (ten in turn), so that every world
shows every kind of event early; the seed decides all details.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from random import Random

from claimx_pipeline.simulator.entities import CABINET_TEMPLATE, Project
from claimx_pipeline.simulator.story import Story
from claimx_pipeline.simulator.templates import CONTENTS_INVENTORY, PHOTO_REQUEST, PROOF_OF_LOSS


def write_project(seed: int, index: int, start: datetime) -> Project:
    """Return project *index* of the world *seed*, whose story begins at *start*."""
    story = Story(Random(f"{seed}:{index}"), index, start)  # noqa: S311 - no secret
    _PLOTS[index % len(_PLOTS)](story)
    return story.project()


def _cabinet_whole(story: Story) -> None:
    _opening(story)
    story.joined()
    story.wait(5, 20)
    story.files_added(story.rng.randint(3, 5))
    _task(story, CABINET_TEMPLATE, (60, 200))


def _photos(story: Story) -> None:
    story.created()
    story.wait(5, 20)
    story.files_added(story.rng.randint(4, 7))
    story.wait(5, 20)
    _task(story, PHOTO_REQUEST, (20, 60))
    story.mfn_added()


def _video(story: Story) -> None:
    story.created()
    story.wait(5, 20)
    story.files_added(story.rng.randint(6, 7))
    story.files_added(1, "mp4")
    story.wait(5, 20)
    video_id = story.video_invited(named=False)
    story.wait(30, 90)
    story.video_completed(video_id, named=False)


def _cabinet_open(story: Story) -> None:
    _opening(story)
    story.files_added(3)
    story.wait(5, 20)
    story.assigned(CABINET_TEMPLATE)


def _cabinet_again(story: Story) -> None:
    story.created()
    story.wait(5, 20)
    assignment_id = _task(story, CABINET_TEMPLATE, (30, 90))
    story.mfn_added()
    if story.index in _HANDED_IN_AGAIN:
        story.wait(20, 40)
        story.completed(assignment_id)


_HANDED_IN_AGAIN = range(34, 10**9, 30)
"""Projects whose cabinet form is completed twice; the first is past the 250th event."""


def _link_failure(story: Story) -> None:
    if story.index % 20 < 10:  # noqa: PLR2004 - every other project of this plot
        story.created()
        story.wait(5, 20)
        story.files_added(2)
        story.wait(5, 20)
    story.xa_link_failed()


def _contents(story: Story) -> None:
    story.created()
    story.wait(5, 20)
    story.files_added(story.rng.randint(3, 5))
    story.files_added(1, "pdf")
    story.wait(5, 20)
    first = story.video_invited(named=True)
    story.wait(1, 5)
    second = story.video_invited(named=True)
    story.wait(20, 60)
    story.video_completed(second, named=True)
    story.wait(5, 20)
    _task(story, CONTENTS_INVENTORY, (10, 60), link=False)
    story.video_completed(first, named=True)


def _cabinet_quick(story: Story) -> None:
    story.created()
    story.wait(2, 5)
    story.files_added(4)
    story.wait(2, 5)
    _task(story, CABINET_TEMPLATE, (15, 30))
    story.wait(2, 5)
    story.joined()


def _two_uploads(story: Story) -> None:
    _opening(story)
    story.files_added(4)
    story.wait(30, 60)
    story.files_added(3)
    story.files_added(1, "png")
    story.wait(5, 20)
    story.joined()
    story.wait(5, 20)
    story.assigned(PROOF_OF_LOSS)


def _renamed(story: Story) -> None:
    story.mfn_added()
    story.wait(5, 20)
    story.video_invited(named=story.happens(0.5))
    story.wait(5, 20)
    _task(story, PHOTO_REQUEST, (20, 60))
    story.files_added(2)
    story.wait(30, 60)
    story.mfn_added()


def _opening(story: Story) -> None:
    story.created()
    story.wait(5, 20)
    story.invited()
    story.wait(5, 30)


def _task(
    story: Story, template_id: int, minutes: tuple[float, float], *, link: bool = True
) -> int:
    assignment_id = story.assigned(template_id, link=link)
    story.wait(*minutes)
    story.completed(assignment_id)
    story.wait(2, 10)
    return assignment_id


_PLOTS: Sequence[Callable[[Story], None]] = (
    _cabinet_whole,
    _photos,
    _video,
    _cabinet_open,
    _cabinet_again,
    _link_failure,
    _contents,
    _cabinet_quick,
    _two_uploads,
    _renamed,
)
