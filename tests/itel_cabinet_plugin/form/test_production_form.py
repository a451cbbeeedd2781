"""The form as production words it: new texts, an adjuster known by position."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from itel_cabinet_plugin.form import CabinetForm, parse_form
from itel_cabinet_plugin.form.model import Adjuster
from tests.fakes.itel_production import DETAILS, asked, group, option, production, text
from tests.fakes.itel_samples import ANSWERS, PHOTOS, completed, question
from tests.itel_cabinet_plugin.form.test_parse_properties import EXPORTS, JSON

CHANGED = {
    "damage_description": "Supply line under the sink leaked",
    "additional_notes": "Door style is discontinued; a spare door is kept in the garage",
    "island_cabinets_lf": 7.0,
}


def test_the_new_wording_fills_every_column_and_nothing_is_odd():
    parsed = parse_form(production())
    found = {name: getattr(parsed.form, name) for name in ANSWERS}
    assert found == ANSWERS | CHANGED
    assert len(parsed.attachments) == sum(map(len, PHOTOS.values()))
    assert parsed.unmatched == ()
    assert parsed.unfit == frozenset()
    assert parsed.form.task_id == 32615


@pytest.mark.parametrize(
    ("said", "stored"),
    [
        ("Yes", "Yes"),
        ("Yes, two doors are warped", "Yes"),
        ("No", "No"),
        ("There is no damage to them", "No"),
        ("Not Available", "Not Available"),
    ],
)
def test_the_newer_question_about_face_frames_may_be_answered_in_a_sentence(said, stored):
    task = production()
    question(task, "Are there damages to the face frames, doors, and/or drawer fronts?", "Island")[
        "responseAnswerExport"
    ] = option(said)
    assert parse_form(task).form.island_face_frames_doors_drawers_damaged == stored


def test_the_adjuster_is_known_by_position():
    assert parse_form(production()).adjuster == Adjuster(
        first_name="Alex",
        last_name="Handler",
        vendor_name="Example Adjusting",
        phone="+1 (555) 010-0199",
        email="alex.handler@example.com",
    )
    assert parse_form(completed()).adjuster == Adjuster()


def test_an_adjuster_without_texts_and_with_odd_answers_is_read_as_far_as_it_goes():
    task = production()
    questions = task["response"]["groups"][-1]["questionAndAnswers"]
    questions[0]["responseAnswerExport"] = {"type": "text", "text": ["Alex"]}
    questions[1]["questionText"] = None
    questions[3]["responseAnswerExport"] = text("null")
    questions.append(asked("Anything else?", text("no")))
    parsed = parse_form(task)
    assert parsed.adjuster == Adjuster(
        last_name="Handler", vendor_name="Example Adjusting", email="alex.handler@example.com"
    )
    reasons = [(each.reason, each.question) for each in parsed.unmatched]
    assert reasons == [
        ("bad_value", "Enter here"),
        ("malformed", ""),
        ("unknown", "Anything else?"),
    ]


@pytest.mark.parametrize(
    ("first", "second", "stored", "doubled"),
    [
        (None, "more", "more", 0),
        ("notes", None, "notes", 0),
        ("notes", "more", "notes", 1),
        (None, None, None, 0),
    ],
)
def test_additional_details_are_a_second_source_of_the_notes(first, second, stored, doubled):
    task = completed()
    words = (
        "Now that you have been through the process, please provide any other details that you "
        "think would be relevant to the cabinet damage"
    )
    question(task, words)["responseAnswerExport"] = first and text(first)
    task["response"]["groups"].insert(
        0, group("More", "g", asked(DETAILS, second and text(second)))
    )
    parsed = parse_form(task)
    assert parsed.form.additional_notes == stored
    assert [each.reason for each in parsed.unmatched] == ["duplicate"] * doubled


@pytest.mark.parametrize("value", [2.5, "many", [4], {"n": 4}, True, 10**30, float("nan"), "1e3"])
def test_an_answer_that_does_not_fit_its_column_is_noted_by_the_columns_name(value):
    task = production()
    asked_ = question(task, "Enter Number of Damaged Lower Boxes")
    asked_["responseAnswerExport"]["numberAnswer"]["value"] = value
    parsed = parse_form(task)
    assert parsed.form.num_damaged_lower_boxes is None
    assert parsed.unfit == {"num_damaged_lower_boxes"}


@pytest.mark.parametrize("value", [float("nan"), float("-inf"), [float("inf")]])
def test_a_number_that_json_does_not_know_is_kept_as_text(value):
    task = production()
    question(task, "Countertops (linear feet)")["responseAnswerExport"]["numberAnswer"]["value"] = (
        value
    )
    raw = parse_form(task).form.raw_data

    def unknown(name):
        raise AssertionError(f"{name} is not JSON")

    kept = json.loads(raw, parse_constant=unknown)["Linear Feet Capture"][-1]["a"]
    assert str(kept).strip("[]'") in ("nan", "-inf", "inf")


def test_photos_where_a_number_was_asked_for_do_not_fit_either():
    task = production()
    question(task, "Lower Cabinets (linear feet)")["responseAnswerExport"] = {
        "type": "image",
        "claimMediaIds": [1],
    }
    assert parse_form(task).unfit == {"lower_cabinets_lf"}


@settings(max_examples=50, deadline=None)
@given(st.lists(EXPORTS, max_size=7), JSON, JSON)
def test_whatever_the_adjusters_group_holds_it_is_read(exports, group_id, wording):
    task = production()
    of = task["response"]["groups"][-1]
    of["questionAndAnswers"] = [asked(wording, export) for export in exports if export is None] + [
        {"questionText": wording, "responseAnswerExport": export} for export in exports
    ]
    read = parse_form(task).adjuster
    assert all(
        value is None or isinstance(value, str)
        for value in (read.first_name, read.last_name, read.vendor_name, read.phone, read.email)
    )
    of["groupId"] = group_id
    assert isinstance(parse_form(task).form, CabinetForm)
