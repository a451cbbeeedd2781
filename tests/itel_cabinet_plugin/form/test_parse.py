"""The cabinet form: every question in its column, and nothing in it makes reading fail."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import attrs
import pytest

from itel_cabinet_plugin.form import CabinetForm, parse_form
from tests.fakes.itel_samples import (
    ANSWERS,
    IDENTITY,
    PHOTOS,
    completed,
    old_wording,
    question,
    questions,
    sample,
)


def photos(parsed):
    found = {}
    for photo in parsed.attachments:
        found.setdefault(photo.question_key, []).append(int(photo.media_id))
    return found


def reasons(parsed):
    return [misfit.reason for misfit in parsed.unmatched]


@pytest.mark.incident("PLG-05")
def test_the_real_form_fills_every_column_with_its_type():
    parsed = parse_form(completed())
    columns = attrs.asdict(parsed.form)
    columns.pop("raw_data")
    times = dict.fromkeys(("event_id", "ingested_at", "created_at", "updated_at"))
    assert columns == {**IDENTITY, **ANSWERS, **times}
    assert {name: type(value) for name, value in columns.items()} == {
        name: type(value) for name, value in {**IDENTITY, **ANSWERS, **times}.items()
    }
    assert parsed.unmatched == ()


def test_the_form_has_the_56_columns_of_its_table():
    assert len(attrs.fields(CabinetForm)) == 56
    assert len(ANSWERS) == 36


def test_every_photo_of_the_real_form_is_kept_under_its_question():
    parsed = parse_form(completed())
    assert len(parsed.attachments) == 21
    assert photos(parsed) == PHOTOS


def test_photos_are_numbered_from_1_in_each_question():
    parsed = parse_form(completed())
    assert [photo.display_order for photo in parsed.attachments[:5]] == [1, 2, 3, 1, 2]


def test_a_photo_knows_where_it_belongs():
    at = datetime(2026, 1, 12, 17, tzinfo=UTC)
    photo = parse_form(completed(), event_id="evt-1", parsed_at=at).attachments[3]
    assert attrs.asdict(photo) == {
        "assignment_id": 7001234,
        "project_id": "8800456",
        "event_id": "evt-1",
        "control_id": "control-468957161",
        "question_key": "lower_cabinet_box",
        "question_text": "Captured Lower Cabinet Box",
        "topic_category": "Lower Cabinets",
        "media_id": "91000104",
        "url": None,
        "display_order": 1,
        "created_at": at,
        "is_active": True,
        "media_type": "image/jpeg",
    }


def test_event_and_time_of_reading_are_taken_over():
    at = datetime(2026, 1, 12, 17, tzinfo=UTC)
    form = parse_form(completed(), event_id="evt-1", parsed_at=at).form
    assert (form.event_id, form.ingested_at, form.created_at, form.updated_at) == (
        "evt-1",
        at,
        at,
        at,
    )


def test_the_older_wording_fills_every_column_and_has_its_16_photos():
    parsed = parse_form(old_wording())
    empty = [name for name in ANSWERS if getattr(parsed.form, name) is None]
    assert empty == []
    assert parsed.form.full_height_face_frames_doors_drawers_damaged == "No"
    assert parsed.form.damage_description == "Supply line under the sink leaked"
    assert parsed.form.island_cabinets_lf == 7.0
    faces = {key for key in PHOTOS if key.endswith("face_frames_doors_drawers")}
    assert photos(parsed) == {key: ids for key, ids in PHOTOS.items() if key not in faces}
    assert len(parsed.attachments) == 16
    assert parsed.unmatched == ()


def test_an_assigned_task_gives_an_empty_form():
    parsed = parse_form(sample("task_32513_assigned"))
    assert parsed.form.status == "ASSIGNED"
    assert parsed.form.assignment_id == 7001234
    assert [name for name in ANSWERS if getattr(parsed.form, name) is not None] == []
    assert parsed.attachments == ()
    assert parsed.unmatched == ()
    assert json.loads(parsed.form.raw_data) == {}


def test_raw_data_holds_every_answer_as_it_was_given():
    raw = json.loads(parse_form(completed()).form.raw_data)
    assert sum(map(len, raw.values())) == 50
    assert raw["Capture Lower End Panel"] == [
        {
            "q": "Is there lower cabinet end panel damage?",
            "a": "Yes, lower cabinet end panel damage is present. ",
            "id": "control-164365889",
        },
        {
            "q": "Captured Lower Cabinet End Panels",
            "a": [91000108],
            "id": "control-125170752",
        },
    ]


def test_line_items_beside_an_answer_are_kept_in_raw_data():
    task = completed()
    export = question(task, "Lower Cabinets Damaged?")["responseAnswerExport"]
    export["optionAnswer"]["lineItems"] = [{"code": "CAB"}]
    parsed = parse_form(task)
    assert parsed.form.lower_cabinets_damaged is True
    assert json.loads(parsed.form.raw_data)["Cabinet Types Damaged"][0]["a"] == export


@pytest.mark.parametrize("phone", ["null", "NULL", "", None, {}])
def test_a_missing_phone_is_null_in_whatever_way_it_is_missing(phone):
    task = completed()
    task["externalLinkData"]["phone"] = phone
    assert parse_form(task).form.customer_phone is None


def test_a_phone_that_is_a_number_becomes_text():
    task = completed()
    task["externalLinkData"]["phone"] = 5550100147
    assert parse_form(task).form.customer_phone == "5550100147"


def test_without_an_external_link_the_customer_is_unknown():
    task = completed()
    task["externalLinkData"] = None
    form = parse_form(task).form
    assert form.customer_email is None
    assert form.external_link_url is None


@pytest.mark.parametrize(
    "text",
    [
        "lower cabinets damaged",
        "  Lower   Cabinets\tDamaged ? ",
        "LOWER CABINETS – DAMAGED?",  # noqa: RUF001 - an en dash, as people paste it
        "Lower-Cabinets Damaged?!",
    ],
)
def test_case_spaces_dashes_and_punctuation_do_not_matter(text):
    task = completed()
    question(task, "Lower Cabinets Damaged?")["questionText"] = text
    parsed = parse_form(task)
    assert parsed.form.lower_cabinets_damaged is True
    assert parsed.unmatched == ()


def test_one_control_id_in_four_sections_is_four_questions():
    form = parse_form(completed()).form
    assert (
        form.num_damaged_lower_boxes,
        form.num_damaged_upper_boxes,
        form.num_damaged_full_height_boxes,
        form.num_damaged_island_boxes,
    ) == (4, 2, 1, 3)


def test_a_reworded_question_is_kept_and_told_from_both_sides():
    task = completed()
    question(task, "Enter Damaged Description")["questionText"] = "What happened?"
    parsed = parse_form(task)
    assert parsed.form.damage_description is None
    assert [(m.reason, m.question) for m in parsed.unmatched] == [
        ("unknown", "What happened?"),
        ("missing", "Enter Damaged Description"),
    ]
    raw = json.loads(parsed.form.raw_data)["Damage Description"]
    assert raw[0]["q"] == "What happened?"
    assert raw[0]["a"] == ANSWERS["damage_description"]


def test_a_known_text_in_another_group_is_not_taken_for_the_question():
    task = completed()
    for group, asked in questions(task):
        if asked["questionText"] == "Enter Number of Damaged Lower Boxes":
            group["name"] = "Garage"
    parsed = parse_form(task)
    assert parsed.form.num_damaged_lower_boxes is None
    assert "unknown" in reasons(parsed)


def test_questions_about_cabinets_that_are_not_damaged_are_not_missed():
    task = completed()
    question(task, "Island Cabinets Damaged?")["responseAnswerExport"] = {
        "type": "option",
        "optionAnswer": {"name": "No", "lineItems": []},
    }
    groups = task["response"]["groups"]
    task["response"]["groups"] = [group for group in groups if "Island" not in group["name"]]
    assert parse_form(task).unmatched == ()


def test_a_question_asked_twice_is_told_and_the_last_answer_counts():
    task = completed()
    lower = task["response"]["groups"][1]["questionAndAnswers"]
    again = json.loads(json.dumps(lower[0]))
    again["responseAnswerExport"]["numberAnswer"]["value"] = 99
    lower.append(again)
    parsed = parse_form(task)
    assert parsed.form.lower_cabinets_lf == 99.0
    assert reasons(parsed) == ["duplicate"]
    assert [each["a"] for each in json.loads(parsed.form.raw_data)["Linear Feet Capture"]] == [
        18,
        14,
        5,
        7.5,
        22,
        99,
    ]


def test_a_second_question_without_an_answer_takes_nothing_away():
    task = completed()
    lower = task["response"]["groups"][1]["questionAndAnswers"]
    again = json.loads(json.dumps(lower[0]))
    again["responseAnswerExport"] = None
    lower.append(again)
    assert parse_form(task).form.lower_cabinets_lf == 18.0


def test_an_older_wording_does_not_replace_the_real_question():
    task = completed()
    task["response"]["groups"].append(
        {
            "name": "General",
            "questionAndAnswers": [
                {
                    "questionText": "Additional Notes",
                    "formControl": {"id": "x"},
                    "responseAnswerExport": {"type": "text", "text": "other"},
                }
            ],
        }
    )
    parsed = parse_form(task)
    assert parsed.form.additional_notes == ANSWERS["additional_notes"]
    assert reasons(parsed) == ["duplicate"]


def test_a_typed_no_stays_text():
    task = completed()
    notes = task["response"]["groups"][-1]["questionAndAnswers"][0]
    notes["responseAnswerExport"]["text"] = "No"
    assert parse_form(task).form.additional_notes == "No"


@pytest.mark.parametrize(
    ("answer", "boxes"),
    [({"value": 4.0}, 4), ({"value": "4"}, 4), (4, 4), ({"value": 0}, 0)],
)
def test_a_whole_number_of_boxes_is_read_however_it_is_wrapped(answer, boxes):
    task = completed()
    asked = question(task, "Enter Number of Damaged Lower Boxes")
    asked["responseAnswerExport"] = {"type": "number", "numberAnswer": answer}
    assert parse_form(task).form.num_damaged_lower_boxes == boxes


@pytest.mark.parametrize("answer", [2.5, "two", True, [4], {"min": 1}, 10**15])
def test_a_number_of_boxes_that_is_none_leaves_the_column_null_and_is_told(answer):
    task = completed()
    asked = question(task, "Enter Number of Damaged Lower Boxes")
    asked["responseAnswerExport"]["numberAnswer"]["value"] = answer
    parsed = parse_form(task)
    assert parsed.form.num_damaged_lower_boxes is None
    assert reasons(parsed) == ["bad_value"]
    assert json.loads(parsed.form.raw_data)["Lower Cabinets"][0]["a"] == answer


def test_an_option_that_is_neither_yes_nor_no_is_told():
    task = completed()
    asked = question(task, "Are The Lower Cabinets Detached?")
    asked["responseAnswerExport"]["optionAnswer"]["name"] = "Partly"
    parsed = parse_form(task)
    assert parsed.form.lower_cabinets_detached is None
    assert [(m.reason, m.detail) for m in parsed.unmatched] == [("bad_value", "neither yes nor no")]


def test_a_new_photo_question_keeps_its_photos_under_a_name_of_its_own():
    task = completed()
    asked = question(task, "Captured Lower Cabinet Box")
    asked["questionText"] = "Where is the Box/Drawer?"
    parsed = parse_form(task)
    assert photos(parsed)["where_is_the_box_drawer"] == [91000104, 91000105]
    assert reasons(parsed) == ["unknown", "missing"]


def test_a_broken_media_id_does_not_cost_the_others():
    task = completed()
    asked = question(task, "Captured Lower Cabinet Box")
    asked["responseAnswerExport"]["claimMediaIds"] = [91000104, None, "x", "91000105", 91000104]
    parsed = parse_form(task)
    assert photos(parsed)["lower_cabinet_box"] == [91000104, 91000105]
    assert reasons(parsed) == ["bad_value"]


@pytest.mark.parametrize(
    ("response", "kept"),
    [
        ("text", ["text"]),
        (5, [5]),
        ({"groups": "no list"}, ["no list"]),
        ({"groups": [None, "x"]}, [None, "x"]),
        ({"groups": [{"name": "A", "questionAndAnswers": {"q": 1}}]}, [{"q": 1}]),
        ({"groups": [{"name": "A", "questions": [1]}]}, [{"questions": [1]}]),
        ({"sections": [1]}, [{"sections": [1]}]),
    ],
)
def test_a_response_of_another_shape_is_kept_whole(response, kept):
    task = completed()
    task["response"] = response
    parsed = parse_form(task)
    raw = json.loads(parsed.form.raw_data)
    assert [entry["a"] for group in raw.values() for entry in group] == kept
    assert reasons(parsed)[: len(kept)] == ["malformed"] * len(kept)
    assert reasons(parsed).count("missing") == 40


def test_an_answer_under_another_name_is_kept():
    task = completed()
    asked = question(task, "Enter Damaged Description")
    asked["answer"] = asked.pop("responseAnswerExport")["text"]
    parsed = parse_form(task)
    assert "malformed" in reasons(parsed)
    (entry,) = json.loads(parsed.form.raw_data)["Damage Description"]
    assert entry["a"] == {"answer": ANSWERS["damage_description"]}


def test_a_question_whose_text_is_no_text_is_kept_with_all_it_says():
    task = completed()
    asked = question(task, "Enter Damaged Description")
    asked["questionText"] = {"en": "Enter Damaged Description"}
    parsed = parse_form(task)
    (entry,) = json.loads(parsed.form.raw_data)["Damage Description"]
    assert entry["a"]["questionText"] == {"en": "Enter Damaged Description"}
    assert reasons(parsed) == ["malformed", "missing"]
