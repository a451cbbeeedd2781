"""``CreateClaimxTask``: for which project a task is asked, as in every version before."""

import pytest

from claimx_pipeline.hooks import CreateClaimxTask


def asked(**named) -> tuple[str | None, str | None]:
    task = CreateClaimxTask(task_type="T", task_data={}, **named).asked("claimx", "7")
    return task.project_id, task.claim_number


@pytest.mark.parametrize(
    ("named", "wanted"),
    [
        ({}, ("7", None)),
        ({"project_id": ""}, ("7", None)),
        ({"project_id": "8"}, ("8", None)),
        ({"claim_number": "C"}, (None, "C")),
        ({"project_id": "", "claim_number": "C"}, (None, "C")),
        ({"project_id": "8", "claim_number": "C"}, ("8", "C")),
    ],
)
def test_an_empty_project_is_none(named, wanted):
    assert asked(**named) == wanted


def test_a_task_for_an_event_of_another_domain_names_its_project_or_claim():
    with pytest.raises(ValueError, match="for an event of domain 'acme' must name its project"):
        CreateClaimxTask(task_type="T", task_data={}, project_id="").asked("acme", "7")
