"""The page about the form's mapping is what the plugin's data says."""

from __future__ import annotations

from itel_cabinet_plugin.form.questions import QUESTIONS
from tests.pages.form_mapping import ANY, COMMAND, DOCUMENT, page


def test_the_page_is_up_to_date():
    assert DOCUMENT.read_text(encoding="utf-8") == page(), f"run {COMMAND}"


def test_the_page_has_every_question_and_every_column():
    text = DOCUMENT.read_text(encoding="utf-8")
    for question in QUESTIONS.questions:
        assert f"| {question.group or ANY} | {question.question} |" in text
        assert f"`{question.column or question.photos or question.kind}`" in text
