"""Payload ``vendor-2026``: every rule of it, on the form as production words it."""

from __future__ import annotations

import json
import math
import re
from importlib import resources
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from claimx_pipeline.errors import Category, RecordError
from claimx_pipeline.runtime.outcome import Dead, Done, Retry
from claimx_pipeline.settings.secret import Secret
from claimx_pipeline.settings.tree.connections import ConnectionSettings, OAuth2Settings
from claimx_pipeline.simulator.faults import Fault
from claimx_pipeline.simulator.vendor_api import SCOPE, mistakes_of
from itel_cabinet_plugin.form import ParsedForm, parse_form
from itel_cabinet_plugin.project_export import exported
from itel_cabinet_plugin.settings import SECTION, ItelSettings, VendorSettings
from itel_cabinet_plugin.submission.schema import (
    V1_SCHEMA,
    VENDOR_2026_SCHEMA,
    VENDOR_SCHEMA,
    SubmissionSchema,
)
from itel_cabinet_plugin.submission.vendor_2026 import (
    check_fit,
    digits,
    feet,
    padded,
    vendor_2026_submission_of,
)
from itel_cabinet_plugin.submission.worker import build
from tests.fakes.itel_payloads import CARRIER, SUBSCRIPTION, payload
from tests.fakes.itel_production import PROJECT, SUBMIT_WHEN, production
from tests.fakes.itel_samples import completed, old_wording, question
from tests.itel_cabinet_plugin.form.test_parse_properties import tasks

SCHEMAS = {"v1": V1_SCHEMA, "vendor": VENDOR_SCHEMA, "vendor-2026": VENDOR_2026_SCHEMA}
SCHEMA = SubmissionSchema(VENDOR_2026_SCHEMA)


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_form_of_production_makes_the_example_that_ships(name):
    shipped = resources.files("itel_cabinet_plugin").joinpath(f"examples/{name}.json")
    made = payload(name)
    assert made == json.loads(shipped.read_text(encoding="utf-8"))
    SubmissionSchema(SCHEMAS[name]).check(made)


def test_the_simulated_vendor_takes_the_example():
    assert list(mistakes_of(payload("vendor-2026"))) == []


@pytest.mark.parametrize("task", [completed, old_wording])
def test_other_forms_are_valid_too(task):
    made = payload("vendor-2026", task(), fractions="round_up")
    SCHEMA.check(made)
    assert list(mistakes_of(made)) == []


def test_of_a_form_without_answers_nothing_is_null():
    task = production()
    task["response"] = task["externalLinkData"] = task["dateAssigned"] = task["assignor"] = None
    made = payload("vendor-2026", task)
    SCHEMA.check(made)
    specs = made["cabinet_repair_specs"]
    assert specs["damage_description"] == " ".join(["n/a"] * 10)
    assert {type(value) for name, value in specs.items() if name.endswith("_count")} == {int}
    assert {value for name, value in specs.items() if name.endswith("_available")} == {"no"}
    assert made["loss_date"] == made["adjuster"]["email"] == made["loss_type"] == ""
    assert set(made["opinion_replacement_value_specs"].values()) == {0}


def test_the_ids_of_carrier_and_subscription():
    made = payload("vendor-2026")
    assert made["adjuster"]["carrier_id"] == CARRIER
    assert json.dumps(made).count(CARRIER) == 1
    assert SUBSCRIPTION not in json.dumps(made)


def test_the_address_is_that_of_the_loss():
    project = exported({**PROJECT, "customerInformation": {"address": {"city": "Elsewhere"}}})
    assert (project.city, project.insured_name) == ("Sampleton", "")


@pytest.mark.parametrize("odd", [None, [], "text", 7, {"city": ["x"], "zipPostcode": 75001}])
def test_an_odd_project_leaves_texts_empty(odd):
    project = exported({"address": odd, "customerInformation": odd, "projectNumber": odd})
    assert project.city == ""
    assert project.zip_code in ("", "75001")


@pytest.mark.parametrize(
    ("given_", "said"),
    [
        ("+1 (555) 010-0199", "5550100199"),
        ("1-555-010-0199", "5550100199"),
        ("555.010.0199", "5550100199"),
        ("+44 20 7946 0000", "442079460000"),
        ("23456789012", "23456789012"),
        ("\u0665\u0665\u0665", ""),
        ("none", ""),
        (None, ""),
    ],
)
def test_a_telephone_number_is_digits(given_, said):
    assert digits(given_) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, " ".join(["n/a"] * 10)),
        ("Sink leaked", "Sink leaked" + " n/a" * 8),
        ("one two three four five six seven eight nine ten", None),
        ("  one two\nthree four five six seven eight nine ten eleven ", None),
    ],
)
def test_a_description_has_ten_words(text, said):
    assert padded(text) == (said or (text or "").strip())
    assert len(padded(text).split()) >= 10


@pytest.mark.parametrize(
    ("length", "how", "said"),
    [
        (None, "refuse", 0),
        (7.0, "refuse", 7),
        (7.5, "refuse", 7.5),
        (7.5, "round", 8),
        (8.5, "round", 9),
        (7.4, "round", 7),
        (7.1, "round_up", 8),
        (-0.4, "round", -0.4),
        (-3.0, "round_up", -3.0),
        (1e30, "round", 1e30),
    ],
)
def test_a_length_is_whole_feet_or_stays_what_it_is(length, how, said):
    assert feet(length, how) == said
    assert isinstance(feet(length, how), int) is (isinstance(said, int))


@pytest.mark.parametrize("name", SCHEMAS)
@pytest.mark.parametrize("value", [-3, 10**30, -(10**30), 2**31])
@pytest.mark.parametrize(
    "asked", ["Lower Cabinets (linear feet)", "Enter Number of Damaged Lower Boxes"]
)
def test_what_is_out_of_range_is_refused_with_its_path_by_every_payload(name, value, asked):
    task = production()
    question(task, asked)["responseAnswerExport"]["numberAnswer"]["value"] = value
    parsed = parse_form(task)
    if parsed.unfit:
        # Too large for its column; null goes out as null, or is refused where null means 0.
        assert parsed.unfit == {"num_damaged_lower_boxes"}
        with pytest.raises(RecordError, match="num_damaged_lower_boxes: answered"):
            check_fit(parsed)
        return
    with pytest.raises(RecordError, match=r"\$\.[\w.]+: the value is (less|greater) than"):
        SubmissionSchema(SCHEMAS[name]).check(payload(name, task))


@pytest.mark.parametrize("value", [float("nan"), "seven", [7], {"feet": 7}, True, math.inf])
def test_what_is_not_a_number_is_not_sent_as_0(value):
    task = production()
    asked = question(task, "Countertops (linear feet)")["responseAnswerExport"]
    asked["numberAnswer"]["value"] = value
    with pytest.raises(RecordError, match="countertops_lf: answered, but not with") as caught:
        check_fit(parse_form(task))
    assert caught.value.category is Category.PERMANENT


@pytest.mark.parametrize(
    ("asked", "column"),
    [
        ("Lower Cabinets Damaged?", "lower_cabinets_damaged"),
        ("Select Lower Cabinet Counter Type", "lower_counter_type"),
        ("Enter Damaged Description", "damage_description"),
    ],
)
def test_an_answer_that_is_not_a_yes_or_no_or_text_is_not_sent_as_one(asked, column):
    task = production()
    question(task, asked)["responseAnswerExport"] = {"type": "option", "optionAnswer": {"name": 7}}
    with pytest.raises(RecordError, match=f"{column}: answered, but not with"):
        check_fit(parse_form(task))


def test_an_odd_answer_that_is_not_sent_at_all_costs_nothing():
    task = production()
    question(task, "Is there lower cabinet end panel damage?")["responseAnswerExport"] = {
        "type": "option",
        "optionAnswer": {"name": "Perhaps"},
    }
    parsed = parse_form(task)
    assert parsed.unfit == {"lower_end_panel_damage_present"}
    check_fit(parsed)


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"carrier_id": "c"}, "$:"),
        ({"subscription_id": "s"}, "$:"),
        ({"claim_number": ""}, "$.claim_number"),
        ({"loss_date": None}, "$.loss_date"),
        ({"loss_date": "yesterday"}, "$.loss_date"),
        ({"integration_test_id": "7001234-"}, "$.integration_test_id"),
        ({"images": [{"image_type": "overview", "url": "file:///etc"}]}, "$.images[0].url"),
    ],
)
def test_an_invalid_payload_is_refused_with_its_path(change, path):
    with pytest.raises(RecordError, match=re.escape(path)):
        SCHEMA.check(payload("vendor-2026") | change)


def refused(parsed: ParsedForm, made: dict[str, Any]) -> str:
    """Return why a form is not sent; "" if it is."""
    try:
        check_fit(parsed)
        SCHEMA.check(made)
    except RecordError as error:
        return str(error)
    return ""


@settings(max_examples=80, deadline=None)
@given(tasks(), st.sampled_from(["refuse", "round", "round_up"]))
def test_whatever_is_answered_the_payload_is_one_that_the_vendor_takes_or_the_form_is_refused(
    task: Any, fractions: Any
) -> None:
    parsed = parse_form(task, event_id="evt-1")
    made = vendor_2026_submission_of(
        parsed, exported(PROJECT), {}, carrier_id="c", fractions=fractions
    )
    if why := refused(parsed, made):
        assert re.search(r"valid submission: (\$\.|[a-z_, ]+: answered)", why)
        return
    assert list(mistakes_of(json.loads(json.dumps(made)))) == []


# The worker, against the simulated vendor.

VENDOR = VendorSettings(
    carrier_id=CARRIER,
    subscription_id=Secret("demo-subscription"),
    connection="itel_vendor",
    endpoint="/cabinet-repair-orv",
    fractions="round_up",
)


def connect(outside, **options):
    """Let the worker send to the simulated vendor."""
    server = outside.server
    oauth2 = OAuth2Settings(
        client_id="me",
        client_secret=Secret("demo-client-secret"),
        token_url=f"{server.vendor_url}/token",
        scope=SCOPE,
    )
    connection = ConnectionSettings(
        base_url=server.vendor_url,
        auth_type="oauth2",
        oauth2=oauth2,
        keep_alive=False,
        backoff_seconds=0.01,
        **{"max_retries": 2, **options},
    )
    outside.settings = evolve(
        outside.settings, connections={**outside.settings.connections, "itel_vendor": connection}
    )
    outside.__attrs_post_init__()


def use(outside, **given_):
    itel = ItelSettings(**{"vendor": VENDOR, "payload": "vendor-2026", **given_})
    outside.settings = evolve(outside.settings, sections={SECTION: itel})


async def rows(outside):
    return [json.loads(report.value) for report in await outside.attempts()]


async def test_it_is_sent_with_a_token_of_its_scope_and_the_gateways_header(outside, message):
    connect(outside)
    use(outside)
    sent = message()
    (outcome,) = await outside.run(build, sent)
    assert isinstance(outcome, Done)
    (request,) = outside.server.requests.find("/vendor/cabinet-repair-orv")
    assert request.authorization == "Bearer ***"
    assert request.headers["ocp-apim-subscription-key"] == "demo-subscription"
    assert request.headers["connection"] == "close"
    body = request.json()
    SCHEMA.check(body)
    world = outside.server.world
    project = world.project(world.task(sent["assignment_id"]).project_id)
    assert body["claim_number"] == project.number
    assert body["external_claim_id"] == str(project.project_id)
    assert body["integration_test_id"] == f"{sent['assignment_id']}-evt-1"
    assert body["insured"]["city"] == project.address["city"]
    (token,) = outside.server.requests.find("/vendor/token")
    assert b"scope=cabinet-repair" in token.body


@pytest.mark.incident("STR-25")
async def test_a_lost_answer_is_asked_for_again_and_what_exists_already_is_accepted(
    outside, message
):
    connect(outside)
    use(outside)
    outside.server.vendor.disconnect_every = 1
    (outcome,) = await outside.run(build, message())
    assert isinstance(outcome, Done)
    assert len(outside.server.vendor.submissions) == outside.server.vendor.submissions.repeats == 1
    told = await rows(outside)
    assert [each["outcome"] for each in told] == ["unanswered", "accepted"]
    assert [each["status_code"] for each in told] == [None, 400]
    assert told[1]["accepted_by"].startswith("400 with 'already exists': ")
    assert "accepted_by" not in told[0]
    assert len({each["idempotency_key"] for each in told}) == 1
    first, second = outside.server.requests.find("/vendor/cabinet-repair-orv")
    assert first.body == second.body


async def test_after_a_restart_the_same_body_goes_out_for_another_event(outside, message):
    connect(outside, max_retries=0)
    use(outside)
    outside.server.vendor.disconnect_every = 1
    (lost,) = await outside.run(build, message())
    assert isinstance(lost, Retry)
    (outcome,) = await outside.run(build, message(event_id="evt-2"))
    assert isinstance(outcome, Done)
    assert len(outside.server.vendor.submissions) == 1
    first, second = outside.server.requests.find("/vendor/cabinet-repair-orv")
    assert first.body == second.body
    (again,) = await outside.run(build, message(event_id="evt-3"))
    assert isinstance(again, Done)
    assert len(outside.server.requests.find("/vendor/cabinet-repair-orv")) == 2


async def test_another_400_is_a_refusal(outside, message):
    connect(outside)
    use(outside)
    outside.server.faults.add(Fault(kind="error", path="/vendor/cabinet", status=400))
    (outcome,) = await outside.run(build, message())
    assert isinstance(outcome, Dead)


async def test_fractions_are_refused_unless_the_settings_round_them(outside, message):
    connect(outside)
    world = outside.server.world
    ids = {
        event.assignment_id for event in world.events(200) if event.type == "CUSTOM_TASK_COMPLETED"
    }
    use(outside, vendor=evolve(VENDOR, fractions="refuse"))
    outcomes = await outside.run(build, *(message(assignment_id=each) for each in sorted(ids)))
    dead = [each for each in outcomes if isinstance(each, Dead)]
    assert dead
    assert all("linear_ft: the value is not of type" in str(each.error) for each in dead)
    use(outside)
    outcomes = await outside.run(build, *(message(assignment_id=each) for each in sorted(ids)))
    assert all(isinstance(each, Done) for each in outcomes)
    assert outside.server.vendor.refused == 0


async def test_a_project_that_cannot_be_had_makes_the_record_wait(outside, message):
    connect(outside)
    use(outside)
    outside.server.faults.add(Fault(kind="error", path="/service/cxedirest/export", status=503))
    (outcome,) = await outside.run(build, message())
    assert isinstance(outcome, Retry)
    assert len(outside.server.vendor.submissions) == 0


async def test_a_form_that_is_not_for_itel_is_reported_counted_and_not_sent(outside, message):
    connect(outside)
    use(outside, submit_when=SUBMIT_WHEN)
    outcomes = [await outside.run(build, message(event_id=each)) for each in ("evt-1", "evt-2")]
    assert all("does not meet itel_cabinet.submit_when" in each.skipped for (each,) in outcomes)
    reports = [json.loads(each.reports[0].value) for (each,) in outcomes]
    assert reports[0]["attempt_id"] == reports[1]["attempt_id"]
    assert reports[0]["outcome"] == "not_routed"
    assert "the form has no question 'Kitchen cabinet damage present'" in reports[0]["error"]
    assert reports[0]["sent_at"] is None
    assert outcomes[0][0].confirm == ()
    assert outside.server.requests.find("/vendor") == []
    counted = outside.metrics.registry.get_sample_value(
        "claimx_plugin_metric_forms_not_routed_total", {"plugin": "itel_cabinet_api"}
    )
    assert counted == 2
