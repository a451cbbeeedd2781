"""The question map: complete, unambiguous, and made from the real form."""

from __future__ import annotations

import attrs

from itel_cabinet_plugin.form.model import CabinetForm
from itel_cabinet_plugin.form.questions import QUESTIONS, normal, topic_of
from tests.fakes.itel_samples import sample


def test_the_map_holds_the_50_questions_of_the_real_form():
    expected = sample("form_question_map")
    assert [(q.group, q.question, q.column, q.photos, q.topic) for q in QUESTIONS.questions] == [
        (row["group_name"], row["question_text"], row["column"], row["question_key"], row["topic"])
        for row in expected
    ]


def test_no_two_questions_are_the_same_once_normalised():
    keys = {(normal(q.group), normal(q.question)) for q in QUESTIONS.questions}
    assert len(keys) == 50
    assert len({q.target for q in QUESTIONS.questions}) == 50
    aliases = [normal(text) for q in QUESTIONS.questions for text in q.aliases]
    assert len(set(aliases)) == len(aliases) == 36


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
