"""Reads a task's assignment, as the ClaimX API answers it, into the cabinet form.

A form is filled in by people and its questions are edited by others. So nothing in it
makes reading fail: what does not fit is kept in ``raw_data`` and listed in ``unmatched``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar

from attrs import define, field

from claimx_pipeline.values import identifier, instant
from itel_cabinet_plugin.form import adjuster
from itel_cabinet_plugin.form.asked import Asked, questions_of
from itel_cabinet_plugin.form.model import (
    Adjuster,
    CabinetForm,
    FormAttachment,
    GivenAnswer,
    ParsedForm,
    Reason,
    Unmatched,
)
from itel_cabinet_plugin.form.questions import ALIAS, QUESTIONS, Question, topic_of
from itel_cabinet_plugin.form.report import entry, photo_answer, report_of
from itel_cabinet_plugin.form.values import (
    READERS,
    UnfitAnswerError,
    label,
    phone,
    read_id,
    whole_id,
    written,
)

T = TypeVar("T")


def parse_form(
    assignment: Mapping[str, Any],
    *,
    event_id: str | None = None,
    parsed_at: datetime | None = None,
) -> ParsedForm:
    """Return the cabinet form in *assignment*.

    Never fails because of what the form says. An assignment without a response (not
    completed yet) gives a form without answers.

    Args:
        assignment: ``GET /customTasks/assignment/{id}?full=true``, decoded.
        event_id: The event that asked for it.
        parsed_at: When; becomes ``ingested_at``, ``created_at`` and ``updated_at``.
    """
    odd: list[Unmatched] = []
    identity = _identity(assignment, odd)
    reading = _Reading(identity, event_id, parsed_at, unmatched=odd)
    response = assignment.get("response")
    for asked in questions_of(response):
        reading.take(asked)
    if response is not None:
        reading.tell_missing()
    form = CabinetForm(
        **reading.identity,
        **reading.columns,
        event_id=event_id,
        raw_data=_json(reading.raw),
        ingested_at=parsed_at,
        created_at=parsed_at,
        updated_at=parsed_at,
    )
    return ParsedForm(
        form=form,
        attachments=tuple(reading.attachments),
        unmatched=tuple(reading.unmatched),
        adjuster=Adjuster(**reading.adjuster),
        answers=tuple(reading.answers),
        unfit=frozenset(name for name in reading.unfit if reading.columns.get(name) is None),
        report=report_of(form, reading.topics),
        date_assigned=written(form.date_assigned, assignment.get("dateAssigned")),
        date_completed=written(form.date_completed, assignment.get("dateCompleted")),
    )


def _identity(assignment: Mapping[str, Any], odd: list[Unmatched]) -> dict[str, Any]:
    """Return the columns that do not come from questions; note in *odd* what is not one."""

    def read(reader: Callable[[Any], T | None], name: str) -> T | None:
        given = assignment.get(name)
        try:
            return None if given is None else reader(given)
        except ValueError as error:
            odd.append(Unmatched("", name, None, "bad_value", str(error)))
            return None

    project_id = read(read_id, "projectId")
    link = assignment.get("externalLinkData")
    link = link if isinstance(link, dict) else {}
    return {
        "assignment_id": read(read_id, "assignmentId"),
        "task_id": read(read_id, "taskId"),
        "task_name": label(assignment.get("taskName")),
        "project_id": None if project_id is None else str(project_id),
        "form_id": read(identifier, "formId"),
        "form_response_id": read(identifier, "formResponseId"),
        "status": label(assignment.get("status")),
        "date_assigned": read(instant, "dateAssigned"),
        "date_completed": read(instant, "dateCompleted"),
        "customer_first_name": label(link.get("firstName")),
        "customer_last_name": label(link.get("lastName")),
        "customer_email": label(link.get("email")),
        "customer_phone": phone(link.get("phone")),
        # The API calls the adjuster's e-mail "assignor"; there is no "assignorEmail".
        "assignor_email": label(assignment.get("assignor")),
        "external_link_url": label(link.get("url")),
    }


def _json(raw: Mapping[str, Any]) -> str:
    try:
        return json.dumps(raw, ensure_ascii=False, default=str, allow_nan=False)
    except ValueError:
        return json.dumps(_finite(raw), ensure_ascii=False, default=str, allow_nan=False)


def _finite(value: Any) -> Any:
    """Return *value* with texts for the numbers that JSON does not know."""
    if isinstance(value, Mapping):
        return {name: _finite(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_finite(inner) for inner in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


@define
class _Reading:
    """What has been read of one form so far."""

    identity: dict[str, Any]
    event_id: str | None
    parsed_at: datetime | None
    columns: dict[str, Any] = field(factory=dict)
    attachments: list[FormAttachment] = field(factory=list)
    unmatched: list[Unmatched] = field(factory=list)
    topics: dict[str, list[Mapping[str, Any]]] = field(factory=dict)
    raw: dict[str, list[dict[str, Any]]] = field(factory=dict)
    adjuster: dict[str, str | None] = field(factory=dict)
    answers: list[GivenAnswer] = field(factory=list)
    unfit: set[str] = field(factory=set)
    """Columns that got an answer which does not fit, if no other."""
    _ranks: dict[str, int] = field(factory=dict)
    """Target to how surely it was found; a surer match replaces a less sure one."""
    _photos: dict[str, set[int]] = field(factory=dict)
    """Question key to the photos it has."""

    def take(self, asked: Asked) -> None:
        """Take one question in."""
        answer, text = asked.answer, asked.text
        self.raw.setdefault(asked.group, []).append(
            {"q": text and text.strip(), "a": answer.raw, "id": asked.control_id}
        )
        of_adjuster = adjuster.field_of(asked)
        if of_adjuster is not None:
            self._take_adjuster(asked, of_adjuster)
        if text is None:
            self._tell(asked, "malformed", asked.malformed)
            return
        self.answers.append(GivenAnswer(asked.group, text.strip(), answer.type, answer.value))
        if of_adjuster is not None:
            self._show(topic_of(asked.group, text), asked, answer.value)
            return
        question, rank = QUESTIONS.find(
            asked.group, text.strip(), asked.control_id, image=answer.image
        )
        self._tell_oddities(asked, question, rank)
        if answer.image:
            shown = self._take_photos(asked, question)
        else:
            shown = self._take_value(asked, question, rank)
        if question is not None:
            self._ranks[question.target] = min(rank, self._ranks.get(question.target, rank))
        self._show(question.topic if question else topic_of(asked.group, text), asked, shown)

    def tell_missing(self) -> None:
        """Name the questions that a form of this kind asks and this one does not."""
        for question in QUESTIONS.questions:
            if not question.expected or question.target in self._ranks:
                continue
            section = question.section
            if section and self.columns.get(f"{section}_cabinets_damaged") is False:
                continue
            self.unmatched.append(Unmatched(question.group, question.question, None, "missing"))

    def _take_adjuster(self, asked: Asked, name: str) -> None:
        """Put an answer into its field of the adjuster; only its position says which."""
        try:
            self.adjuster[name] = adjuster.read_field(name, asked.answer.value)
        except UnfitAnswerError as error:
            self._tell(asked, "bad_value", str(error))

    def _show(self, topic: str, asked: Asked, shown: Any) -> None:
        """Add a question to the readable report."""
        shown_entry = entry((asked.text or "").strip(), shown, asked.answer.type, asked.control_id)
        self.topics.setdefault(topic, []).append(shown_entry)

    def _take_value(self, asked: Asked, question: Question | None, rank: int) -> Any:
        """Put an answer into its column; return it as people are to see it."""
        answer = asked.answer.value
        if question is None or answer is None:
            return answer
        if question.kind == "photos":
            self._tell(asked, "bad_value", "no photos")
            return answer
        try:
            value = READERS[question.kind](answer)
        except UnfitAnswerError as error:
            self._not_fitting(asked, question, str(error))
            return answer
        if question.column is None:
            return value
        held = self.columns.get(question.column)
        if held is None or rank <= self._ranks[question.target]:
            self.columns[question.column] = value
        return value

    def _take_photos(self, asked: Asked, question: Question | None) -> Any:
        """Add a row for each photo; return them as people are to see them."""
        given = asked.answer.value
        if question is not None and question.photos is None and given is not None:
            self._not_fitting(asked, question, "photos, where none were asked for")
        if given is not None and not isinstance(given, list):
            self._tell(asked, "bad_value", "not a list of media ids")
            return given
        ids = [whole_id(each) for each in given or ()]
        if None in ids:
            self._tell(asked, "bad_value", "not a media id")
        found = [media_id for media_id in ids if media_id is not None]
        key = (question and question.photos) or _key_of(asked.text or "")
        topic = question.topic if question else topic_of(asked.group, asked.text or "")
        held = self._photos.setdefault(key, set())
        for media_id in found:
            if media_id not in held:
                held.add(media_id)
                self.attachments.append(self._attachment(asked, key, topic, media_id, len(held)))
        return photo_answer(found)

    def _attachment(
        self, asked: Asked, key: str, topic: str, media_id: int, order: int
    ) -> FormAttachment:
        return FormAttachment(
            assignment_id=self.identity["assignment_id"],
            project_id=self.identity["project_id"],
            event_id=self.event_id,
            control_id=asked.control_id,
            question_key=key,
            question_text=(asked.text or "").strip(),
            topic_category=topic,
            media_id=str(media_id),
            display_order=order,
            created_at=self.parsed_at,
        )

    def _not_fitting(self, asked: Asked, question: Question, detail: str) -> None:
        self._tell(asked, "bad_value", detail)
        if question.column is not None:
            self.unfit.add(question.column)

    def _tell_oddities(self, asked: Asked, question: Question | None, rank: int) -> None:
        """Note what is odd about a question, before its answer is looked at."""
        if asked.malformed:
            self._tell(asked, "malformed", asked.malformed)
        elif question is None:
            self._tell(asked, "unknown")
        if question is not None and self._is_duplicate(question, rank, asked.answer.value):
            self._tell(asked, "duplicate")

    def _is_duplicate(self, question: Question, rank: int, value: Any) -> bool:
        """Tell whether a question was asked before.

        A form may ask the same in two wordings; they are twice one question only if both are
        answered.
        """
        held = self._ranks.get(question.target)
        if held is None:
            return False
        reworded = ALIAS in (held, rank) and held != rank
        return not reworded or None not in (value, self.columns.get(question.target))

    def _tell(self, asked: Asked, reason: Reason, detail: str = "") -> None:
        text = (asked.text or "").strip()
        self.unmatched.append(Unmatched(asked.group, text, asked.control_id, reason, detail))


def _key_of(text: str) -> str:
    """Return a name for a photo question that the map does not know."""
    return text.strip().lower().replace(" ", "_").replace("/", "_").replace("?", "")
