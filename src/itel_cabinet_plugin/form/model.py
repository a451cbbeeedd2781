"""The cabinet form as it is stored and submitted."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from attrs import frozen


@frozen(kw_only=True)
class CabinetForm:
    """One row of ``claimx_itel_forms``, column by column and in its order.

    None means: not asked, not answered, or not readable; ``raw_data`` has the answer
    in any case. Lengths are linear feet.
    """

    assignment_id: int | None = None
    task_id: int | None = None
    """The template, say 32513; not the task assigned to a user, which is ``assignment_id``."""
    task_name: str | None = None
    project_id: str | None = None
    form_id: str | None = None
    form_response_id: str | None = None
    status: str | None = None
    event_id: str | None = None
    date_assigned: datetime | None = None
    date_completed: datetime | None = None
    ingested_at: datetime | None = None
    customer_first_name: str | None = None
    customer_last_name: str | None = None
    customer_email: str | None = None
    customer_phone: str | None = None
    assignor_email: str | None = None
    external_link_url: str | None = None
    damage_description: str | None = None
    additional_notes: str | None = None
    countertops_lf: float | None = None
    raw_data: str | None = None
    """JSON ``{group: [{"q": question, "a": answer, "id": control id}]}``: every answer."""
    lower_cabinets_damaged: bool | None = None
    lower_cabinets_lf: float | None = None
    num_damaged_lower_boxes: int | None = None
    lower_cabinets_detached: bool | None = None
    lower_face_frames_doors_drawers_available: str | None = None
    lower_face_frames_doors_drawers_damaged: str | None = None
    lower_finished_end_panels_damaged: bool | None = None
    lower_end_panel_damage_present: bool | None = None
    lower_counter_type: str | None = None
    upper_cabinets_damaged: bool | None = None
    upper_cabinets_lf: float | None = None
    num_damaged_upper_boxes: int | None = None
    upper_cabinets_detached: bool | None = None
    upper_face_frames_doors_drawers_available: str | None = None
    upper_face_frames_doors_drawers_damaged: str | None = None
    upper_finished_end_panels_damaged: bool | None = None
    upper_end_panel_damage_present: bool | None = None
    full_height_cabinets_damaged: bool | None = None
    full_height_cabinets_lf: float | None = None
    num_damaged_full_height_boxes: int | None = None
    full_height_cabinets_detached: bool | None = None
    full_height_face_frames_doors_drawers_available: str | None = None
    full_height_face_frames_doors_drawers_damaged: str | None = None
    full_height_finished_end_panels_damaged: bool | None = None
    island_cabinets_damaged: bool | None = None
    island_cabinets_lf: float | None = None
    num_damaged_island_boxes: int | None = None
    island_cabinets_detached: bool | None = None
    island_face_frames_doors_drawers_available: str | None = None
    island_face_frames_doors_drawers_damaged: str | None = None
    island_finished_end_panels_damaged: bool | None = None
    island_end_panel_damage_present: bool | None = None
    island_counter_type: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


@frozen(kw_only=True)
class FormAttachment:
    """One photo of a form: a row of ``claimx_itel_attachments``."""

    assignment_id: int | None
    project_id: str | None
    event_id: str | None
    control_id: str | None
    question_key: str
    """Stable name of the question, whatever its wording."""
    question_text: str
    topic_category: str
    media_id: str
    url: str | None = None
    display_order: int
    """Position among the photos of its question, from 1."""
    created_at: datetime | None
    is_active: bool = True
    media_type: str = "image/jpeg"
    """The form does not say; ClaimX stores photos as JPEG."""


Reason = Literal["unknown", "missing", "duplicate", "bad_value", "malformed"]
"""``unknown``: no such question is known. ``missing``: a question that the form always
asks is not there. ``duplicate``: asked twice. ``bad_value``: the answer does not fit the
column. ``malformed``: not the shape of a question at all."""


@frozen
class Unmatched:
    """Something the form holds, or lacks, that did not go where it should."""

    group: str
    question: str
    control_id: str | None
    reason: Reason
    detail: str = ""


@frozen(kw_only=True)
class Adjuster:
    """Who handles the claim, as the form says it; None for what was not answered."""

    first_name: str | None = None
    last_name: str | None = None
    vendor_name: str | None = None
    """The company; the vendor knows the adjuster by it."""
    phone: str | None = None
    email: str | None = None


@frozen
class GivenAnswer:
    """One question of the form with its answer, whether the question is known or not."""

    group: str
    question: str
    type: str
    """``option``, ``number``, ``text``, ``image``, or whatever the form says."""
    value: Any
    """The bare answer; None if there is none."""


@frozen(kw_only=True)
class ParsedForm:
    """A form, read."""

    form: CabinetForm
    attachments: tuple[FormAttachment, ...]
    unmatched: tuple[Unmatched, ...]
    adjuster: Adjuster = Adjuster()
    answers: tuple[GivenAnswer, ...] = ()
    """Every question that has a text, in form order."""
    unfit: frozenset[str] = frozenset()
    """Columns that are null although their question was answered: the answer does not fit."""
    report: Mapping[str, Any]
    """For people: ``meta``, and ``topics`` with questions and answers in form order."""
    date_assigned: str | None
    """The instant that was read, RFC 3339: as the API wrote it, if it wrote it so."""
    date_completed: str | None
    """As ``date_assigned``."""
    media_ids: frozenset[str] = frozenset()
    """Files that the event names as the task's; empty if it names none."""

    def photo_ids(self) -> list[str]:
        """Return the photos to ask ClaimX for, each once.

        Those of the form; if the event names the task's files, those of them only.
        """
        ids = dict.fromkeys(photo.media_id for photo in self.attachments)
        return [one for one in ids if not self.media_ids or one in self.media_ids]
