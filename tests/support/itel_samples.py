"""The cabinet form's samples: real wire shapes, invented values."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "data" / "itel"


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
