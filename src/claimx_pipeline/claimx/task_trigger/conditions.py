"""Conditions of triggers: ``all`` or ``any`` of comparisons, nested as deep as need be.

Compiled once, when the settings are read; mistakes are found there and not at an event.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from attrs import frozen

from claimx_pipeline.domain.entities import EntityRow
from claimx_pipeline.hooks.context import EnrichmentContext

Holds = Callable[[EnrichmentContext, EntityRow], bool]
"""Tells whether a condition holds for an event and one of its tasks."""

_Read = Callable[[EnrichmentContext, EntityRow], Any]

_OF_EVENT: Mapping[str, _Read] = {
    "event_id": lambda context, _: context.event_id,
    "event_type": lambda context, _: context.event_type,
    "project_id": lambda context, _: context.project_id,
    "stage": lambda context, _: context.stage,
}

_OF_TASK: Mapping[str, str] = {
    "task_id": "task_id",
    "assignment_id": "assignment_id",
    "task_name": "task_name",
    "task_status": "status",
}
"""Name of a field to the column of the task."""

_STATUS = frozenset({"task_status", "task.status", "project.status"})
"""Compared without case: ClaimX writes them one way here and another there."""

_OPERATORS = ("equals", "not_equals", "in", "not_in", "exists", "matches")


class WrongConditionError(ValueError):
    """Conditions that cannot be understood; says where in them."""


@frozen
class Compared:
    """A value as it is compared: ids may be numbers here and texts there."""

    text: str | None

    @classmethod
    def of(cls, value: Any, *, without_case: bool) -> Compared:
        """Return *value* as it is compared."""
        if value is None:
            return cls(None)
        text = str(value).lower() if isinstance(value, bool) else str(value)
        return cls(text.casefold() if without_case else text)


def compile_conditions(conditions: Mapping[str, Any] | None) -> Holds:
    """Return what tells whether *conditions* hold; None always holds.

    Raises:
        WrongConditionError: They cannot be understood.
    """
    if conditions is None:
        return lambda _, __: True
    return _group(conditions, "conditions")


def check_conditions(_: Any, __: Any, value: Mapping[str, Any] | None) -> None:
    """Validate a field that holds conditions.

    Raises:
        WrongConditionError: They cannot be understood.
    """
    compile_conditions(value)


def _group(given: Any, where: str) -> Holds:
    if not isinstance(given, Mapping) or len(given) != 1 or not given.keys() <= {"any", "all"}:
        raise WrongConditionError(
            f"{where}: must be 'any: […]' or 'all: […]'; to have both, nest one in the other"
        )
    ((how, members),) = given.items()
    if not isinstance(members, (list, tuple)) or not members:
        raise WrongConditionError(f"{where}.{how}: must be a list with at least one condition")
    holding = [_one(member, f"{where}.{how}[{index}]") for index, member in enumerate(members)]
    if how == "any":
        return lambda context, task: any(holds(context, task) for holds in holding)
    return lambda context, task: all(holds(context, task) for holds in holding)


def _one(given: Any, where: str) -> Holds:
    if isinstance(given, Mapping) and "field" not in given and given.keys() & {"any", "all"}:
        return _group(given, where)
    if not isinstance(given, Mapping) or not isinstance(given.get("field"), str):
        raise WrongConditionError(
            f"{where}: must be 'any', 'all', or a 'field' with one of {', '.join(_OPERATORS)}"
        )
    name = str(given["field"])
    read = _reader(name, where)
    operators = [key for key in given if key != "field"]
    if len(operators) != 1 or operators[0] not in _OPERATORS:
        found = ", ".join(map(repr, operators)) or "none"
        raise WrongConditionError(
            f"{where}: needs exactly one of {', '.join(_OPERATORS)} beside 'field', found {found}"
        )
    (operator,) = operators
    holds = _comparison(operator, given[operator], name in _STATUS, f"{where}.{operator}")
    return lambda context, task: holds(read(context, task))


def _reader(name: str, where: str) -> _Read:
    if name in _OF_EVENT:
        return _OF_EVENT[name]
    if name in _OF_TASK:
        column = _OF_TASK[name]
        return lambda _, task: task.get(column)
    kind, dot, column = name.partition(".")
    if dot and kind == "task" and column in _columns("tasks"):
        return lambda _, task: task.get(column)
    if dot and kind == "project" and column in _columns("projects"):
        return lambda context, _: (context.project or {}).get(column)
    known = ", ".join((*_OF_EVENT, *_OF_TASK))
    raise WrongConditionError(
        f"{where}: unknown field {name!r}; there are {known}, and 'task.' or 'project.' "
        "followed by a column of its table"
    )


def _columns(kind: str) -> Collection[str]:
    from claimx_pipeline.claimx.tables import ENTITY_TABLES  # noqa: PLC0415 - slow to import

    return {column.name for column in ENTITY_TABLES[kind].columns}


def _comparison(
    operator: str, wanted: Any, without_case: bool, where: str
) -> Callable[[Any], bool]:
    if operator == "exists":
        if not isinstance(wanted, bool):
            raise WrongConditionError(f"{where}: must be true or false")
        return lambda value: (value is not None) is wanted
    if operator == "matches":
        return _matching(wanted, without_case, where)
    if operator in ("in", "not_in"):
        if not isinstance(wanted, Sequence) or isinstance(wanted, str) or not wanted:
            raise WrongConditionError(f"{where}: must be a list with at least one value")
        chosen = {Compared.of(_single(each, where), without_case=without_case) for each in wanted}
    else:
        chosen = {Compared.of(_single(wanted, where), without_case=without_case)}
    inside = operator in ("equals", "in")
    return lambda value: (Compared.of(value, without_case=without_case) in chosen) is inside


def _single(value: Any, where: str) -> Any:
    if isinstance(value, (Mapping, list, tuple)):
        raise WrongConditionError(f"{where}: must be a single value")
    return value


def _matching(wanted: Any, without_case: bool, where: str) -> Callable[[Any], bool]:
    try:
        pattern = re.compile(wanted, re.IGNORECASE if without_case else 0)
    except (re.error, TypeError) as error:
        raise WrongConditionError(f"{where}: is not a valid regular expression: {error}") from error
    return lambda value: value is not None and pattern.search(str(value)) is not None
