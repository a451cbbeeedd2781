"""The vendor's payload: the names and values that it has always been sent."""

from __future__ import annotations

import json
import re

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from claimx_pipeline.errors import RecordError, SettingsError
from claimx_pipeline.pipeline import Pipeline
from claimx_pipeline.runtime.outcome import Done, Retry
from claimx_pipeline.settings.secret import Secret
from claimx_pipeline.settings.tree.connections import ConnectionSettings
from claimx_pipeline.simulator.faults import Fault
from itel_cabinet_plugin.form import CabinetForm, parse_form
from itel_cabinet_plugin.form.questions import QUESTIONS
from itel_cabinet_plugin.settings import SECTION, ItelSettings, PayloadRule, VendorSettings
from itel_cabinet_plugin.submission.choice import ProfileChoice
from itel_cabinet_plugin.submission.profile import vendor_profile
from itel_cabinet_plugin.submission.schema import VENDOR_SCHEMA, SubmissionSchema
from itel_cabinet_plugin.submission.vendor import IMAGE_TYPES, vendor_submission_of
from itel_cabinet_plugin.submission.worker import build
from tests.fakes.itel_samples import PHOTOS, completed, old_wording, question, sample

SCHEMA = SubmissionSchema(VENDOR_SCHEMA)
CARRIER = "00000000-0000-4000-8000-0000000000ca"
SUBSCRIPTION = "00000000000000000000000000000abc"
VENDOR = VendorSettings(carrier_id=CARRIER, subscription_id=Secret(SUBSCRIPTION))


def link(media_id):
    return f"https://example-bucket.s3.amazonaws.com/{media_id}.jpg?X-Amz-Expires=86400"


def vendor_payload(task, links=None):
    ids = [media_id for each in PHOTOS.values() for media_id in each]
    usual = {str(media_id): {"fullDownloadLink": link(media_id)} for media_id in ids}
    return vendor_submission_of(
        parse_form(task),
        usual if links is None else links,
        carrier_id=CARRIER,
        subscription_id=SUBSCRIPTION,
    )


def test_the_real_form_makes_the_example():
    expected = sample("itel_vendor_payload_example")
    # The system before looked the adjuster up under a name that ClaimX does not use.
    expected["adjuster"]["email"] = "adjuster@example.com"
    made = vendor_payload(completed())
    assert made == expected
    assert list(made) == list(expected)
    assert isinstance(made["opinion_replacement_value_specs"]["counter_top_linear_ft"], int)
    SCHEMA.check(made)


def test_every_photo_question_of_the_form_has_a_vendor_name():
    assert set(IMAGE_TYPES) == {each.photos for each in QUESTIONS.questions if each.photos}


def test_an_older_form_and_one_without_answers_are_valid():
    SCHEMA.check(vendor_payload(old_wording()))
    task = completed()
    task["response"] = task["externalLinkData"] = task["dateAssigned"] = None
    made = vendor_payload(task)
    SCHEMA.check(made)
    assert made["images"] == []
    assert made["insured"]["name"] == ""
    assert made["loss_date"] is None


@pytest.mark.parametrize(
    ("answer", "said"),
    [("Yes", "yes"), ("No", "no"), ("Disposed Of", "no"), ("Offsite", "no"), (None, "No")],
)
def test_available_is_one_of_the_vendors_three_words(answer, said):
    task = completed()
    asked = question(task, "Are All The Face Frames, Doors, And Drawers Available?", "Island")
    asked["responseAnswerExport"] = answer and {"type": "option", "optionAnswer": {"name": answer}}
    specs = vendor_payload(task)["cabinet_repair_specs"]
    assert specs["island_frames_doors_drawers_available"] == said


@pytest.mark.parametrize(("first", "last", "name"), [("Pat", None, "Pat"), (None, "S", "S")])
def test_one_name_is_enough(first, last, name):
    task = completed()
    task["externalLinkData"] |= {"firstName": first, "lastName": last}
    assert vendor_payload(task)["insured"]["name"] == name


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"carrier_id": ""}, "$.carrier_id"),
        ({"subscription_id": ""}, "$.subscription_id"),
        ({"claim_number": None}, "$.claim_number"),
        ({"loss_date": "yesterday"}, "$.loss_date"),
        ({"unheard_of": 1}, "$:"),
        ({"images": [{"image_type": "overview", "url": "file:///etc"}]}, "$.images[0].url"),
    ],
)
def test_an_invalid_payload_is_refused_with_its_path(change, path):
    with pytest.raises(RecordError, match=re.escape(path)):
        SCHEMA.check(vendor_payload(completed()) | change)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_whatever_the_columns_hold_the_payload_is_valid(data):
    values = {
        "bool": st.booleans(),
        "int": st.integers(0, 2**31 - 1),
        "float": st.floats(0, 1e6),
        "str": st.text(min_size=1, max_size=9),
    }
    form = CabinetForm()
    for question_ in QUESTIONS.questions:
        if question_.column and question_.kind != "damage":
            kind = str(CabinetForm.__annotations__[question_.column]).split(" |", maxsplit=1)[0]
            form = evolve(form, **{question_.column: data.draw(st.none() | values[kind])})
    parsed = evolve(parse_form(completed()), form=evolve(form, assignment_id=1, project_id="2"))
    SCHEMA.check(vendor_submission_of(parsed, {}, carrier_id="c", subscription_id="s"))


# The worker, with everything real behind HTTP. The vendor's gateway is played by the
# simulator's endpoint, which takes any object.


def use(outside, **given):
    vendor = evolve(VENDOR, endpoint="/api/v1/tasks")
    itel = ItelSettings(**{"vendor": vendor, "payload": "vendor", **given})
    outside.settings = evolve(outside.settings, sections={SECTION: itel})


async def test_it_is_sent_with_links_of_the_photos_and_the_gateways_header(outside, message):
    use(outside)
    (outcome,) = await outside.run(build, message())
    assert isinstance(outcome, Done)
    (request,) = outside.server.requests.find("/itel")
    assert request.headers["ocp-apim-subscription-key"] == SUBSCRIPTION
    body = request.json()
    SCHEMA.check(body)
    links = [image["url"] for image in body["images"]]
    assert len(set(links)) == len(links) > 10
    assert {image["url"].partition(":")[0] for image in body["images"]} == {"http"}
    assert request.idempotency_key.startswith(f"itel/{body['integration_test_id']}/")


async def test_links_that_cannot_be_had_make_the_record_wait(outside, message):
    use(outside)
    outside.server.faults.add(Fault(kind="error", path="/service/cxedirest/export", status=503))
    (outcome,) = await outside.run(build, message())
    assert isinstance(outcome, Retry)
    assert len(outside.server.submissions) == 0


async def test_a_photo_without_a_link_is_left_out_and_told(outside, caplog):
    class NoLinks:
        async def of(self, _parsed):
            return {}

    profile = vendor_profile(outside.resources, VENDOR, NoLinks())
    made = (await profile.payload(parse_form(completed()))).payload
    assert made["images"] == []
    assert "21 of 21 photos" in caplog.text


RULE = PayloadRule(
    payload="vendor",
    conditions={
        "all": [
            {"field": "project.state_province", "in": ["TX", "OK"]},
            {"field": "task_status", "equals": "completed"},
        ]
    },
)


async def test_conditions_on_task_and_project_choose_the_payload(outside, message):
    use(outside, payload="v1", payload_rules=(RULE,))
    texan = message(project={"project_id": "1", "state_province": "TX"})
    other = message(project={"project_id": "1", "state_province": "NY"})
    for sent in (texan, other):
        (outcome,) = await outside.run(build, sent)
        assert isinstance(outcome, Done)
    first, second = (request.json() for request in outside.server.requests.find("/itel"))
    assert "carrier_id" in first
    assert "assignmentId" in second


def test_a_message_without_a_project_is_the_usual_payload():
    vendor, usual = object(), object()
    choice = ProfileChoice.of({"v1": usual, "vendor": vendor}, "v1", [RULE])
    assert choice.profile({}, parse_form(completed()).form) is usual


async def test_a_vendor_payload_goes_to_a_connection_of_its_own(outside, message, tmp_path):
    connections = dict(outside.settings.connections)
    folder = tmp_path / "sent"
    connections["vendor_api"] = ConnectionSettings(base_url=folder.as_uri())
    outside.settings = evolve(outside.settings, connections=connections)
    outside.__attrs_post_init__()
    use(outside, vendor=evolve(VENDOR, connection="vendor_api"))
    await outside.run(build, message())
    (file,) = folder.iterdir()
    assert json.loads(file.read_text())["body"]["carrier_id"] == CARRIER
    assert len(outside.server.submissions) == 0


async def test_without_the_ids_nothing_starts(outside, message):
    use(outside, vendor=VendorSettings())
    with pytest.raises(SettingsError) as caught:
        await outside.run(build, message())
    assert len(caught.value.problems) == 2


def load(folder, text):
    (folder / "claimx.yaml").write_text(text)
    environ = {
        "CLAIMX_API_URL": "http://c.test",
        "CLAIMX_API_TOKEN": "t",
        "SUBSCRIPTION": SUBSCRIPTION,
    }
    return Pipeline.load(environ=environ, cwd=folder)


SETTINGS = """\
itel_cabinet:
  payload_rules:
    - payload: vendor
      conditions: {all: [{field: project.state_province, equals: TX}]}
  vendor: {carrier_id: c, subscription_id: "${SUBSCRIPTION}", connection: vendor_api}
connections:
  vendor_api:
    base_url: https://vendor.test/cabinet-repair-orv
    auth_type: oauth2
    oauth2: {client_id: me, client_secret: x, token_url: https://login.test/token, scope: orv}
"""


def test_settings_choose_payload_connection_and_credentials(tmp_path):
    pipeline = load(tmp_path, SETTINGS)
    needs = pipeline.workers["itel-api"].needs
    assert {"connections.itel_cabinet_api", "connections.vendor_api"} <= set(needs)
    itel = pipeline.settings.section(SECTION, ItelSettings)
    assert itel.payloads == {"v1", "vendor"}
    assert SUBSCRIPTION not in repr(pipeline.settings)
    alone = load(
        tmp_path, SETTINGS.replace("  payload_rules", "  payload: vendor\n  payload_rules")
    )
    assert "connections.itel_cabinet_api" not in alone.workers["itel-api"].needs


def test_what_the_vendor_payload_lacks_is_said_before_the_start(tmp_path):
    pipeline = load(tmp_path, "itel_cabinet: {payload: vendor}\n")
    told = [problem.where for problem in pipeline.workers["itel-api"].check(pipeline.settings)]
    assert told == ["itel_cabinet.vendor.carrier_id", "itel_cabinet.vendor.subscription_id"]


def test_conditions_that_cannot_be_understood_are_found_in_the_file(tmp_path):
    wrong = SETTINGS.replace("project.state_province", "project.stat")
    with pytest.raises(SettingsError, match=r"payload_rules.*unknown field 'project\.stat'"):
        load(tmp_path, wrong)
