"""Whatever people do to a form: it is read, nothing is lost, and what goes out is valid."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st

from itel_cabinet_plugin.form import CabinetForm, parse_form
from itel_cabinet_plugin.submission.payload import submission_of
from itel_cabinet_plugin.submission.schema import SubmissionSchema
from tests.fakes.itel_samples import completed, old_wording, questions

SCHEMA = SubmissionSchema()
MEASURED = re.compile("_lf$|^num_")
"""Columns of lengths and counts."""

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=12)
    | st.sampled_from(["Yes", "No", "Not Available", "Offsite", "null", "7.5"])
)
JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)
EXPORTS = JSON | st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["option", "number", "text", "image", "signature"]) | JSON,
        "optionAnswer": st.fixed_dictionaries({"name": JSON, "lineItems": JSON}) | JSON,
        "numberAnswer": st.fixed_dictionaries({"value": JSON}) | JSON,
        "text": JSON,
        "textAnswer": JSON,
        "claimMediaIds": st.lists(SCALARS, max_size=4) | JSON,
    },
)


def slim() -> Any:
    """Return the completed task without what no parser reads, so that examples can be printed."""
    task = completed()
    task["customTask"] = None
    for _, question in questions(task):
        question["formControl"] = {"id": question["formControl"]["id"]}
    return task


CHANGES = st.sampled_from(
    ["keep", "keep", "drop", "duplicate", "reword", "restyle", "answer", "control", "junk"]
)


def changed(draw: st.DrawFn, question: Any) -> list[Any]:
    """Return what has become of *question*."""
    change = draw(CHANGES)
    changes = {
        "reword": lambda: {"questionText": draw(SCALARS)},
        "restyle": lambda: {"questionText": f"  {question['questionText'].upper()} !"},
        "answer": lambda: {"responseAnswerExport": draw(EXPORTS)},
        "control": lambda: {"formControl": draw(JSON)},
    }
    if change in changes:
        return [{**question, **changes[change]()}]
    others = {
        "keep": [question],
        "drop": [],
        "duplicate": [question, json.loads(json.dumps(question))],
    }
    return others[change] if change in others else [draw(SCALARS)]


@st.composite
def tasks(draw: st.DrawFn) -> Any:
    """A completed task whose questions were changed in every way at once."""
    task = draw(st.sampled_from([slim, old_wording]))()
    groups = task["response"]["groups"]
    for group in groups:
        asked = [
            each for question in group["questionAndAnswers"] for each in changed(draw, question)
        ]
        group["questionAndAnswers"] = draw(st.permutations(asked))
        if draw(st.integers(0, 9)) == 0:
            group["name"] = draw(SCALARS)
    task["response"]["groups"] = draw(st.permutations(groups))
    return task


def leaves(value: Any) -> Counter[tuple[str, Any]]:
    """Return every scalar in *value* that says something."""
    if isinstance(value, dict):
        return sum((leaves(inner) for inner in value.values()), Counter())
    if isinstance(value, list):
        return sum((leaves(inner) for inner in value), Counter())
    return Counter() if value is None or value == "" else Counter([(type(value).__name__, value)])


def answers(task: Any) -> Counter[tuple[str, Any]]:
    """Return every scalar of every answer in *task*, and of what is no question at all."""
    found: Counter[tuple[str, Any]] = Counter()
    for group in task["response"]["groups"]:
        for question in group["questionAndAnswers"]:
            if not isinstance(question, dict):
                found += leaves(question)
                continue
            export = question["responseAnswerExport"]
            if isinstance(export, dict):
                export = {name: value for name, value in export.items() if name != "type"}
            found += leaves(export)
    return found


@settings(max_examples=60, deadline=None)
@given(tasks())
def test_no_form_fails_and_no_answer_is_lost(task: Any) -> None:
    parsed = parse_form(task)
    raw = json.loads(parsed.form.raw_data or "")
    kept = sum((leaves(entry["a"]) for group in raw.values() for entry in group), Counter())
    assert answers(task) - kept == Counter()


@settings(max_examples=60, deadline=None)
@given(tasks())
def test_every_column_holds_its_type_and_what_goes_out_is_valid(task: Any) -> None:
    """But for lengths and counts out of range, which the schema refuses on purpose."""
    parsed = parse_form(task)
    measured = [each.name for each in attrs.fields(CabinetForm) if MEASURED.search(each.name)]
    odd = [name for name in measured if not 0 <= (getattr(parsed.form, name) or 0) < 2**31]
    for column in attrs.fields(CabinetForm):
        value = getattr(parsed.form, column.name)
        if value is not None:
            assert type(value).__name__ == str(column.type).split(" |", maxsplit=1)[0]
    form = attrs.evolve(parsed.form, **dict.fromkeys(odd))
    SCHEMA.check(submission_of(attrs.evolve(parsed, form=form)))


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(completed())), JSON))
def test_whatever_stands_in_the_task_itself_it_is_read(changes: dict[str, Any]) -> None:
    parse_form({**completed(), **changes})


@settings(max_examples=15, deadline=None)
@given(st.randoms(use_true_random=False))
def test_the_order_of_groups_and_questions_does_not_matter(random: Any) -> None:
    task = completed()
    random.shuffle(task["response"]["groups"])
    for group in task["response"]["groups"]:
        random.shuffle(group["questionAndAnswers"])
    expected, found = parse_form(completed()), parse_form(task)
    assert attrs.evolve(found.form, raw_data="") == attrs.evolve(expected.form, raw_data="")
    assert set(found.attachments) == set(expected.attachments)
