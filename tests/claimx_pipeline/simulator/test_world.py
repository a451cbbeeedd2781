from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from claimx_pipeline.errors import ClaimxError
from claimx_pipeline.simulator.entities import CABINET_TEMPLATE
from claimx_pipeline.simulator.wire import camel
from claimx_pipeline.simulator.world import DEFAULT_START, World

SEEDS = st.integers(0, 2**32)
EVENT_TYPES = {
    "PROJECT_CREATED",
    "PROJECT_FILE_ADDED",
    "PROJECT_MFN_ADDED",
    "CUSTOM_TASK_ASSIGNED",
    "CUSTOM_TASK_COMPLETED",
    "POLICYHOLDER_INVITED",
    "POLICYHOLDER_JOINED",
    "VIDEO_COLLABORATION_INVITE_SENT",
    "VIDEO_COLLABORATION_COMPLETED",
    "PROJECT_AUTO_XA_LINKING_UNSUCCESSFUL",
}


def field(value, name):
    return value.get(name, value.get(camel(name)))


def completions(events):
    """Return the place of each cabinet completion among the events, by assignment."""
    places = {}
    for place, event in enumerate(events):
        if event.type == "CUSTOM_TASK_COMPLETED":
            places.setdefault(event.assignment_id, []).append(place)
    return places


@settings(max_examples=10, deadline=None)
@given(SEEDS)
def test_the_same_seed_gives_the_same_world(seed):
    one, other = World(seed), World(seed)
    assert one.events(150) == other.events(150)
    assert one.expected(150) == other.expected(150)
    assert one.expected_submissions(150) == other.expected_submissions(150)


def test_another_seed_gives_another_world():
    assert World(1).events(50) != World(2).events(50)


@settings(max_examples=10, deadline=None)
@given(SEEDS, st.integers(0, 300), st.integers(0, 300))
def test_what_happens_first_does_not_depend_on_how_much_is_read(seed, few, more):
    few, more = sorted((few, more))
    world = World(seed)
    first = world.events(few)
    assert World(seed).events(more)[:few] == first
    assert world.events(more)[:few] == first


@settings(max_examples=10, deadline=None)
@given(SEEDS)
def test_no_two_events_happen_at_the_same_time(seed):
    times = [event.at for event in World(seed).events(400)]
    assert all(one < next_ for one, next_ in pairwise(times))
    assert times[0] >= DEFAULT_START


@settings(max_examples=10, deadline=None)
@given(SEEDS)
def test_two_hundred_events_show_everything_except_a_form_handed_in_again(seed):
    world = World(seed)
    events = world.events(200)
    kinds = Counter(event.type for event in events)
    assert set(kinds) == EVENT_TYPES
    expected = world.expected(200)
    assert len(expected["projects"]) >= 15
    assert len(expected["media"]) >= 80
    assert len(expected["task_templates"]) == 4
    assert len(expected["video_collab"]) >= 4
    world.set_clock(world.end(200))
    cabinets = [
        task
        for (assignment_id,) in expected["tasks"]
        if (task := world.task(assignment_id)) and task.template_id == CABINET_TEMPLATE
    ]
    states = Counter(task.completion(world.now) is not None for task in cabinets)
    assert states[True] == len(world.expected_submissions(200)) >= 4
    assert states[False] >= 2
    assert world.resubmitted(200) == set()


@settings(max_examples=20, deadline=None)
@given(SEEDS)
def test_the_first_form_handed_in_again_comes_between_250_and_400_events(seed):
    world = World(seed)
    again = {key: at for key, at in completions(world.events(400)).items() if len(at) > 1}
    assert set(again) == world.resubmitted(400)
    assert [250 <= at[1] < 400 for at in again.values()] == [True]


def test_a_form_handed_in_again_shows_the_response_of_its_time():
    world = World(3)
    (assignment_id,) = world.resubmitted(400)
    first, second = completions(world.events(400))[assignment_id]
    between = dict(world.expected_submissions(first + 1))
    after = dict(world.expected_submissions(second + 1))
    assert between[assignment_id] != after[assignment_id]
    assert len(world.expected_submissions(400)) == len(dict(world.expected_submissions(400)))


@settings(max_examples=10, deadline=None)
@given(SEEDS)
def test_every_id_that_an_event_names_is_known_at_its_time(seed):
    world = World(seed)
    for event in world.events(150):
        world.set_clock(event.at)
        project = world.project(event.project_id)
        assert project is not None
        assert int(field(event.value, "project_id")) == project.project_id
        if event.media_id is not None:
            assert int(field(event.value, "media_id")) == event.media_id
            assert world.file(event.media_id) in world.media(project)
        if event.assignment_id is not None:
            assert int(field(event.value, "task_assignment_id")) == event.assignment_id
            task = world.task(event.assignment_id)
            assert task is not None
            done = task.completion(world.now)
            assert (done is not None) == (event.type == "CUSTOM_TASK_COMPLETED")
        if event.type.startswith("VIDEO_"):
            held = [video.video_id for video in world.videos(project)]
            assert event.video_id in held if event.video_id else len(held) == 1
        if event.master_file_name is not None:
            assert field(event.value, "master_file_name") == event.master_file_name
            assert project.mfn(world.now) == event.master_file_name


@settings(max_examples=10, deadline=None)
@given(SEEDS)
def test_photos_and_report_of_a_form_are_files_of_its_project(seed):
    world = World(seed)
    world.set_clock(world.end(200))
    for assignment_id, response_id in world.expected_submissions(200):
        task = world.task(assignment_id)
        done = task.completion(world.now)
        assert done.response_id == response_id
        files = {media.media_id for media in world.media(world.project(task.project_id))}
        assert {*done.photo_ids, done.pdf_media_id} <= files
        assert len(done.photo_ids) == len(set(done.photo_ids)) >= 5


def test_events_are_spelt_in_all_ways_that_sources_use():
    events = [event.value for event in World(5).events(200)]
    spellings = {"event_type" in event for event in events}
    id_types = {type(field(event, "project_id")) for event in events}
    times = [field(event, "ingested_at") for event in events]
    own_ids = [field(event, "event_id") for event in events if field(event, "event_id")]
    assert spellings == {True, False}
    assert id_types == {int, str}
    assert any(time.endswith("Z") for time in times)
    assert any(time.endswith("-06:00") for time in times)
    assert any(datetime.fromisoformat(time).tzinfo is None for time in times)
    assert 0 < len(own_ids) == len(set(own_ids)) < 100


def test_an_events_time_on_the_wire_is_its_time():
    for event in World(6).events(200):
        told = datetime.fromisoformat(field(event.value, "ingested_at"))
        told = told if told.tzinfo else told.replace(tzinfo=UTC)
        assert told == event.at


def test_files_of_a_project_arrive_close_together():
    files = [event for event in World(8).events(200) if event.type == "PROJECT_FILE_ADDED"]
    close = [
        one.project_id == next_.project_id and next_.at - one.at < timedelta(minutes=1)
        for one, next_ in pairwise(files)
    ]
    assert sum(close) > len(files) * 0.6


def test_nothing_is_there_before_it_happens():
    world = World(9)
    last = world.events(30)[-1]
    assert world.project(world.events(1)[0].project_id) is None
    world.set_clock(last.at - timedelta(milliseconds=1))
    expected = world.expected(29)
    seen = {
        (str(media.media_id),)
        for (project_id,) in expected["projects"]
        for media in world.media(world.project(int(project_id)))
    }
    assert expected["media"] <= seen
    assert last.media_id is None or (str(last.media_id),) not in seen


def test_the_clock_does_not_go_back():
    world = World()
    world.set_clock(world.end(10))
    with pytest.raises(ClaimxError, match="does not go back"):
        world.set_clock(world.end(9))
    assert world.now == world.end(10)


def test_the_clock_refuses_a_time_without_zone():
    with pytest.raises(ClaimxError, match="zone"):
        World().set_clock(datetime(2027, 1, 1))  # noqa: DTZ001 - that is the point


def test_a_failed_link_alone_brings_nothing_but_its_project():
    world = World(0)
    events = world.events(200)
    failed = [event for event in events if event.type.startswith("PROJECT_AUTO_XA")]
    only = [
        event
        for event in failed
        if sum(other.project_id == event.project_id for other in events) == 1
    ]
    assert only
    expected = world.expected(200)
    for event in only:
        key = str(event.project_id)
        assert (key,) in expected["projects"]
        assert not any(contact[0] == key for contact in expected["contacts"])


def test_ids_of_no_project_file_or_task_are_unknown():
    world = World()
    world.set_clock(world.end(200))
    assert world.project(5) is None
    assert world.project(999_999_999) is None
    assert world.file(91_000_999) is None
    assert world.file(1) is None
    assert world.task(1) is None
    assert world.task(7_000_009) is None
    assert world.project_of_number("CLM-x") is None
    assert world.project_of_number("CLM-1") is None
    assert world.project_of_number("CLM-000001").project_id == world.events(1)[0].project_id
