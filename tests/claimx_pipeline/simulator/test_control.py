import json

import pytest

from claimx_pipeline.simulator.world import World


async def test_the_clock_is_shown_and_moved(sim, outside):
    shown = (await outside.get("/_control/clock")).json()["now"]
    moved = await outside.post("/_control/clock", json={"events": 500})
    assert moved.status_code == 200
    assert moved.json()["now"] > shown
    assert sim.world.now == sim.world.end(500)
    later = await outside.post("/_control/clock", json={"at": "2027-01-01T00:00:00Z"})
    assert later.status_code == 200
    assert sim.world.now.year == 2027


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"events": 1}, 409),
        ({"at": "2020-01-01T00:00:00Z"}, 409),
        ({"at": "2028-01-01T00:00:00"}, 409),
        ({"at": "soon"}, 400),
        ({"events": -1}, 400),
        ({"events": 10**12}, 400),
        ({}, 400),
    ],
)
async def test_the_clock_refuses_what_is_no_later_time(sim, outside, body, status):
    before = sim.world.now
    answer = await outside.post("/_control/clock", json=body)
    assert answer.status_code == status
    assert answer.json()["message"]
    assert sim.world.now == before


async def test_faults_are_set_listed_and_lifted(sim, outside):
    faults = "/_control/faults"
    set_ = await outside.post(faults, json={"kind": "error", "status": 500, "path": "/webhooks"})
    number = set_.json()["number"]
    assert (await outside.post("/webhooks/a")).status_code == 500
    listed = (await outside.get(faults)).json()
    assert listed[str(number)]["kind"] == "error"
    assert (await outside.delete(f"{faults}/{number}")).status_code == 200
    assert (await outside.delete(f"{faults}/{number}")).status_code == 404
    await outside.post(faults, json={"kind": "error"})
    await outside.delete(faults)
    assert (await outside.post("/webhooks/a")).status_code == 200


@pytest.mark.parametrize("fault", [{"kind": "flood"}, {"knd": "error"}, {}])
async def test_a_fault_that_is_none_is_refused(outside, fault):
    assert (await outside.post("/_control/faults", json=fault)).status_code == 400


async def test_recorded_requests_are_shown_and_forgotten(sim, outside):
    await outside.post("/webhooks/a", json={"n": 1}, headers={"Authorization": "Bearer secret"})
    await outside.post("/webhooks/b", json={"n": 2}, headers={"Idempotency-Key": "k"})
    await outside.get("/nowhere")
    requests = "/_control/requests"
    (first,) = (await outside.get(requests, params={"path": "/webhooks/a"})).json()
    assert json.loads(first["body"]) == {"n": 1}
    assert first["authorization"] == "Bearer ***"
    (missing,) = (await outside.get(requests, params={"status": 404})).json()
    assert missing["path"] == "/nowhere"
    latest = (await outside.get(requests, params={"method": "POST", "limit": 1})).json()
    assert [request["idempotency_key"] for request in latest] == ["k"]
    assert sim.requests.total == 3
    await outside.delete(requests)
    assert (await outside.get(requests)).json() == []


async def test_credentials_are_changed_while_it_runs(sim, api, outside):
    path = f"/export/project/{sim.world.events(1)[0].project_id}"
    assert (await api.get(path)).status_code == 200
    changed = await outside.post("/_control/credentials", json={"api_token": "next"})
    assert changed.status_code == 200
    assert (await api.get(path)).status_code == 401
    headers = {"Authorization": "Bearer next"}
    assert (await api.get(path, headers=headers)).status_code == 200
    assert sim.simulation.itel_token == "demo-itel-token"


@pytest.mark.parametrize("body", [{"token": "x"}, {"api_token": 1}])
async def test_credentials_that_are_none_are_refused(outside, body):
    assert (await outside.post("/_control/credentials", json=body)).status_code == 400


async def test_counts_and_submissions_are_shown(sim, outside):
    headers = {"Authorization": "Bearer demo-itel-token", "Idempotency-Key": "k"}
    for _ in range(2):
        await outside.post("/itel/api/v1/tasks", json={"assignmentId": 1}, headers=headers)
    counts = (await outside.get("/_control/counts")).json()
    assert (counts["submissions"], counts["repeated_submissions"]) == (1, 1)
    assert counts["statuses"] == {"200": 2}
    (shown,) = (await outside.get("/_control/submissions")).json()
    assert shown["body"] == {"assignmentId": 1}
    await outside.delete("/_control/submissions")
    assert len(sim.submissions) == 0


async def test_events_and_what_should_come_of_them_are_shown(outside):
    world = World(seed=7)
    events = (await outside.get("/_control/events", params={"count": 20})).json()
    assert [event["value"] for event in events] == [event.value for event in world.events(20)]
    expected = (await outside.get("/_control/expected", params={"count": 20})).json()
    assert {tuple(key) for key in expected["tables"]["media"]} == world.expected(20)["media"]
    assert {tuple(pair) for pair in expected["submissions"]} == world.expected_submissions(20)
