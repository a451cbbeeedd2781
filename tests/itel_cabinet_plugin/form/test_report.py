"""The readable report: every question under its topic, in form order."""

from __future__ import annotations

from itel_cabinet_plugin.form import parse_form
from tests.fakes.itel_samples import completed, sample

THREE_VALUES = (
    "Are All The Face Frames, Doors, And Drawers Available?",
    "Are All The Face Frames, Doors, And Drawer Fronts Damaged?",
)


def test_the_report_of_the_real_form_is_the_expected_one():
    expected = sample("readable_report_example")
    for entries in expected["topics"].values():
        for entry in entries:
            if entry["type"] == "image":
                # The form alone knows no links.
                entry["answer"] = [{**photo, "url": None} for photo in entry["answer"]]
            elif entry["question"] in THREE_VALUES and isinstance(entry["answer"], bool):
                # Options that are more than yes and no stay the text they are.
                entry["answer"] = "Yes" if entry["answer"] else "No"
    report = parse_form(completed()).report
    assert report == expected
    assert list(report["topics"]) == list(expected["topics"])


def test_an_unknown_question_is_reported_too():
    task = completed()
    task["response"]["groups"][0]["questionAndAnswers"].append(
        {
            "questionText": "Is the pantry door wet?",
            "formControl": {"id": "c-1"},
            "responseAnswerExport": {"type": "option", "optionAnswer": {"name": "Maybe"}},
        }
    )
    assert parse_form(task).report["topics"]["Full Height / Pantry"][1] == {
        "question": "Is the pantry door wet?",
        "answer": "Maybe",
        "type": "option",
        "control_id": "c-1",
    }


def test_a_task_without_answers_has_a_report_without_topics():
    report = parse_form(sample("task_32513_assigned")).report
    assert report["topics"] == {}
    assert report["meta"]["dates"]["completed"] is None
