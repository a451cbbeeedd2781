"""The questions that readers ask are answered, each by a page and an anchor that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from attrs import define

DOCS = Path(__file__).parents[2] / "docs"
ROW = re.compile(r"\| ([^|]+) \| ([^|]+) \| \[[^]]+\]\(([^)#]+)#?([^)]*)\) \|")


@define(frozen=True)
class Question:
    asked: str
    answer: str
    page: str
    anchor: str


def questions() -> list[Question]:
    """Return the questions of the page."""
    text = (DOCS / "questions.md").read_text(encoding="utf-8")
    return [Question(*found) for found in ROW.findall(text)]


def anchors_of(text: str) -> set[str]:
    """Return the anchors that the site gives to the headings of a page."""
    outside = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ (.+)$", outside, re.MULTILINE)
    words = [re.sub(r"[^\w\s-]", "", each).strip().lower() for each in headings]
    return {re.sub(r"[\s-]+", "-", each) for each in words}


def test_there_are_at_least_forty_questions_and_none_twice():
    asked = [each.asked for each in questions()]
    assert len(asked) == len(set(asked))
    assert len(asked) >= 40


@pytest.mark.parametrize("question", questions(), ids=lambda each: each.asked)
def test_a_question_has_an_answer_and_a_page_with_its_anchor(question):
    page = DOCS / question.page
    assert question.answer.endswith(".")
    assert question.anchor in anchors_of(page.read_text(encoding="utf-8"))


def test_a_heading_in_code_is_not_an_anchor():
    assert anchors_of("# Once, from `files`\n```\n# x\n```\n## 2. See it") == {
        "once-from-files",
        "2-see-it",
    }
