import pytest

TASKS = "/itel/api/v1/tasks"
BEARER = {"Authorization": "Bearer demo-itel-token"}


async def submit(outside, body, key=None, headers=BEARER):
    keyed = {**headers, "Idempotency-Key": key} if key else headers
    return await outside.post(TASKS, json=body, headers=keyed)


async def test_a_submission_is_accepted_and_kept(sim, outside):
    body = {"assignmentId": 7000000, "formResponseId": "ab"}
    answer = await submit(outside, body, "k1")
    assert answer.status_code == 200
    assert answer.json().keys() == {"success", "itel_task_id", "message"}
    (taken,) = sim.submissions.accepted
    assert (taken.body, taken.idempotency_key) == (body, "k1")
    assert taken.itel_task_id == answer.json()["itel_task_id"]
    assert sim.submissions.pairs() == [(7000000, "ab")]


async def test_the_same_key_gets_its_first_answer_and_counts_once(sim, outside):
    first = await submit(outside, {"assignmentId": 1}, "k1")
    again = await submit(outside, {"assignmentId": 2}, "k1")
    other = await submit(outside, {"assignmentId": 1}, "k2")
    assert again.content == first.content != other.content
    assert len(sim.submissions) == 2
    assert sim.submissions.repeats == 1


async def test_without_a_key_each_counts(sim, outside):
    for _ in range(2):
        await submit(outside, {"assignmentId": 1})
    assert len(sim.submissions) == 2


@pytest.mark.parametrize("credential", [None, "Bearer demo-token", "Basic demo-itel-token"])
async def test_itel_asks_for_its_own_bearer_token(sim, outside, credential):
    headers = {"Authorization": credential} if credential else {}
    assert (await submit(outside, {}, headers=headers)).status_code == 401
    assert len(sim.submissions) == 0


async def test_what_is_no_object_is_refused(outside):
    assert (await submit(outside, [1])).status_code == 400


async def test_itel_takes_no_get(outside):
    assert (await outside.get(TASKS, headers=BEARER)).status_code == 405


async def test_webhooks_are_taken_and_recorded(sim, outside):
    answer = await outside.post("/webhooks/claims/new", json={"a": 1})
    assert answer.status_code == 200
    (recorded,) = sim.requests.find("/webhooks/")
    assert (recorded.path, recorded.json()) == ("/webhooks/claims/new", {"a": 1})
