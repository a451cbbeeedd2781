"""The cabinet form as production words it: the sample, asked otherwise; values invented."""

from __future__ import annotations

from typing import Any

from tests.fakes.itel_samples import completed, questions

TASK_IDS = (32615, 24454)
"""Templates in production."""

DAMAGE_PRESENT = "Kitchen cabinet damage present"
BEYOND_TOEKICKS = "Do damages extend past toekicks and/or side panels only?"
FACE_FRAMES = "Are there damages to the face frames, doors, and/or drawer fronts?"
DETAILS = "Additional details/information"

SUBMIT_WHEN: dict[str, Any] = {
    "all": [
        {"question": DAMAGE_PRESENT, "is_yes": True},
        {"question": BEYOND_TOEKICKS, "is_yes": True},
    ]
}
"""What the documentation shows."""

PROJECT: dict[str, Any] = {
    "projectId": 8800456,
    "projectNumber": "CLM-2026-000417",
    "customerInformation": {"firstName": "Pat", "lastName": "Sample"},
    "address": {
        "street1": "14 Example Lane",
        "street2": None,
        "city": "Sampleton",
        "stateProvince": "TX",
        "zipPostcode": "75001",
        "county": "Example",
        "country": "US",
    },
}
"""The form's project, as ClaimX exports it."""


def asked(text: str, export: dict[str, Any] | None, control: str = "control-000000001") -> Any:
    """Return one question with its answer."""
    component = (export or {"type": "textBox"})["type"]
    return {
        "questionText": text,
        "component": component,
        "responseAnswerExport": export,
        "formControl": {"id": control, "label": text},
    }


def option(name: str) -> dict[str, Any]:
    """Return the answer to a question with options."""
    return {"type": "option", "optionAnswer": {"name": name, "lineItems": []}}


def text(said: str) -> dict[str, Any]:
    """Return the answer to a question that takes text."""
    return {"type": "text", "text": said}


def group(name: str, group_id: str, *of: Any) -> dict[str, Any]:
    """Return a group of questions."""
    return {"name": name, "groupId": group_id, "questionAndAnswers": list(of)}


def production() -> Any:
    """Return the completed task of template 32615."""
    task = completed()
    task["taskId"] = TASK_IDS[0]
    for _, question in questions(task):
        words = question["questionText"].strip()
        if words == "Are All The Face Frames, Doors, And Drawer Fronts Damaged?":
            question["questionText"] = f" {FACE_FRAMES}"
        elif words == "Island Cabinets (linear feet)":
            question["responseAnswerExport"]["numberAnswer"]["value"] = 7
        elif words == "Enter Damaged Description":
            question["responseAnswerExport"]["text"] = "Supply line under the sink leaked"
        elif words.startswith("Now that you have been through"):
            question["responseAnswerExport"] = None
    groups = task["response"]["groups"]
    groups.insert(
        0,
        group(
            "Damage",
            "group-000000001",
            asked(DAMAGE_PRESENT, option("Yes ")),
            asked(BEYOND_TOEKICKS, option("Yes, the boxes are damaged as well")),
        ),
    )
    details = text("Door style is discontinued; a spare door is kept in the garage")
    groups.append(group("More", "group-000000002", asked(DETAILS, details)))
    groups.append(adjuster_group("Alex", "Handler", "Example Adjusting", "+1 (555) 010-0199"))
    return task


def adjuster_group(*said: str, email: str = "alex.handler@example.com") -> Any:
    """Return the group of the adjuster, whose questions only their position tells apart."""
    answers = (*said, email)
    return group("Adjuster", "group-309019430", *(asked("Enter here", text(a)) for a in answers))
