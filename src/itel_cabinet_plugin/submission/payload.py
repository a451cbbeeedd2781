"""Builds a ``CabinetRepairSubmission`` (version 1), what the iTel Cabinet API is sent.

Its fields are described by ``schemas/cabinet_repair_submission.schema.json``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Final

from attrs import frozen

from itel_cabinet_plugin.form.model import CabinetForm, FormAttachment, ParsedForm
from itel_cabinet_plugin.form.values import whole_id

Payload = dict[str, Any]


@frozen
class _Cabinets:
    """Where one section of the payload comes from."""

    field: str
    prefix: str
    """Of its columns."""
    media: tuple[str, ...]
    """Question keys of its photos. Face-frame photos are no part of the payload."""


_SECTIONS: Final = (
    _Cabinets("lowerCabinets", "lower", ("lower_cabinet_box", "lower_cabinet_end_panels")),
    _Cabinets("upperCabinets", "upper", ("upper_cabinet_box", "upper_cabinet_end_panels")),
    _Cabinets(
        "fullHeightCabinets", "full_height", ("full_height_cabinet_box", "full_height_end_panels")
    ),
    _Cabinets("islandCabinets", "island", ("island_cabinet_box", "island_cabinet_end_panels")),
)

_DAMAGED: Final[Mapping[str | None, bool]] = {"Yes": True, "No": False}
"""``Not Available`` is neither and goes out as null."""


_EXACT: Final = 2.0**53
"""Whole numbers from here on are not exact as floating point."""


def submission_of(parsed: ParsedForm) -> Payload:
    """Return the payload for a form. Whether it is a valid one is for the schema to say."""
    form = parsed.form
    media = _media_by_key(parsed.attachments)
    payload: Payload = {
        "assignmentId": form.assignment_id,
        "projectId": whole_id(form.project_id),
        "formId": form.form_id,
        "formResponseId": form.form_response_id,
        "status": form.status,
        "dateAssigned": parsed.date_assigned,
        "dateCompleted": parsed.date_completed,
        "assignorEmail": form.assignor_email,
        "damageDescription": form.damage_description,
        "additionalNotes": form.additional_notes,
        "countertopsLf": length_of(form.countertops_lf),
        "customer": {
            "firstName": form.customer_first_name,
            "lastName": form.customer_last_name,
            "email": form.customer_email,
            "phone": form.customer_phone,
        },
    }
    for cabinets in _SECTIONS:
        payload[cabinets.field] = _section(form, cabinets, media)
    payload["overviewMedia"] = _items(("overview_photos",), media)
    return payload


def _section(
    form: CabinetForm, cabinets: _Cabinets, media: Mapping[str, list[FormAttachment]]
) -> Payload | None:
    """Return a section; None if these cabinets are neither damaged nor measured."""
    prefix = cabinets.prefix
    damaged = getattr(form, f"{prefix}_cabinets_damaged")
    feet = getattr(form, f"{prefix}_cabinets_lf")
    if not damaged and not feet:
        return None
    return {
        "damaged": damaged,
        "linearFeet": length_of(feet),
        "numDamagedBoxes": getattr(form, f"num_damaged_{prefix}_boxes"),
        "detached": getattr(form, f"{prefix}_cabinets_detached"),
        "faceFramesDoorsDrawersAvailable": getattr(
            form, f"{prefix}_face_frames_doors_drawers_available"
        ),
        "faceFramesDoorsDrawersDamaged": _DAMAGED.get(
            getattr(form, f"{prefix}_face_frames_doors_drawers_damaged")
        ),
        "finishedEndPanelsDamaged": getattr(form, f"{prefix}_finished_end_panels_damaged"),
        # The form has no such question for full height, and no counters for two of four.
        "endPanelDamagePresent": getattr(form, f"{prefix}_end_panel_damage_present", None),
        "counterType": getattr(form, f"{prefix}_counter_type", None),
        "media": _items(cabinets.media, media),
    }


def length_of(length: float | None) -> float | None:
    """Return a length as it is written in JSON: 18, not 18.0, but 7.5.

    What is too large to be a length stays as it is, and the schema refuses it.
    """
    whole = length is not None and length.is_integer() and abs(length) < _EXACT
    return int(length) if whole and length is not None else length


def _media_by_key(attachments: Iterable[FormAttachment]) -> Mapping[str, list[FormAttachment]]:
    found: defaultdict[str, list[FormAttachment]] = defaultdict(list)
    for photo in attachments:
        found[photo.question_key].append(photo)
    return found


def _items(keys: Iterable[str], media: Mapping[str, list[FormAttachment]]) -> list[Payload]:
    """Return one media item for each question that has photos."""
    return [
        {
            "questionKey": key,
            "questionText": photos[0].question_text,
            "claimMediaIds": [int(photo.media_id) for photo in photos],
        }
        for key in keys
        if (photos := media.get(key))
    ]
