"""Walks a form's response and yields every question, whatever state the response is in.

Nothing that might be an answer is passed over: what does not look like a question is
yielded as ``malformed``, whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from itel_cabinet_plugin.form.answers import Answer, is_nothing, read_answer

_AROUND: Final = frozenset(
    {"countryEnum", "companyLogoUrl", "taskName", "taskFormName", "groupName", "groupId"}
)
"""Fields of responses, groups and questions that say nothing about an answer."""

_AROUND_QUESTION: Final = _AROUND | {"questionText", "formControl", "component"}


class Asked(NamedTuple):
    """One question as it is in the response."""

    group: str
    """Name of its group, without outer spaces."""
    text: str | None
    """The question's text as it is written; None if it has none."""
    control_id: str | None
    answer: Answer
    malformed: str = ""
    """What is wrong with its shape, if anything is."""
    group_id: str | None = None
    position: int = 0
    """Where in its group it is, from 0."""


def questions_of(response: Any) -> Iterator[Asked]:
    """Yield every question of *response*, in form order."""
    if response is None:
        return
    if not isinstance(response, dict):
        yield _malformed("", response, "the response is not an object")
        return
    groups = response.get("groups")
    if groups is None:
        rest = _rest(response, _AROUND | {"groups"})
        if rest:
            yield _malformed("", rest, "the response has no groups")
        return
    if not isinstance(groups, list):
        yield _malformed("", groups, "the groups are not a list")
        return
    for group in groups:
        yield from _questions_of_group(group)


def _questions_of_group(group: Any) -> Iterator[Asked]:
    if not isinstance(group, dict):
        yield _malformed("", group, "a group is not an object")
        return
    name = group.get("name")
    title = name.strip() if isinstance(name, str) else "" if name is None else str(name)
    questions = group.get("questionAndAnswers")
    if questions is None:
        rest = _rest(group, _AROUND | {"name", "questionAndAnswers"})
        if rest:
            yield _malformed(title, rest, "the group has no questions")
        return
    if not isinstance(questions, list):
        yield _malformed(title, questions, "the questions are not a list")
        return
    given = group.get("groupId")
    group_id = given.strip() if isinstance(given, str) else None
    for position, question in enumerate(questions):
        yield _question(title, question)._replace(group_id=group_id, position=position)


def _question(group: str, question: Any) -> Asked:
    if not isinstance(question, dict):
        return _malformed(group, question, "a question is not an object")
    control = question.get("formControl")
    control_id = control.get("id") if isinstance(control, dict) else None
    control_id = control_id if isinstance(control_id, str) else None
    if "responseAnswerExport" in question:
        answer, malformed = read_answer(question["responseAnswerExport"]), ""
    else:
        rest = _rest(question, _AROUND_QUESTION) or None
        answer, malformed = Answer("", rest, rest), "the question has no answer field"
    text = question.get("questionText")
    if not isinstance(text, str):
        # Without its text a question cannot be distinguished from others: keep all of it.
        kept = answer if text is None else Answer("", dict(question), dict(question))
        return Asked(group, None, control_id, kept, "the question has no text")
    return Asked(group, text, control_id, answer, malformed)


def _malformed(group: str, content: Any, what: str) -> Asked:
    return Asked(group, None, None, Answer("", content, content), what)


def _rest(content: dict[str, Any], known: frozenset[str]) -> dict[str, Any]:
    return {
        name: value
        for name, value in content.items()
        if name not in known and not is_nothing(value)
    }
