"""The readable report of a form: questions and answers in form order, under topics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from itel_cabinet_plugin.form.model import CabinetForm


def report_of(form: CabinetForm, topics: Mapping[str, list[Mapping[str, Any]]]) -> dict[str, Any]:
    """Return the report.

    Args:
        form: The form's columns.
        topics: Topic to its entries, each with ``question``, ``answer``, ``type`` and
            ``control_id``.
    """
    assigned, completed = form.date_assigned, form.date_completed
    return {
        "meta": {
            "task_id": form.task_id,
            "assignment_id": form.assignment_id,
            "project_id": form.project_id,
            "status": form.status,
            "dates": {
                "assigned": assigned and assigned.isoformat(),
                "completed": completed and completed.isoformat(),
            },
        },
        "topics": topics,
    }


def entry(question: str, answer: Any, kind: str, control_id: str | None) -> dict[str, Any]:
    """Return one question of the report."""
    return {"question": question, "answer": answer, "type": kind, "control_id": control_id}


def photo_answer(media_ids: list[int]) -> list[dict[str, Any]]:
    """Return the answer to a photo question; the form itself knows no links."""
    return [{"media_id": media_id, "url": None} for media_id in media_ids]
