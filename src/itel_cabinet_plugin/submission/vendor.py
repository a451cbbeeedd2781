"""Builds the vendor's payload: snake_case, links of photos instead of ids.

The names are the vendor's own, their irregularities included: ``faces_frames`` for two
kinds of cabinets and ``frames`` for the other two, ``full_height_pantry`` in two keys only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from attrs import frozen

from itel_cabinet_plugin.form.model import CabinetForm, ParsedForm
from itel_cabinet_plugin.form.values import label
from itel_cabinet_plugin.photo_links import Links
from itel_cabinet_plugin.submission.payload import Payload, length_of

IMAGE_TYPES: Final[Mapping[str, str]] = {
    "overview_photos": "overview",
    "lower_cabinet_box": "low_overview",
    "lower_face_frames_doors_drawers": "low_face",
    "lower_cabinet_end_panels": "low_end",
    "upper_cabinet_box": "upp_overview",
    "upper_face_frames_doors_drawers": "upp_face",
    "upper_cabinet_end_panels": "upp_end",
    "full_height_cabinet_box": "fh_overview",
    "full_height_face_frames_doors_drawers": "fh_face",
    "full_height_end_panels": "fh_end",
    "island_cabinet_box": "isl_overview",
    "island_face_frames_doors_drawers": "isl_face",
    "island_cabinet_end_panels": "isl_end",
}
"""Question key of a photo to what the vendor calls it."""


@frozen
class _Cabinets:
    """What the vendor calls one kind of cabinets."""

    prefix: str
    """Of the form's columns."""
    counted: str
    frames: str
    counters: bool = False
    """Whether the form asks for their counter type."""


SECTIONS: Final = (
    _Cabinets("upper", "upper_cabinets", "upper_faces_frames"),
    _Cabinets("lower", "lower_cabinets", "lower_faces_frames", counters=True),
    _Cabinets("full_height", "full_height_pantry_cabinets", "full_height_frames"),
    _Cabinets("island", "island_cabinets", "island_frames", counters=True),
)

_DAMAGED: Final[Mapping[str | None, bool | str]] = {
    "Yes": True,
    "No": False,
    "Not Available": "Not Available",
}


def vendor_submission_of(
    parsed: ParsedForm, links: Links, *, carrier_id: str, subscription_id: str
) -> Payload:
    """Return the payload for a form.

    Args:
        parsed: The form.
        links: What ClaimX says of its photos; one without a link is left out.
        carrier_id: Names the carrier.
        subscription_id: Names the subscription.
    """
    form = parsed.form
    return {
        "carrier_id": carrier_id,
        "subscription_id": subscription_id,
        "integration_test_id": label(form.assignment_id) or "",
        # The vendor has always been sent the project's id here, not the claim's number.
        "claim_number": form.project_id,
        "external_claim_id": form.project_id,
        "cat_code": "",
        "claim_type": "Other",
        "claim_type_other_description": form.damage_description,
        "loss_type": None,
        # ClaimX knows no date of loss here; the vendor is sent the day of the assignment.
        "loss_date": form.date_assigned and form.date_assigned.isoformat(),
        "service_level": "one_hour",
        "insured": _insured(form),
        "adjuster": {
            "carrier_id": carrier_id,
            **dict.fromkeys(("adjuster_id", "first_name", "last_name", "phone"), ""),
            "email": form.assignor_email,
        },
        "images": images_of(parsed, links),
        "cabinet_repair_specs": _specs(form),
        "opinion_replacement_value_specs": {
            **{
                f"{cabinets.prefix}_cabinets_linear_ft": length_of(
                    getattr(form, f"{cabinets.prefix}_cabinets_lf")
                )
                for cabinets in SECTIONS
            },
            "counter_top_linear_ft": length_of(form.countertops_lf),
        },
    }


def images_of(parsed: ParsedForm, links: Links) -> list[Payload]:
    """Return the photos that have a link and a name of the vendor's, in form order."""
    return [
        {"image_type": IMAGE_TYPES[photo.question_key], "url": link}
        for photo in parsed.attachments
        if photo.question_key in IMAGE_TYPES
        and (link := label(links.get(photo.media_id, {}).get("fullDownloadLink")))
    ]


def _insured(form: CabinetForm) -> Payload:
    names = (form.customer_first_name, form.customer_last_name)
    return {
        "name": " ".join(name for name in names if name),
        **dict.fromkeys(("street_number", "street_name", "city", "state", "zip_code"), ""),
        "country": None,
    }


def _specs(form: CabinetForm) -> Payload:
    specs: Payload = {"damage_description": form.damage_description}
    for cabinets in SECTIONS:
        prefix = cabinets.prefix
        frames = f"{prefix}_face_frames_doors_drawers"
        specs |= {
            f"{prefix}_cabinets_damaged": getattr(form, f"{prefix}_cabinets_damaged"),
            f"{cabinets.counted}_damaged_count": getattr(form, f"num_damaged_{prefix}_boxes"),
            f"{cabinets.counted}_detached": getattr(form, f"{prefix}_cabinets_detached"),
            f"{cabinets.frames}_doors_drawers_available": _available(
                getattr(form, f"{frames}_available")
            ),
            f"{cabinets.frames}_doors_drawers_damaged": _DAMAGED.get(
                getattr(form, f"{frames}_damaged")
            ),
            f"{prefix}_end_panels_damaged": getattr(form, f"{prefix}_finished_end_panels_damaged"),
        }
        if cabinets.counters:
            counter: Any = getattr(form, f"{prefix}_counter_type")
            specs[f"{prefix}_cabinets_counter_top_type"] = counter
    return specs | {"other_details_and_instructions": form.additional_notes}


def _available(answer: str | None) -> str:
    """Return the vendor's word; ``No`` with a capital is a question without an answer."""
    if answer is None:
        return "No"
    return "yes" if answer.casefold() == "yes" else "no"
