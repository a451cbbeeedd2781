"""The cabinet repair form of task template 32513: seeded answers in the real wire shape.

Source of the form: ``data/task_32513_completed.json``, whose groups, questions, controls,
options and conditions are those of the real form; its values are invented.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from random import Random
from typing import Any

import msgspec
from attrs import field, frozen

Answer = str | float | int | None
"""An option's name, a number, a text, or for a photo question how many photos it has."""

FormAnswers = tuple[Answer, ...]
"""One answer for each question, in form order."""

_MARK = "@answer@"
_DESCRIPTIONS = (
    "Dishwasher supply line leaked; toe kicks and box bottoms have swollen",
    "Grease fire at the range, smoke and heat damage to the wall boxes",
    "Refrigerator line burst overnight — veneer is delaminating on three boxes",
    "Water came through the ceiling, end panels are stained and warped",
    "Sewer backup, about two inches of water across the kitchen",
)
_REMARKS = (
    None,
    "No",
    "Door style is discontinued; a spare door is kept in the garage ",
    "Tile on the short run beside the range",
    "Contractor has already removed the kick plates",
)


@frozen
class CabinetForm:
    """The form without its answers."""

    task: Mapping[str, Any]
    """A completed task as the API gives it; its values are an example."""
    questions: tuple[Mapping[str, Any], ...]
    """In form order."""
    controls: tuple[tuple[str, str], ...]
    """Group id and control id of each question; a control id alone is not unique."""
    pieces: tuple[bytes, ...] = field(repr=False)
    """The encoded response, cut where the answers are."""

    def draw(self, rng: Random) -> FormAnswers:
        """Return answers that obey the form's own show and hide conditions."""
        given: dict[tuple[str, str], Answer] = {}
        answers: list[Answer] = []
        for question, control in zip(self.questions, self.controls, strict=True):
            answer = _draw(question, given, rng)
            given[control] = answer
            answers.append(answer)
        return tuple(answers)

    def photo_count(self, answers: FormAnswers) -> int:
        """Return how many photos *answers* need."""
        return sum(
            int(answer or 0)
            for question, answer in zip(self.questions, answers, strict=True)
            if _kind(question) == "image"
        )

    def response(self, answers: FormAnswers, photo_ids: Sequence[int]) -> msgspec.Raw:
        """Return the encoded ``response`` of a completed task.

        Args:
            answers: As drawn.
            photo_ids: Media ids of the photos, as many as ``photo_count`` says.
        """
        photos = iter(photo_ids)
        parts = [self.pieces[0]]
        for question, answer, piece in zip(self.questions, answers, self.pieces[1:], strict=True):
            parts.append(msgspec.json.encode(_export(_kind(question), answer, photos)))
            parts.append(piece)
        return msgspec.Raw(b"".join(parts))


@cache
def cabinet_form() -> CabinetForm:
    """Return the form; it is read once."""
    source = files("claimx_pipeline.simulator") / "data" / "task_32513_completed.json"
    task = msgspec.json.decode(source.read_bytes())
    response = task["response"]
    questions, controls = [], []
    for group in response["groups"]:
        for question in group["questionAndAnswers"]:
            controls.append((group["groupId"], question["formControl"]["id"]))
            questions.append(dict(question))
            question["responseAnswerExport"] = _MARK
    pieces = tuple(msgspec.json.encode(response).split(b'"' + _MARK.encode() + b'"'))
    return CabinetForm(task, tuple(questions), tuple(controls), pieces)


def _kind(question: Mapping[str, Any]) -> str:
    kind: str = question["responseAnswerExport"]["type"]
    return kind


def _draw(
    question: Mapping[str, Any], given: Mapping[tuple[str, str], Answer], rng: Random
) -> Answer:
    control = question["formControl"]
    match _kind(question):
        case "option":
            names: list[str] = [option["name"] for option in control["options"]]
            return rng.choice([names[0], *names])  # mostly the first: damaged
        case "number" if "linear feet" in question["questionText"]:
            return rng.choice((0, 4, 7.5, 12, 14.25, 18, 22))
        case "number":
            return rng.randint(0, 8)
        case "image":
            return 0 if _hidden(control["fieldConditions"], given) else rng.randint(1, 3)
        case _:
            return rng.choice(_DESCRIPTIONS if control["required"] else _REMARKS)


def _hidden(rule: Mapping[str, Any] | None, given: Mapping[tuple[str, str], Answer]) -> bool:
    """Tell whether a question's condition keeps it from the person who fills in the form."""
    if rule is None:
        return False
    condition = rule["conditionStatements"][0]["conditions"][0]
    source = condition["calculatedQuestions"][0]
    control = (source["sourceGroupId"], source["sourceControlId"])
    met = given.get(control) == condition["answer"]
    return met if rule["logicAction"] == "hide" else not met


def _export(kind: str, answer: Answer, photos: Iterator[int]) -> dict[str, Any]:
    match kind:
        case "option":
            return {"type": kind, "optionAnswer": {"name": answer, "lineItems": []}}
        case "number":
            return {"type": kind, "numberAnswer": {"value": answer, "lineItems": []}}
        case "image":
            ids = [next(photos) for _ in range(int(answer or 0))]
            return {"type": kind, "claimMediaIds": ids, "imageInfoDTOs": []}
        case _:
            return {"type": kind, "text": answer}
