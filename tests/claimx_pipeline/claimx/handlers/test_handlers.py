"""Every handler against a real server: what it asks, and what it makes of the answers."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from claimx_pipeline.claimx.events import Event
from claimx_pipeline.claimx.handlers import core_handlers
from claimx_pipeline.domain.incomplete import IncompleteError
from claimx_pipeline.errors import Category
from tests.fakes.claimx_answers import TASK, VIDEO
from tests.fakes.hasty_clock import HastyClock

START = datetime(2026, 1, 10, 8, tzinfo=UTC)


def event(event_type, number=0, project_id="700100", **ids):
    time = START + timedelta(minutes=number)
    return Event(f"e{number}", event_type, project_id, time, **ids)


@pytest.fixture
def handle(reader, clock):
    """Gives events of one project and type family to their handler."""
    handlers = core_handlers(clock)

    async def handle(*events):
        kind = events[0].event_type
        handler = next(
            (one for one in handlers if kind in one.event_types),
            next((one for one in handlers if kind.startswith(one.event_prefixes or ("?",))), None),
        )
        return list(await handler.handle(events[0].project_id, events, reader))

    return handle


def counts(handled):
    return {kind: len(rows) for kind, rows in handled.entities.items() if rows}


def test_every_documented_type_has_one_handler():
    handlers = core_handlers(HastyClock())
    types = [kind for handler in handlers for kind in handler.event_types]
    assert sorted(types) == [
        "CUSTOM_TASK_ASSIGNED",
        "CUSTOM_TASK_COMPLETED",
        "POLICYHOLDER_INVITED",
        "POLICYHOLDER_JOINED",
        "PROJECT_AUTO_XA_LINKING_UNSUCCESSFUL",
        "PROJECT_CREATED",
        "PROJECT_FILE_ADDED",
        "PROJECT_MFN_ADDED",
        "VIDEO_COLLABORATION_COMPLETED",
        "VIDEO_COLLABORATION_INVITE_SENT",
    ]
    assert [handler.name for handler in handlers if handler.event_prefixes] == ["task"]
    assert len({handler.name for handler in handlers}) == len(handlers)


async def test_a_new_project_brings_itself_and_its_contacts(handle, service, clock):
    (handled,) = await handle(event("PROJECT_CREATED"))
    assert handled.error is None
    assert counts(handled) == {"projects": 1, "contacts": 3}
    row = handled.entities.projects[0]
    assert (row["project_id"], row["status"], row["event_id"]) == ("700100", "Active", "e0")
    assert row["last_enriched_at"] == row["created_at"] == clock.now()
    assert handled.api_calls == 1
    assert service.paths() == ["GET /export/project/700100"]


async def test_a_master_file_name_of_an_event_goes_before_that_of_the_api(handle):
    named, silent = await handle(
        event("PROJECT_MFN_ADDED", 1, master_file_name="MFN-NEW"), event("PROJECT_MFN_ADDED", 2)
    )
    row = named.entities.projects[0]
    assert (row["master_file_name"], row["master_file_name_at"]) == (
        "MFN-NEW",
        START + timedelta(minutes=1),
    )
    row = silent.entities.projects[0]
    assert row["master_file_name"] == "MFN-0001"
    assert row.get("master_file_name_at") is None


@pytest.mark.parametrize(
    ("project", "found"),
    [
        ({"masterFileName": "M-1", "mfn": "M-2"}, "M-1"),
        ({"masterFileName": None, "mfn": None, "masterFilename": "M-3"}, "M-3"),
        ({"masterFileName": "", "mfn": None, "masterFilename": None}, "M-5"),
    ],
)
async def test_a_master_file_name_is_the_projects_or_the_first_of_its_team(
    handle, claimx, project, found
):
    claimx.project = project
    claimx.team = [{"userName": "a@example.test"}, {"mfn": ""}, {"mfn": "M-5"}, {"mfn": "M-6"}]
    (handled,) = await handle(event("PROJECT_CREATED"))
    assert handled.entities.projects[0]["master_file_name"] == found


async def test_the_address_of_the_loss_is_the_projects_not_the_customers(handle, claimx):
    claimx.project = {"customerInformation": {"address": {"street1": "elsewhere"}}, "address": None}
    (handled,) = await handle(event("PROJECT_CREATED"))
    assert handled.entities.projects[0]["street1"] is None


@pytest.mark.parametrize(
    ("kind", "column"),
    [
        ("POLICYHOLDER_INVITED", "policyholder_invited_at"),
        ("POLICYHOLDER_JOINED", "policyholder_joined_at"),
    ],
)
async def test_a_policyholders_event_is_dated_by_the_event(handle, kind, column):
    (handled,) = await handle(event(kind, 5))
    assert handled.entities.projects[0][column] == START + timedelta(minutes=5)
    assert handled.entities.projects[0]["status"] == "Active"
    assert counts(handled) == {"projects": 1, "contacts": 3}


async def test_a_failed_autolink_asks_nobody(handle, service):
    (handled,) = await handle(event("PROJECT_AUTO_XA_LINKING_UNSUCCESSFUL", 3))
    row = handled.entities.projects[0]
    assert row["xa_autolink_fail"] is True
    assert row["xa_autolink_fail_at"] == START + timedelta(minutes=3)
    assert row["last_enriched_at"] is None
    assert "status" not in row
    assert counts(handled) == {"projects": 1}
    assert (service.asked, handled.api_calls) == ([], 0)


@pytest.mark.parametrize(
    "kind",
    ["PROJECT_CREATED", "PROJECT_MFN_ADDED", "POLICYHOLDER_INVITED", "POLICYHOLDER_JOINED"],
)
async def test_what_changes_a_project_asks_anew_once_for_all(handle, service, reader, clock, kind):
    await reader.project(700100)
    clock.move(1)
    results = await handle(event(kind, 1), event(kind, 2))
    assert len(service.asked) == 2
    assert [handled.api_calls for handled in results] == [1, 0]


@pytest.mark.incident("API-08")
async def test_ten_files_of_a_project_are_two_requests(handle, service):
    events = [event("PROJECT_FILE_ADDED", n, media_id=str(500001 + n)) for n in range(10)]
    results = await handle(*events)
    assert sorted(service.paths()) == [
        "GET /export/project/700100",
        "GET /export/project/700100/media",
    ]
    assert [handled.api_calls for handled in results] == [2] + [0] * 9
    for given, handled in zip(events, results, strict=True):
        assert counts(handled) == {"projects": 1, "contacts": 3, "media": 1}
        assert handled.entities.media[0]["media_id"] == given.media_id
        assert handled.entities.media[0]["event_id"] == given.event_id
    first, second = (handled.entities.projects[0] for handled in results[:2])
    assert first is not second


@pytest.mark.incident("API-08")
async def test_groups_at_once_share_the_project(handle, service):
    groups = [[event("PROJECT_FILE_ADDED", n, media_id=str(n))] for n in range(1, 4)] + [
        [event("CUSTOM_TASK_ASSIGNED", n, task_assignment_id=str(n))] for n in range(1, 4)
    ]
    results = await asyncio.gather(*(handle(*group) for group in groups))
    assert service.paths().count("GET /export/project/700100") == 1
    assert sum(handled.api_calls for (handled,) in results) == len(service.asked) == 7


async def test_many_files_are_asked_for_by_the_hundred(handle, service):
    results = await handle(
        *(event("PROJECT_FILE_ADDED", n, media_id=str(n)) for n in range(1, 251))
    )
    asked = [one for one in service.asked if one.path.endswith("/media")]
    sizes = sorted(len(one.query["mediaId"][0].split(",")) for one in asked)
    assert sizes == [50, 100, 100]
    assert all(handled.error is None for handled in results)


async def test_two_events_of_one_file_ask_for_it_once(handle, service):
    results = await handle(*(event("PROJECT_FILE_ADDED", n, media_id="1") for n in range(2)))
    (asked,) = [one for one in service.asked if one.path.endswith("/media")]
    assert asked.query["mediaId"] == ["1"]
    assert [counts(handled)["media"] for handled in results] == [1, 1]


async def test_a_file_that_the_api_does_not_name_fails_alone(handle, claimx):
    claimx.missing_media = {2}
    results = await handle(*(event("PROJECT_FILE_ADDED", n, media_id=str(n)) for n in (1, 2, 3)))
    assert [handled.error is None for handled in results] == [True, False, True]
    assert "media 2 is not among the files" in str(results[1].error)
    assert results[1].error.category is Category.PERMANENT


async def test_an_event_of_several_files_brings_each_of_them(handle, service):
    several = event("PROJECT_FILE_ADDED", 1, media_id="1", media_ids=("2", "3", "1"))
    results = await handle(several, event("PROJECT_FILE_ADDED", 2, media_id="3"))
    assert [handled.error for handled in results] == [None, None]
    files = [[row["media_id"] for row in handled.entities.media] for handled in results]
    assert files == [["1", "2", "3"], ["3"]]
    assert {row["event_id"] for row in results[0].entities.media} == {"e1"}
    assert counts(results[0]) == {"projects": 1, "contacts": 3, "media": 3}
    (asked,) = [one for one in service.asked if one.path.endswith("/media")]
    assert asked.query["mediaId"] == ["1,2,3"]
    (alone,) = await handle(event("PROJECT_FILE_ADDED", 3, media_ids=("7",)))
    assert [row["media_id"] for row in alone.entities.media] == ["7"]


async def test_files_that_the_api_does_not_name_do_not_cost_the_others_of_their_event(
    handle, claimx
):
    claimx.missing_media = {2, 4}
    given = event("PROJECT_FILE_ADDED", media_ids=("1", "2", "3", "4", "photo"))
    other = event("PROJECT_FILE_ADDED", 1, media_ids=("1", "3"))
    incomplete, complete = await handle(given, other)
    assert complete.error is None
    assert isinstance(incomplete.error, IncompleteError)
    assert incomplete.error.category is Category.TRANSIENT
    assert str(incomplete.error) == (
        "media 2, 4, photo is not among the files that the API names for project 700100; "
        "2 of 5 files were found"
    )
    known = incomplete.error.entities
    assert [row["media_id"] for row in known.media] == ["1", "3"]
    assert len(known.projects) == 1


async def test_what_is_missing_for_good_is_not_tried_again(handle, claimx):
    (odd,) = await handle(event("PROJECT_FILE_ADDED", media_ids=("1", "photo")))
    assert isinstance(odd.error, IncompleteError)
    assert odd.error.category is Category.PERMANENT
    claimx.missing_media = {1, 2}
    (none,) = await handle(event("PROJECT_FILE_ADDED", media_ids=("1", "2")))
    assert not isinstance(none.error, IncompleteError)
    assert none.error.category is Category.PERMANENT
    (unusable,) = await handle(event("PROJECT_FILE_ADDED", media_ids=("a", "b")))
    assert "'media_ids' is 'b'; the API takes numbers only" in str(unusable.error)


async def test_a_request_that_fails_costs_no_more_than_a_try(handle, claimx):
    claimx.status["/export/project/700100/media"] = 503
    (failed,) = await handle(event("PROJECT_FILE_ADDED", media_ids=("1", "2")))
    assert not isinstance(failed.error, IncompleteError)
    assert "answered 503" in str(failed.error)


@pytest.mark.incident("RET-08")
@pytest.mark.parametrize(
    ("kind", "name"),
    [("PROJECT_FILE_ADDED", "media_id"), ("CUSTOM_TASK_ASSIGNED", "task_assignment_id")],
)
@pytest.mark.parametrize(
    "bad", [None, "media_1", "-1", "1.5", "\u0661", "1_0", str(2**63), "9" * 99]
)
async def test_an_id_the_api_cannot_know_fails_alone_before_any_call(
    handle, service, kind, name, bad
):
    (handled,) = await handle(event(kind, **{name: bad}))
    assert handled.error.category is Category.PERMANENT
    assert name in str(handled.error)
    assert service.asked == []
    good, wrong = await handle(event(kind, 1, **{name: "1"}), event(kind, 2, **{name: bad}))
    assert good.error is None
    assert wrong.error.category is Category.PERMANENT


@pytest.mark.incident("RET-08")
@pytest.mark.parametrize(
    ("kind", "ids"),
    [
        ("PROJECT_CREATED", {}),
        ("PROJECT_FILE_ADDED", {"media_id": "1"}),
        ("CUSTOM_TASK_ASSIGNED", {"task_assignment_id": "1"}),
        ("POLICYHOLDER_JOINED", {}),
        ("PROJECT_AUTO_XA_LINKING_UNSUCCESSFUL", {}),
        ("VIDEO_COLLABORATION_COMPLETED", {}),
    ],
)
async def test_a_project_id_that_is_no_number_fails_before_any_call(handle, service, kind, ids):
    (handled,) = await handle(event(kind, project_id="proj_1", **ids))
    assert handled.error.category is Category.PERMANENT
    assert "'project_id' is 'proj_1'" in str(handled.error)
    assert service.asked == []


@pytest.mark.parametrize("kind", ["CUSTOM_TASK_ASSIGNED", "CUSTOM_TASK_COMPLETED"])
async def test_a_task_brings_all_that_belongs_to_it(handle, service, kind):
    (handled,) = await handle(event(kind, 4, task_assignment_id="300001"))
    assert counts(handled) == {
        "projects": 1,
        "contacts": 4,
        "task_templates": 1,
        "tasks": 1,
        "external_links": 1,
    }
    assert handled.entities.tasks[0]["assignment_id"] == 300001
    assert handled.entities.contacts[-1]["task_assignment_id"] == 300001
    assert handled.entities.contacts[-1]["task_assigned_at"] == START + timedelta(minutes=4)
    assert handled.api_calls == 2
    (asked,) = [one for one in service.asked if "customTasks" in one.path]
    assert asked.query == {"full": ["true"]}


async def test_two_events_of_one_assignment_ask_for_it_once(handle, service):
    results = await handle(
        event("CUSTOM_TASK_ASSIGNED", 1, task_assignment_id="1"),
        event("CUSTOM_TASK_ASSIGNED", 2, task_assignment_id="2"),
        event("CUSTOM_TASK_COMPLETED", 3, task_assignment_id="1"),
    )
    assert [handled.entities.tasks[0]["event_id"] for handled in results] == ["e1", "e2", "e3"]
    assert [handled.entities.tasks[0]["assignment_id"] for handled in results] == [1, 2, 1]
    assert sum(handled.api_calls for handled in results) == len(service.asked) == 3
    assert results[2].api_calls == 0


async def test_a_task_belongs_to_the_project_it_names(handle, service, claimx):
    claimx.task = TASK | {"projectId": 700200}
    (handled,) = await handle(event("CUSTOM_TASK_ASSIGNED", task_assignment_id="1"))
    assert handled.entities.tasks[0]["project_id"] == "700200"
    assert handled.entities.projects[0]["project_id"] == "700200"
    assert handled.api_calls == 3


async def test_a_task_that_names_no_project_belongs_to_the_events(handle, claimx):
    claimx.task = TASK | {"projectId": None}
    (handled,) = await handle(event("CUSTOM_TASK_ASSIGNED", task_assignment_id="1"))
    assert handled.entities.tasks[0]["project_id"] == "700100"
    assert handled.entities.external_links[0]["project_id"] == "700100"


@pytest.mark.incident("LAT-01")
async def test_one_task_failing_leaves_the_others_alone(handle, claimx):
    claimx.status["/customTasks/assignment/2"] = 404
    results = await handle(
        *(event("CUSTOM_TASK_ASSIGNED", n, task_assignment_id=str(n)) for n in (1, 2, 3))
    )
    assert [handled.error is None for handled in results] == [True, False, True]
    assert results[1].error.category is Category.PERMANENT


@pytest.mark.parametrize(
    "kind", ["VIDEO_COLLABORATION_INVITE_SENT", "VIDEO_COLLABORATION_COMPLETED"]
)
async def test_a_video_call_brings_itself_and_the_project(handle, service, kind):
    (handled,) = await handle(event(kind, video_collaboration_id="900001"))
    assert counts(handled) == {"projects": 1, "contacts": 3, "video_collab": 1}
    assert handled.entities.video_collab[0]["video_collaboration_id"] == 900001
    assert sorted(service.paths()) == ["GET /export/project/700100", "POST /data"]
    assert handled.api_calls == 2


async def test_events_of_several_calls_share_one_report(handle, service, claimx):
    claimx.videos = [VIDEO | {"videoCollaborationId": n} for n in (1, 2)]
    results = await handle(
        *(event("VIDEO_COLLABORATION_COMPLETED", n, video_collaboration_id=str(n)) for n in (2, 1))
    )
    ids = [handled.entities.video_collab[0]["video_collaboration_id"] for handled in results]
    assert ids == [2, 1]
    assert service.paths().count("POST /data") == 1


async def test_no_report_is_a_success_without_a_video_row(handle, claimx):
    claimx.videos = []
    (handled,) = await handle(event("VIDEO_COLLABORATION_INVITE_SENT"))
    assert handled.error is None
    assert counts(handled) == {"projects": 1, "contacts": 3}


@pytest.mark.parametrize(
    ("kind", "ids"),
    [
        ("PROJECT_CREATED", {}),
        ("PROJECT_MFN_ADDED", {}),
        ("PROJECT_FILE_ADDED", {"media_id": "1"}),
        ("CUSTOM_TASK_COMPLETED", {"task_assignment_id": "1"}),
        ("POLICYHOLDER_INVITED", {}),
        ("VIDEO_COLLABORATION_COMPLETED", {}),
    ],
)
@pytest.mark.parametrize(
    ("status", "category"),
    [
        (401, Category.AUTH),
        (403, Category.PERMANENT),
        (404, Category.PERMANENT),
        (429, Category.THROTTLED),
        (500, Category.TRANSIENT),
        (204, Category.TRANSIENT),
    ],
)
async def test_a_failure_of_the_api_keeps_its_category(handle, claimx, kind, ids, status, category):
    claimx.status["/"] = status
    results = await handle(event(kind, 1, **ids), event(kind, 2, **ids))
    assert [handled.error.category for handled in results] == [category] * 2
    assert results[0].api_calls >= 1


@pytest.mark.parametrize("path", ["/export/project/700100/media", "/customTasks", "/data"])
async def test_a_failure_of_one_of_two_questions_fails_the_event(handle, claimx, path):
    claimx.status[path] = 500
    kinds = {
        "/export/project/700100/media": event("PROJECT_FILE_ADDED", media_id="1"),
        "/customTasks": event("CUSTOM_TASK_ASSIGNED", task_assignment_id="1"),
        "/data": event("VIDEO_COLLABORATION_COMPLETED"),
    }
    (handled,) = await handle(kinds[path])
    assert handled.error.category is Category.TRANSIENT
    assert path in str(handled.error)


async def test_an_unknown_task_event_goes_to_the_task_handler(handle):
    (handled,) = await handle(event("CUSTOM_TASK_REOPENED", task_assignment_id="1"))
    assert counts(handled)["tasks"] == 1
