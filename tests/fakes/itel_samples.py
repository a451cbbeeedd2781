"""The cabinet form's samples: real wire shapes, invented values."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "data" / "itel"


# What the completed sample says: its own columns, the answers, and photos by question key.

IDENTITY: dict[str, Any] = {
    "assignment_id": 7001234,
    "task_id": 32513,
    "task_name": "ITEL Cabinet Repair Form",
    "project_id": "8800456",
    "form_id": "6a1f0c3e5d7b9a2468ace013",
    "form_response_id": "6a1f4b8890fe12dc34ab56cd",
    "status": "COMPLETED",
    "date_assigned": datetime(2026, 1, 12, 14, 5, 31, 204000, UTC),
    "date_completed": datetime(2026, 1, 12, 16, 48, 9, 771000, UTC),
    "customer_first_name": "Pat",
    "customer_last_name": "Sample",
    "customer_email": "pat.sample@example.com",
    "customer_phone": "5550100147",
    "assignor_email": "adjuster@example.com",
    "external_link_url": "https://claimx.example.com/external/task/5200311/Zz9Yx1",
}

ANSWERS: dict[str, Any] = {
    "damage_description": "Supply line under the sink leaked and the toe kicks and box "
    "bottoms have swollen",
    "additional_notes": "Door style is discontinued; a spare door is kept in the garage ",
    "countertops_lf": 22.0,
    "lower_cabinets_damaged": True,
    "lower_cabinets_lf": 18.0,
    "num_damaged_lower_boxes": 4,
    "lower_cabinets_detached": False,
    "lower_face_frames_doors_drawers_available": "Disposed Of",
    "lower_face_frames_doors_drawers_damaged": "Yes",
    "lower_finished_end_panels_damaged": True,
    "lower_end_panel_damage_present": True,
    "lower_counter_type": "Laminate",
    "upper_cabinets_damaged": True,
    "upper_cabinets_lf": 14.0,
    "num_damaged_upper_boxes": 2,
    "upper_cabinets_detached": False,
    "upper_face_frames_doors_drawers_available": "Yes",
    "upper_face_frames_doors_drawers_damaged": "No",
    "upper_finished_end_panels_damaged": False,
    "upper_end_panel_damage_present": False,
    "full_height_cabinets_damaged": True,
    "full_height_cabinets_lf": 5.0,
    "num_damaged_full_height_boxes": 1,
    "full_height_cabinets_detached": True,
    "full_height_face_frames_doors_drawers_available": "No",
    "full_height_face_frames_doors_drawers_damaged": "Not Available",
    "full_height_finished_end_panels_damaged": True,
    "island_cabinets_damaged": True,
    "island_cabinets_lf": 7.5,
    "num_damaged_island_boxes": 3,
    "island_cabinets_detached": True,
    "island_face_frames_doors_drawers_available": "Offsite",
    "island_face_frames_doors_drawers_damaged": "Yes",
    "island_finished_end_panels_damaged": True,
    "island_end_panel_damage_present": True,
    "island_counter_type": "Quartz",
}

PHOTOS: dict[str, list[int]] = {
    "overview_photos": [91000101, 91000102, 91000103],
    "lower_cabinet_box": [91000104, 91000105],
    "lower_face_frames_doors_drawers": [91000106, 91000107],
    "lower_cabinet_end_panels": [91000108],
    "upper_cabinet_box": [91000109, 91000110],
    "upper_face_frames_doors_drawers": [91000111],
    "upper_cabinet_end_panels": [91000112],
    "full_height_cabinet_box": [91000113, 91000114],
    "full_height_face_frames_doors_drawers": [91000115],
    "full_height_end_panels": [91000116],
    "island_cabinet_box": [91000117, 91000118],
    "island_face_frames_doors_drawers": [91000119],
    "island_cabinet_end_panels": [91000120, 91000121],
}


def sample(name: str) -> Any:
    """Return a fresh copy of sample *name*."""
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


def completed() -> Any:
    """Return the completed task as the API answers it."""
    return sample("task_32513_completed")


def old_wording() -> Any:
    """Return the completed task as an older form words it."""
    return sample("task_32513_completed_old_wording")


def questions(task: Any) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Return every group and question of *task*."""
    return [
        (group, question)
        for group in task["response"]["groups"]
        for question in group["questionAndAnswers"]
    ]


def question(task: Any, text: str, group: str = "") -> dict[str, Any]:
    """Return the first question of *task* with *text*, in a group whose name has *group*."""
    return next(
        asked
        for of, asked in questions(task)
        if asked["questionText"].strip() == text and group in of["name"]
    )
