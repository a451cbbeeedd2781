"""Conditions on the answers of a form: ``all`` or ``any`` of them, nested as deep as need be.

Compiled once, when the settings are read; mistakes are found there and not at a form::

    all:
      - {question: Kitchen cabinet damage present, is_yes: true}
      - any:
          - {question: Enter Damaged Description, matches: water}
          - {question: "Are The Lower Cabinets Detached?", group: Lower Cabinets, equals: "No"}
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from itel_cabinet_plugin.form.model import GivenAnswer, ParsedForm
from itel_cabinet_plugin.form.questions import normal

WhyNot = Callable[[ParsedForm], str | None]
"""Returns None if a form meets the conditions, else why it does not; quotes no answer."""

_Meets = Callable[[GivenAnswer], bool]

OPERATORS: Final = ("is_yes", "equals", "not_equals", "in", "not_in", "exists", "matches")
_NEGATED: Final = frozenset({"not_equals", "not_in"})
_NAMES: Final = frozenset({"question", "group"})
_YES: Final[Mapping[str, tuple[str, ...]]] = {"text": ("yes", "true")}
"""Type of answer to what a yes begins with; an option begins with "yes"."""


class WrongConditionError(ValueError):
    """Conditions that cannot be understood; says where in them."""


def compile_form_conditions(conditions: Mapping[str, Any] | None) -> WhyNot:
    """Return what tells whether a form meets *conditions*; every form meets None.

    Raises:
        WrongConditionError: They cannot be understood.
    """
    if conditions is None:
        return lambda _: None
    return _group(conditions, "conditions")


def check_form_conditions(_: Any, __: Any, value: Mapping[str, Any] | None) -> None:
    """Validate a field that holds conditions on answers.

    Raises:
        WrongConditionError: They cannot be understood.
    """
    compile_form_conditions(value)


def is_yes(answer: GivenAnswer) -> bool:
    """Tell whether an answer is a yes: an option that begins with it, or a text.

    A text may begin with "true" as well. Case and blanks before it do not matter.
    """
    if isinstance(answer.value, bool):
        return answer.value
    if not isinstance(answer.value, str):
        return False
    return answer.value.strip().casefold().startswith(_YES.get(answer.type, ("yes",)))


def _group(given: Any, where: str) -> WhyNot:
    if not isinstance(given, Mapping) or len(given) != 1 or not given.keys() <= {"any", "all"}:
        raise WrongConditionError(
            f"{where}: must be 'any: […]' or 'all: […]'; to have both, nest one in the other"
        )
    ((how, members),) = given.items()
    if not isinstance(members, list | tuple) or not members:
        raise WrongConditionError(f"{where}.{how}: must be a list with at least one condition")
    tests = [_one(member, f"{where}.{how}[{index}]") for index, member in enumerate(members)]

    def why_not(form: ParsedForm) -> str | None:
        reasons = [test(form) for test in tests]
        failed = [reason for reason in reasons if reason is not None]
        if not failed or (how == "any" and len(failed) < len(reasons)):
            return None
        return "; ".join(failed)

    return why_not


def _one(given: Any, where: str) -> WhyNot:
    if isinstance(given, Mapping) and "question" not in given and given.keys() & {"any", "all"}:
        return _group(given, where)
    if not isinstance(given, Mapping) or not _is_text(given.get("question")):
        raise WrongConditionError(
            f"{where}: must be 'any', 'all', or a 'question' with one of {', '.join(OPERATORS)}"
        )
    if "group" in given and not _is_text(given["group"]):
        raise WrongConditionError(f"{where}.group: must be the name of a group of the form")
    operators = [key for key in given if key not in _NAMES]
    if len(operators) != 1 or operators[0] not in OPERATORS:
        found = ", ".join(map(repr, operators)) or "none"
        raise WrongConditionError(
            f"{where}: needs exactly one of {', '.join(OPERATORS)} beside 'question' and "
            f"'group', found {found}"
        )
    (operator,) = operators
    meets, wanted = _comparison(operator, given[operator], f"{where}.{operator}")
    return _of_question(given["question"], given.get("group"), meets, wanted=wanted)


def _of_question(question: str, group: str | None, meets: _Meets, *, wanted: bool) -> WhyNot:
    """Return the test of one question: that an answer of it *meets* something, or that none does.

    The form's author copied sections, so a question may be in several groups.
    """
    text, title = normal(question), group and normal(group)
    shown = f"question {question!r}" + (f" of group {group!r}" if group else "")

    def why_not(form: ParsedForm) -> str | None:
        asked = [
            each
            for each in form.answers
            if normal(each.question) == text and title in (None, normal(each.group))
        ]
        given = [each for each in asked if each.value is not None]
        if any(map(meets, given)) is wanted:
            return None
        if not asked:
            return f"the form has no {shown}"
        return f"{shown} is not answered" if not given else f"{shown} is answered otherwise"

    return why_not


def _comparison(operator: str, wanted: Any, where: str) -> tuple[_Meets, bool]:
    """Return what an answer must meet, and whether one is to meet it or none."""
    if operator in ("exists", "is_yes"):
        if not isinstance(wanted, bool):
            raise WrongConditionError(f"{where}: must be true or false")
        return (is_yes if operator == "is_yes" else lambda _: True), wanted
    if operator == "matches":
        return _matching(wanted, where), True
    if operator in ("in", "not_in"):
        if not isinstance(wanted, Sequence) or isinstance(wanted, str) or not wanted:
            raise WrongConditionError(f"{where}: must be a list with at least one value")
        chosen = {_compared(_single(each, where)) for each in wanted}
    else:
        chosen = {_compared(_single(wanted, where))}
    return lambda answer: _compared(answer.value) in chosen, operator not in _NEGATED


def _matching(wanted: Any, where: str) -> _Meets:
    try:
        pattern = re.compile(wanted, re.IGNORECASE)
    except (re.error, TypeError) as error:
        raise WrongConditionError(f"{where}: is not a valid regular expression: {error}") from error
    return lambda answer: pattern.search(str(answer.value)) is not None


def _compared(value: Any) -> str:
    """Return an answer as it is compared: without case and outer blanks, 7 and 7.0 as one."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip().casefold()


def _single(value: Any, where: str) -> Any:
    if value is None or isinstance(value, Mapping | list | tuple):
        raise WrongConditionError(f"{where}: must be a single value")
    return value


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(normal(value))
