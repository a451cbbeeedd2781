"""The submission, version 1: built from the form, and valid by the shipped schema."""

from __future__ import annotations

import re
import time

import pytest

from claimx_pipeline.errors import Category, RecordError
from itel_cabinet_plugin.form import parse_form
from itel_cabinet_plugin.submission.payload import submission_of
from itel_cabinet_plugin.submission.schema import SubmissionSchema
from tests.fakes.itel_samples import completed, old_wording, question, sample

SCHEMA = SubmissionSchema()


def submission(task):
    return submission_of(parse_form(task))


def answered(task, text, name, group=""):
    asked = question(task, text, group)
    asked["responseAnswerExport"] = {"type": "option", "optionAnswer": {"name": name}}


def test_the_older_form_makes_exactly_the_example():
    made = submission(old_wording())
    assert made == sample("itel_submission_example_v1")
    assert isinstance(made["countertopsLf"], int)


def test_the_real_form_makes_a_valid_submission():
    made = submission(completed())
    SCHEMA.check(made)
    assert made["islandCabinets"]["linearFeet"] == 7.5
    assert made["fullHeightCabinets"]["endPanelDamagePresent"] is None
    assert made["upperCabinets"]["counterType"] is None
    assert [item["questionKey"] for item in made["fullHeightCabinets"]["media"]] == [
        "full_height_cabinet_box",
        "full_height_end_panels",
    ]


def test_not_available_goes_out_as_null():
    made = submission(completed())
    assert made["fullHeightCabinets"]["faceFramesDoorsDrawersDamaged"] is None
    assert made["upperCabinets"]["faceFramesDoorsDrawersDamaged"] is False
    assert made["lowerCabinets"]["faceFramesDoorsDrawersDamaged"] is True


def test_dates_go_out_as_the_api_wrote_them():
    task = completed()
    task["dateAssigned"] = "2026-01-12T09:05:31.2-05:00"
    task["dateCompleted"] = None
    made = submission(task)
    assert made["dateAssigned"] == "2026-01-12T09:05:31.2-05:00"
    assert made["dateCompleted"] is None
    SCHEMA.check(made)


def test_without_an_external_link_the_customer_is_an_object_of_nulls():
    task = completed()
    task["externalLinkData"] = None
    made = submission(task)
    assert made["customer"] == dict.fromkeys(("firstName", "lastName", "email", "phone"))
    SCHEMA.check(made)


def test_cabinets_neither_damaged_nor_measured_are_null():
    task = completed()
    answered(task, "Island Cabinets Damaged?", "No")
    feet = question(task, "Island Cabinets (linear feet)")["responseAnswerExport"]
    feet["numberAnswer"]["value"] = 0
    assert submission(task)["islandCabinets"] is None


def test_cabinets_measured_but_not_damaged_are_a_section():
    task = completed()
    answered(task, "Island Cabinets Damaged?", "No")
    made = submission(task)
    assert made["islandCabinets"]["damaged"] is False
    SCHEMA.check(made)


def test_a_form_without_answers_has_no_sections_and_no_photos():
    task = completed()
    task["response"] = None
    made = submission(task)
    assert made["lowerCabinets"] is None
    assert made["overviewMedia"] == []
    SCHEMA.check(made)


@pytest.mark.parametrize(
    ("field", "value", "path"),
    [
        ("formResponseId", None, "$.formResponseId"),
        ("dateAssigned", "yesterday", "$.dateAssigned"),
        ("projectId", "eight", "$.projectId"),
        ("assignmentId", None, "$.assignmentId"),
    ],
)
def test_an_invalid_submission_is_a_permanent_error_naming_the_path(field, value, path):
    task = completed()
    task[field] = value
    with pytest.raises(RecordError, match=re.escape(path)) as caught:
        SCHEMA.check(submission(task))
    assert caught.value.category is Category.PERMANENT


def test_the_error_does_not_quote_what_people_wrote():
    made = submission(completed())
    made["customer"]["email"] = ["pat.sample@example.com"]
    with pytest.raises(RecordError, match=re.escape("$.customer.email")) as caught:
        SCHEMA.check(made)
    assert "pat.sample" not in str(caught.value)


def test_a_thousand_forms_a_second_are_parsed_built_and_checked_on_one_core():
    task = completed()
    best = 0.0
    for _ in range(10):
        began = time.process_time()
        for _ in range(50):
            SCHEMA.check(submission(task))
        best = max(best, 50 / (time.process_time() - began))
    assert best >= 1000
