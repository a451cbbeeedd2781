"""The simulated vendor: its token service, its gateway, its checks and its habits."""

import httpx
import pytest

from claimx_pipeline.simulator.vendor_api import SCOPE
from tests.fakes.itel_payloads import payload

PATH = "/vendor/cabinet-repair-orv"
ASKING = {
    "grant_type": "client_credentials",
    "client_id": "me",
    "client_secret": "demo-client-secret",
    "scope": SCOPE,
}


@pytest.fixture
async def headers(outside):
    token = (await outside.post("/vendor/token", data=ASKING)).json()["access_token"]
    return {
        "Authorization": f"Bearer {token}",
        "Ocp-Apim-Subscription-Key": "demo-subscription",
    }


async def test_a_repeat_exists_already(sim, outside, headers):
    first = await outside.post(PATH, json=payload("vendor-2026"), headers=headers)
    again = await outside.post(PATH, json=payload("vendor-2026"), headers=headers)
    assert (first.status_code, again.status_code) == (201, 400)
    assert "already exists" in again.json()["message"]
    assert (len(sim.vendor.submissions), sim.vendor.submissions.repeats) == (1, 1)


async def test_an_answer_that_is_cut_off_was_a_201(sim, outside, headers):
    changed = await outside.post("/_control/vendor", json={"disconnect_every": 1})
    assert changed.status_code == 200
    with pytest.raises(httpx.RemoteProtocolError):
        await outside.post(PATH, json=payload("vendor-2026"), headers=headers)
    (asked,) = sim.requests.find(PATH)
    assert (asked.status, asked.whole) == (201, False)
    shown = (await outside.get("/_control/vendor")).json()
    assert len(shown["submissions"]) == shown["cut"] == 1


@pytest.mark.parametrize("wrong", [{"scope": "other"}, {"client_secret": "x"}, {"grant_type": "x"}])
async def test_a_token_is_for_who_knows_secret_and_scope(outside, wrong):
    assert (await outside.post("/vendor/token", data=ASKING | wrong)).status_code == 401


@pytest.mark.parametrize("name", ["Authorization", "Ocp-Apim-Subscription-Key"])
async def test_the_gateway_wants_both_headers(outside, headers, name):
    answer = await outside.post(
        PATH, json=payload("vendor-2026"), headers={**headers, name: "other"}
    )
    assert answer.status_code == 401


SPECS, LENGTHS = "cabinet_repair_specs", "opinion_replacement_value_specs"


@pytest.mark.parametrize(
    ("part", "name", "value"),
    [
        (LENGTHS, "counter_top_linear_ft", 22.0),
        (LENGTHS, "counter_top_linear_ft", 7.5),
        (LENGTHS, "counter_top_linear_ft", -1),
        (LENGTHS, "counter_top_linear_ft", None),
        (SPECS, "lower_cabinets_damaged_count", "4"),
        (SPECS, "lower_cabinets_damaged_count", True),
        (SPECS, "lower_cabinets_damaged", None),
        (SPECS, "lower_cabinets_damaged", "Not Available"),
        (SPECS, "damage_description", "too few words"),
        (SPECS, "island_frames_doors_drawers_available", "No"),
        ("adjuster", "phone", "+1 555"),
        ("adjuster", "carrier_id", ""),
    ],
)
async def test_what_the_vendor_does_not_take(sim, outside, headers, part, name, value):
    body = payload("vendor-2026")
    body[part][name] = value
    answer = await outside.post(PATH, json=body, headers=headers)
    assert answer.status_code == 422
    assert any(name in mistake for mistake in answer.json()["errors"])
    assert len(sim.vendor.submissions) == 0


async def test_the_older_payload_is_refused(outside, headers):
    answer = await outside.post(PATH, json=payload("vendor"), headers=headers)
    assert {"subscription_id is not a field", "carrier_id is not a field"} <= set(
        answer.json()["errors"]
    )


@pytest.mark.parametrize("every", [-1, True, "3", None])
async def test_a_habit_is_a_number(outside, every):
    answer = await outside.post("/_control/vendor", json={"disconnect_every": every})
    assert answer.status_code == 400
