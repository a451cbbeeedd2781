from datetime import UTC, datetime, timedelta

import httpx
import pytest

from claimx_pipeline.simulator.routes import SimulatedRoute
from claimx_pipeline.simulator.server import SimulatorServer
from claimx_pipeline.simulator.world import World

CABINET = 32513


def first_of(sim, kind):
    return next(event for event in sim.world.events(400) if event.type == kind)


async def data_of(api, path, **kwargs):
    answer = await api.get(path, **kwargs)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    return answer.json()


async def test_a_project_has_the_keys_of_the_real_answer(sim, api, samples):
    event = first_of(sim, "PROJECT_CREATED")
    body = await data_of(api, f"/export/project/{event.project_id}")
    real = samples["project"]["data"]
    assert body.keys() == {"data"}
    assert body["data"].keys() == real.keys()
    project, real_project = body["data"]["project"], real["project"]
    assert project.keys() == real_project.keys()
    assert project["address"].keys() == real_project["address"].keys()
    customer, real_customer = project["customerInformation"], real_project["customerInformation"]
    assert customer.keys() == real_customer.keys()
    assert customer["phones"][0].keys() == real_customer["phones"][0].keys()
    assert body["data"]["teamMembers"][0].keys() == real["teamMembers"][0].keys()
    assert project["projectId"] == event.project_id


async def test_a_project_follows_the_clock():
    world = World(1)
    added = next(e for e in world.events(100) if e.type == "PROJECT_MFN_ADDED")
    joined = next(e for e in world.events(100) if e.type == "POLICYHOLDER_JOINED")
    changes = sorted([(added, "mfn"), (joined, "status")], key=lambda change: change[0].at)
    headers = {"Authorization": "Bearer demo-token"}
    async with (
        SimulatorServer(world) as early,
        httpx.AsyncClient(base_url=early.api_url, headers=headers) as api,
    ):
        assert (await api.get(f"/export/project/{joined.project_id}")).status_code == 404
        for event, name in changes:
            path = f"/export/project/{event.project_id}"
            world.set_clock(event.at - timedelta(milliseconds=1))
            before = (await data_of(api, path))["data"]["project"][name]
            world.set_clock(event.at)
            after = (await data_of(api, path))["data"]["project"][name]
            assert before != after


async def test_media_have_the_keys_of_the_real_answer(sim, api, samples):
    event = first_of(sim, "PROJECT_FILE_ADDED")
    body = await data_of(api, f"/export/project/{event.project_id}/media")
    real = samples["media_of_form"].keys()
    assert real == samples["media"]["data"][0].keys()
    assert all(item.keys() == real for item in body["data"])
    assert event.media_id in {item["mediaID"] for item in body["data"]}


async def test_media_are_narrowed_to_the_ids_asked_for(sim, api):
    files = [e for e in sim.world.events(20) if e.type == "PROJECT_FILE_ADDED"][:2]
    ids = ",".join(str(event.media_id) for event in files)
    path = f"/export/project/{files[0].project_id}/media"
    body = await data_of(api, path, params={"mediaId": ids})
    assert [item["mediaID"] for item in body["data"]] == [event.media_id for event in files]
    assert (await data_of(api, path, params={"mediaId": "1"}))["data"] == []


async def test_a_parameter_of_another_name_is_ignored(sim, api):
    event = first_of(sim, "PROJECT_FILE_ADDED")
    path = f"/export/project/{event.project_id}/media"
    every = (await data_of(api, path))["data"]
    assert len(every) > 1
    for name in ("mediaIds", "MediaIds", "media_id"):
        found = (await data_of(api, path, params={name: str(event.media_id)}))["data"]
        assert [item["mediaID"] for item in found] == [item["mediaID"] for item in every]


async def test_every_event_of_the_history_is_answered(sim, api):
    for event in sim.world.events(200):
        await data_of(api, f"/export/project/{event.project_id}")
        if event.media_id:
            path = f"/export/project/{event.project_id}/media"
            found = await data_of(api, path, params={"mediaId": str(event.media_id)})
            assert [item["mediaID"] for item in found["data"]] == [event.media_id]
        if event.assignment_id:
            task = await data_of(api, f"/customTasks/assignment/{event.assignment_id}?full=true")
            assert task["assignmentId"] == event.assignment_id
            assert task["projectId"] == event.project_id


async def test_a_completed_cabinet_form_has_the_keys_of_the_real_answer(sim, api, samples):
    assignment_id, response_id = min(sim.world.expected_submissions(400))
    task = await data_of(api, f"/customTasks/assignment/{assignment_id}?full=true")
    real = samples["assigned_cabinet_task"]
    assert task.keys() == real.keys()
    assert task["customTask"] == real["customTask"]
    assert task["externalLinkData"].keys() == real["externalLinkData"].keys()
    assert (task["status"], task["taskId"]) == ("COMPLETED", CABINET)
    assert task["formResponseId"] == response_id
    assert len(response_id) == 24
    assert int(response_id, 16)
    assert len(task["response"]["groups"]) == 23
    assert isinstance(task["assignor"], str)


async def test_photos_of_a_form_are_served_as_media_of_its_project(sim, api):
    for assignment_id, _ in sorted(sim.world.expected_submissions(400)):
        task = await data_of(api, f"/customTasks/assignment/{assignment_id}?full=true")
        photos = [
            media_id
            for group in task["response"]["groups"]
            for item in group["questionAndAnswers"]
            for media_id in item["responseAnswerExport"].get("claimMediaIds", [])
        ]
        ids = [*photos, task["pdfProjectMediaId"]]
        path = f"/export/project/{task['projectId']}/media"
        found = await data_of(api, path, params={"mediaId": ",".join(map(str, ids))})
        assert sorted(item["mediaID"] for item in found["data"]) == sorted(ids)
        assert {item["taskAssignmentId"] for item in found["data"]} == {assignment_id}


async def test_an_open_task_has_no_response(sim, api, samples):
    completed = {e.assignment_id for e in sim.world.events(400) if "COMPLETED" in e.type}
    for event in sim.world.events(400):
        if event.type != "CUSTOM_TASK_ASSIGNED" or event.assignment_id in completed:
            continue
        task = await data_of(api, f"/customTasks/assignment/{event.assignment_id}?full=true")
        assert task.keys() == samples["assigned_cabinet_task"].keys() >= samples["task"].keys()
        open_keys = ("response", "formResponseId", "dateCompleted", "pdfProjectMediaId")
        assert [task[key] for key in open_keys] == [None] * 4
        assert task["status"] == "ASSIGNED"


async def test_the_form_is_left_out_unless_asked_for(sim, api):
    assignment_id, _ = min(sim.world.expected_submissions(400))
    task = await data_of(api, f"/customTasks/assignment/{assignment_id}")
    assert task["response"] is None


async def test_templates_have_all_keys_that_rows_are_made_of(sim, api, samples):
    templates = {}
    for (assignment_id,) in sim.world.expected(400)["tasks"]:
        task = await data_of(api, f"/customTasks/assignment/{assignment_id}?full=true")
        assert task["customTask"].keys() >= samples["task"]["customTask"].keys()
        templates[task["customTask"]["taskId"]] = task["customTask"]["name"]
    assert len(templates) == len(set(templates.values())) == 4


async def test_the_video_report_has_the_keys_of_the_real_answer(sim, api, samples):
    event = first_of(sim, "VIDEO_COLLABORATION_COMPLETED")
    body = {
        "reportType": "VIDEO_COLLABORATION",
        "projectId": event.project_id,
        "senderUsername": "somebody",
    }
    report = (await api.post("/data", json=body)).json()
    assert report["data"][0].keys() == samples["video"]["data"][0].keys()
    assert {item["claimId"] for item in report["data"]} == {event.project_id}
    later = {**body, "startDate": datetime(2030, 1, 1, tzinfo=UTC).isoformat()}
    assert (await api.post("/data", json=later)).json() == {"data": []}


async def test_a_video_that_has_not_taken_place_counts_nothing(sim, api):
    sent = [e for e in sim.world.events(400) if e.type == "VIDEO_COLLABORATION_INVITE_SENT"]
    held = {
        e.project_id for e in sim.world.events(400) if e.type.endswith("COLLABORATION_COMPLETED")
    }
    event = next(event for event in sent if event.project_id not in held)
    body = {"reportType": "VIDEO_COLLABORATION", "projectId": event.project_id}
    (video,) = (await api.post("/data", json=body)).json()["data"]
    assert (video["sessionCount"], video["liveCallFirstSession"]) == (0, None)


async def test_a_claim_number_finds_its_project(sim, api):
    event = first_of(sim, "PROJECT_CREATED")
    number = sim.world.project(event.project_id).number
    body = await data_of(api, "/export/project/projectId", params={"projectNumber": number})
    assert body == {"projectId": event.project_id}
    missing = await api.get("/export/project/projectId", params={"projectNumber": "CLM-9999999"})
    assert missing.status_code == 404


async def test_endpoints_that_nobody_reads_answer_empty_lists(sim, api):
    event = first_of(sim, "PROJECT_CREATED")
    for name in ("contacts", "conversations"):
        assert await data_of(api, f"/export/project/{event.project_id}/{name}") == {"data": []}
    body = {"reportType": "CUSTOM_TASK_HIGH_LEVEL", "projectId": event.project_id}
    assert (await api.post("/data", json=body)).json() == {"success": True, "data": []}


async def test_an_action_is_taken_and_recorded(sim, api):
    event = first_of(sim, "PROJECT_CREATED")
    kind = "CUSTOM_TASK_ASSIGN_EXTERNAL_LINK"
    body = {"projectId": event.project_id, "type": kind, "data": {"customTaskId": CABINET}}
    assert (await api.post("/import/project/actions", json=body)).json() == {}
    (recorded,) = sim.requests.find("/service/cxedirest/import")
    assert recorded.json() == body


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/export/project/1", 404),
        ("/export/project/999999999999", 404),
        ("/export/project/proj_a", 400),
        ("/export/project/1/media", 404),
        ("/export/project/700100/media?mediaId=a", 400),
        ("/customTasks/assignment/1?full=true", 404),
        ("/customTasks/assignment/x", 400),
        ("/nothing/here", 404),
    ],
)
async def test_what_is_not_there_or_not_an_id_is_refused(api, path, status):
    assert (await api.get(path)).status_code == status


@pytest.mark.parametrize(
    "body",
    [b"{", b"[]", b'{"projectId": 700100}', b'{"reportType": "VIDEO_COLLABORATION"}'],
)
async def test_a_report_that_is_not_asked_for_properly_is_refused(api, body):
    assert (await api.post("/data", content=body)).status_code == 400


@pytest.mark.parametrize(
    ("credential", "status"),
    [
        (None, 401),
        ("Basic wrong", 401),
        ("demo-token", 401),
        ("Digest demo-token", 401),
        ("Basic demo-token", 200),
        ("Bearer demo-token", 200),
    ],
)
async def test_the_api_asks_for_its_credential(sim, outside, credential, status):
    event = first_of(sim, "PROJECT_CREATED")
    headers = {"Authorization": credential} if credential else {}
    path = f"{sim.api_url}/export/project/{event.project_id}"
    assert (await outside.get(path, headers=headers)).status_code == status


async def test_a_route_of_a_test_answers_beside_and_instead_of_the_apis_own(sim, api, outside):
    notes = {"7": {"text": "hello"}}

    def answer(asked):
        return notes.get(asked["note_id"]) and {**notes[asked["note_id"]], **asked}

    sim.simulation.routes.append(SimulatedRoute("/notes/{note_id}", answer))
    sim.simulation.routes.append(
        SimulatedRoute("/export/project/{id}", lambda asked: {"is": asked})
    )
    found = await data_of(api, "/notes/7", params={"full": "true"})
    assert found == {"text": "hello", "note_id": "7", "full": "true"}
    assert await data_of(api, "/export/project/1") == {"is": {"id": "1"}}
    assert (await api.get("/notes/8")).status_code == 404
    assert (await api.post("/notes/7")).status_code == 404
    assert (await outside.get(f"{sim.api_url}/notes/7")).status_code == 401
    await data_of(api, f"/export/project/{first_of(sim, 'PROJECT_CREATED').project_id}/media")
