"""Conditions on answers: which forms are for iTel, and why another one is not."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from itel_cabinet_plugin.form import parse_form
from itel_cabinet_plugin.form.conditions import (
    WrongConditionError,
    compile_form_conditions,
    is_yes,
)
from itel_cabinet_plugin.form.model import GivenAnswer
from itel_cabinet_plugin.settings import ItelSettings
from tests.fakes.itel_production import (
    BEYOND_TOEKICKS,
    DAMAGE_PRESENT,
    SUBMIT_WHEN,
    asked,
    group,
    option,
    production,
    text,
)
from tests.fakes.itel_samples import completed, question
from tests.itel_cabinet_plugin.form.test_parse_properties import EXPORTS

ROUTED = compile_form_conditions(SUBMIT_WHEN)


def test_the_form_of_production_is_for_itel_and_an_older_one_is_not():
    assert ROUTED(parse_form(production())) is None
    assert ROUTED(parse_form(completed())) == (
        f"the form has no question {DAMAGE_PRESENT!r}; the form has no question {BEYOND_TOEKICKS!r}"
    )


@pytest.mark.parametrize(
    ("export", "why"),
    [
        (option("No"), "is answered otherwise"),
        (option("true"), "is answered otherwise"),
        (text("I do not know; yes?"), "is answered otherwise"),
        ({"type": "number", "numberAnswer": {"value": 1}}, "is answered otherwise"),
        ({"type": "option", "optionAnswer": {"name": ["Yes"]}}, "is answered otherwise"),
        (None, "is not answered"),
    ],
)
def test_a_form_without_a_yes_says_why_and_quotes_no_answer(export, why):
    task = production()
    question(task, BEYOND_TOEKICKS)["responseAnswerExport"] = export
    assert ROUTED(parse_form(task)) == f"question {BEYOND_TOEKICKS!r} {why}"


@pytest.mark.parametrize(
    ("kind", "value", "yes"),
    [
        ("option", "Yes", True),
        ("option", "  YES, all of it", True),
        ("option", "true", False),
        ("option", "No", False),
        ("text", "yes they do", True),
        ("text", "True", True),
        ("text", "not true", False),
        ("", True, True),
        ("", False, False),
        ("number", 1, False),
        ("image", [1, 2], False),
    ],
)
def test_what_is_a_yes(kind, value, yes):
    assert is_yes(GivenAnswer("", "", kind, value)) is yes


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ({"question": "lower cabinets (LINEAR feet)", "equals": 18}, True),
        ({"question": "Lower Cabinets (linear feet)", "equals": "18"}, True),
        ({"question": "Lower Cabinets (linear feet)", "not_equals": 18}, False),
        ({"question": "Select Lower Cabinet Counter Type", "in": ["laminate", "Tile"]}, True),
        ({"question": "Select Lower Cabinet Counter Type", "not_in": ["Tile"]}, True),
        ({"question": "Enter Damaged Description", "matches": "SINK"}, True),
        ({"question": "Enter Damaged Description", "matches": "roof"}, False),
        ({"question": "Nothing like that", "exists": False}, True),
        ({"question": "Nothing like that", "exists": True}, False),
        ({"question": "Nothing like that", "not_equals": "x"}, True),
        ({"question": DAMAGE_PRESENT, "group": "damage", "is_yes": True}, True),
        ({"question": DAMAGE_PRESENT, "group": "More", "is_yes": True}, False),
        ({"question": DAMAGE_PRESENT, "is_yes": False}, False),
    ],
)
def test_each_operator(condition, holds):
    why = compile_form_conditions({"all": [condition]})(parse_form(production()))
    assert (why is None) is holds


def test_any_and_all_may_be_nested():
    yes, no = (
        {"question": DAMAGE_PRESENT, "is_yes": True},
        {"question": DAMAGE_PRESENT, "is_yes": False},
    )
    form = parse_form(production())
    assert compile_form_conditions({"any": [no, {"all": [yes, yes]}]})(form) is None
    assert compile_form_conditions({"all": [yes, {"any": [no, no]}]})(form) is not None
    assert compile_form_conditions(None)(form) is None


def test_a_question_that_is_asked_in_several_groups_needs_one_answer_that_fits():
    task = production()
    task["response"]["groups"].append(group("Again", "g", asked(DAMAGE_PRESENT, option("No"))))
    assert ROUTED(parse_form(task)) is None


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ([], "must be 'any"),
        ({"any": [], "all": []}, "must be 'any"),
        ({"all": []}, "at least one"),
        ({"all": ["x"]}, "conditions.all[0]: must be"),
        ({"all": [{"field": "task_id", "equals": 1}]}, "a 'question' with one of"),
        ({"all": [{"question": " ?! ", "is_yes": True}]}, "a 'question' with one of"),
        ({"all": [{"question": "q"}]}, "found none"),
        ({"all": [{"question": "q", "is_yes": True, "in": ["x"]}]}, "found 'is_yes', 'in'"),
        ({"all": [{"question": "q", "says": "x"}]}, "found 'says'"),
        ({"all": [{"question": "q", "is_yes": "yes"}]}, "is_yes: must be true or false"),
        ({"all": [{"question": "q", "exists": 1}]}, "exists: must be true or false"),
        ({"all": [{"question": "q", "in": "x"}]}, "in: must be a list"),
        ({"all": [{"question": "q", "equals": [1]}]}, "equals: must be a single value"),
        ({"all": [{"question": "q", "equals": None}]}, "equals: must be a single value"),
        ({"all": [{"question": "q", "matches": "("}]}, "not a valid regular expression"),
        ({"all": [{"question": "q", "group": 7, "is_yes": True}]}, "name of a group"),
        ({"any": [{"all": [{"question": "q"}]}]}, "conditions.any[0].all[0]: needs"),
    ],
)
def test_a_mistake_is_found_when_the_settings_are_read(wrong, said):
    with pytest.raises(WrongConditionError) as caught:
        ItelSettings(submit_when=wrong)
    assert said in str(caught.value)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.none() | EXPORTS, min_size=2, max_size=2))
def test_whatever_is_answered_a_form_is_for_itel_or_there_is_a_reason(exports):
    task = production()
    for words, export in zip((DAMAGE_PRESENT, BEYOND_TOEKICKS), exports, strict=True):
        question(task, words)["responseAnswerExport"] = export
    parsed = parse_form(task)
    why = ROUTED(parsed)
    said = {each.question: each for each in parsed.answers}
    both = all(is_yes(said[words]) for words in (DAMAGE_PRESENT, BEYOND_TOEKICKS))
    assert (why is None) is both
