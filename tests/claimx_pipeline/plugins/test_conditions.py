"""Conditions: what they compare, how they nest, and which mistakes are found when read."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claimx_pipeline import EnrichmentContext, EntityRows, Event
from claimx_pipeline.plugins.conditions import WrongConditionError, compile_conditions

TASK = {
    "task_id": 4001,
    "assignment_id": 300,
    "task_name": "Photos",
    "status": "COMPLETED",
    "stp_enabled": True,
    "mfn": None,
}


def holds(condition: dict, task: dict = TASK) -> bool:
    """Tell whether one condition holds for a completed task of project 700100."""
    event = Event("e1", "CUSTOM_TASK_COMPLETED", "700100", datetime(2026, 1, 1, tzinfo=UTC))
    context = EnrichmentContext(event, EntityRows(projects=[{"city": "Bonn"}], tasks=[task]))
    return compile_conditions({"all": [condition]})(context, task)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"field": "task_id", "equals": 4001}, True),
        ({"field": "task_id", "equals": "4001"}, True),
        ({"field": "project_id", "equals": 700100}, True),
        ({"field": "task_id", "not_equals": 4001}, False),
        ({"field": "task_id", "not_equals": 4002}, True),
        ({"field": "task_status", "equals": "completed"}, True),
        ({"field": "task.status", "in": ["Completed", "assigned"]}, True),
        ({"field": "task_status", "matches": "^comp"}, True),
        ({"field": "task_name", "equals": "photos"}, False),
        ({"field": "task_name", "matches": "^Ph.*s$"}, True),
        ({"field": "task_name", "matches": "^ph"}, False),
        ({"field": "event_type", "in": ["CUSTOM_TASK_COMPLETED"]}, True),
        ({"field": "event_type", "not_in": ["CUSTOM_TASK_COMPLETED"]}, False),
        ({"field": "event_id", "equals": "e1"}, True),
        ({"field": "stage", "equals": "enrichment_complete"}, True),
        ({"field": "assignment_id", "exists": True}, True),
        ({"field": "task.mfn", "exists": True}, False),
        ({"field": "task.mfn", "exists": False}, True),
        ({"field": "task.mfn", "equals": None}, True),
        ({"field": "task.mfn", "equals": "None"}, False),
        ({"field": "task.mfn", "matches": "."}, False),
        ({"field": "task.mfn", "not_in": ["x"]}, True),
        ({"field": "task.stp_enabled", "equals": True}, True),
        ({"field": "task.stp_enabled", "equals": "true"}, True),
        ({"field": "task.form_id", "exists": True}, False),
        ({"field": "project.city", "equals": "Bonn"}, True),
        ({"any": [{"field": "task_id", "equals": 1}, {"field": "task_id", "equals": 4001}]}, True),
        ({"any": [{"field": "task_id", "equals": 1}, {"field": "task_id", "equals": 2}]}, False),
        (
            {
                "all": [
                    {"field": "task_id", "exists": True},
                    {"any": [{"all": [{"field": "project_id", "equals": "700100"}]}]},
                ]
            },
            True,
        ),
    ],
)
def test_a_condition_holds(condition, expected):
    assert holds(condition) is expected


@pytest.mark.incident("PLG-04")
@pytest.mark.parametrize(
    ("conditions", "told"),
    [
        ([], "conditions: must be"),
        ({}, "conditions: must be"),
        ({"any": [], "all": []}, "nest one in the other"),
        ({"any": []}, "conditions.any: must be a list with at least one"),
        ({"any": "x"}, "conditions.any: must be a list"),
        ({"any": ["x"]}, "conditions.any[0]: must be"),
        ({"any": [{"equals": 1}]}, "conditions.any[0]"),
        ({"all": [{"field": "task_id"}]}, "needs exactly one of"),
        ({"all": [{"field": "task_id", "equals": 1, "in": [1]}]}, "found 'equals', 'in'"),
        ({"all": [{"field": "task_id", "equal": 1}]}, "found 'equal'"),
        ({"all": [{"field": "taskid", "equals": 1}]}, "unknown field 'taskid'"),
        ({"all": [{"field": "task.nothing", "equals": 1}]}, "unknown field 'task.nothing'"),
        ({"all": [{"field": "task_id", "in": 1}]}, "conditions.all[0].in: must be a list"),
        ({"all": [{"field": "task_id", "in": []}]}, "at least one value"),
        ({"all": [{"field": "task_id", "equals": [1]}]}, "must be a single value"),
        ({"all": [{"field": "task_id", "exists": "yes"}]}, "must be true or false"),
        ({"all": [{"field": "task_name", "matches": "("}]}, "not a valid regular expression"),
        ({"all": [{"any": [{"field": "x", "equals": 1}]}]}, "conditions.all[0].any[0]"),
    ],
)
def test_a_mistake_is_found_when_it_is_read(conditions, told):
    with pytest.raises(WrongConditionError) as raised:
        compile_conditions(conditions)
    assert told in str(raised.value)


@given(st.one_of(st.integers(0, 10**12), st.text(), st.booleans(), st.none()), st.data())
def test_equals_and_not_equals_never_agree(value, data):
    wanted = data.draw(st.one_of(st.just(value), st.integers(), st.text(), st.none()))
    task = {**TASK, "task_name": value}
    same = holds({"field": "task_name", "equals": wanted}, task)
    assert same is not holds({"field": "task_name", "not_equals": wanted}, task)
    assert same is holds({"field": "task_name", "in": [wanted]}, task)
    if value == wanted and type(value) is type(wanted):
        assert same
