"""The question map: complete, unambiguous, and made from the real form."""

from __future__ import annotations

import attrs

from itel_cabinet_plugin.form.model import CabinetForm
from itel_cabinet_plugin.form.questions import QUESTIONS, normal, topic_of
from tests.fakes.itel_samples import sample

FURTHER = 2
"""Questions that a later form asks beside the 50; they have no column."""


def test_the_map_holds_the_50_questions_of_the_real_form():
    expected = sample("form_question_map")
    first = QUESTIONS.questions[:-FURTHER]
    assert [(q.group, q.question, q.column, q.photos, q.topic) for q in first] == [
        (row["group_name"], row["question_text"], row["column"], row["question_key"], row["topic"])
        for row in expected
    ]


def test_no_two_questions_are_the_same_once_normalised():
    keys = {(normal(q.group), normal(q.question)) for q in QUESTIONS.questions}
    assert len(keys) == 50 + FURTHER
    assert len({q.target for q in QUESTIONS.questions}) == 50 + FURTHER
    aliases = [normal(text) for q in QUESTIONS.questions for text in q.aliases]
    assert len(set(aliases)) == len(aliases) == 37 + FURTHER
    reworded = [
        (normal(q.group), normal(text)) for q in QUESTIONS.questions for text in q.rewordings
    ]
    assert len(set(reworded)) == len(reworded) == 4
    assert not keys & set(reworded)


def test_a_text_that_four_groups_share_is_known_by_its_group():
    text = "Are there damages to the face frames, doors, and/or drawer fronts?"
    found = {
        group: QUESTIONS.find(group, text, None, image=False)[0]
        for group in ("Lower Cabinets", "Upper Cabinets ", "Full Height/Pantry Cabinets", "Island")
    }
    columns = [question and question.column for question in found.values()]
    assert columns == [
        "lower_face_frames_doors_drawers_damaged",
        "upper_face_frames_doors_drawers_damaged",
        "full_height_face_frames_doors_drawers_damaged",
        None,
    ]


def test_every_column_of_the_map_is_one_of_the_form():
    columns = {q.column for q in QUESTIONS.questions if q.column}
    assert len(columns) == 36
    assert columns <= {each.name for each in attrs.fields(CabinetForm)}


def test_a_control_id_decides_for_photos_only():
    control = "control-989806632"
    asked = ("Boxes", "Show us the box", control)
    photos, _ = QUESTIONS.find(*asked, image=True)
    assert photos.photos == "lower_cabinet_box"
    assert QUESTIONS.find(*asked, image=False)[0] is None


def test_the_first_word_of_the_list_decides_the_topic_of_an_unknown_question():
    assert topic_of("Island Cabinets", "lower drawers") == "Island Cabinets"
    assert topic_of("Pantry", "shelves") == "Full Height / Pantry"
    assert topic_of("Other", "anything") == "General"
