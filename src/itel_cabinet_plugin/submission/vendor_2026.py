"""Builds the vendor's payload as it is since 2026: whole numbers, no nulls, the claim's own data.

Its names are those of payload ``vendor``. Whatever the vendor takes in one form only is put
into that form here; what would change what was measured is refused instead.
"""

from __future__ import annotations

import math
import re
from decimal import ROUND_HALF_UP, Decimal
from typing import Final, Literal

from claimx_pipeline import RecordError
from itel_cabinet_plugin.form.model import CabinetForm, ParsedForm
from itel_cabinet_plugin.form.questions import QUESTIONS
from itel_cabinet_plugin.form.values import written
from itel_cabinet_plugin.photo_links import Links
from itel_cabinet_plugin.project_export import ExportedProject
from itel_cabinet_plugin.submission.payload import Payload
from itel_cabinet_plugin.submission.vendor import SECTIONS, images_of

Fractions = Literal["refuse", "round", "round_up"]
"""What becomes of a length with a fraction."""

FEWEST_WORDS: Final = 10
"""Of a damage description; a shorter one is refused by the vendor."""

FILLER: Final = "n/a"
"""Word that a shorter description is filled up with."""

_WORD = re.compile(r"[^ \t\r\n]+")
"""A word as the schema counts them."""

_SENT: Final = frozenset(
    question.column
    for question in QUESTIONS.questions
    if question.column is not None and not question.column.endswith("_end_panel_damage_present")
)
"""Columns that are in the payload."""

_EXACT: Final = 2.0**53
"""Whole numbers from here on are not exact as floating point."""

_US_DIGITS: Final = 11
"""Digits of a telephone number with the country code 1 before it."""


def vendor_2026_submission_of(
    parsed: ParsedForm,
    project: ExportedProject,
    links: Links,
    *,
    carrier_id: str,
    fractions: Fractions,
) -> Payload:
    """Return the payload for a form. Whether it is a valid one is for the schema to say.

    Args:
        parsed: The form.
        project: What ClaimX says of its project.
        links: What ClaimX says of its photos; one without a link is left out.
        carrier_id: Names the carrier.
        fractions: What becomes of a length with a fraction.
    """
    form = parsed.form
    return {
        "integration_test_id": f"{form.assignment_id}-{form.event_id or ''}",
        "claim_number": project.number,
        "external_claim_id": form.project_id or "",
        "cat_code": "",
        "claim_type": "Other",
        "claim_type_other_description": form.damage_description or "",
        "loss_type": "",
        # ClaimX's day of the assignment, as payload "vendor" has it.
        "loss_date": written(form.date_assigned) or "",
        "service_level": "one_hour",
        "insured": {
            "name": project.insured_name,
            "street_number": "",
            "street_name": project.street,
            "city": project.city,
            "state": project.state,
            "zip_code": project.zip_code,
            "country": project.country,
        },
        "adjuster": _adjuster(parsed, carrier_id),
        "images": images_of(parsed, links),
        "cabinet_repair_specs": _specs(form),
        "opinion_replacement_value_specs": {
            **{
                f"{each.prefix}_cabinets_linear_ft": feet(
                    getattr(form, f"{each.prefix}_cabinets_lf"), fractions
                )
                for each in SECTIONS
            },
            "counter_top_linear_ft": feet(form.countertops_lf, fractions),
        },
    }


def check_fit(parsed: ParsedForm) -> None:
    """Refuse a form of which an answer cannot be sent.

    Its column is null, and null goes out as 0, false or nothing, which is not what was answered.

    Raises:
        RecordError: Permanent; names each of them.
    """
    wrong = sorted(_SENT & parsed.unfit)
    if wrong:
        raise RecordError(
            f"the form makes no valid submission: {', '.join(wrong)}: answered, but not with "
            "anything that can be sent; correct the form in ClaimX"
        )


def feet(length: float | None, fractions: Fractions) -> int | float:
    """Return a length in whole feet, 0 for none.

    One that is not whole stays as it is if *fractions* are refused, for the schema to refuse it;
    so does what is too large to be a length.
    """
    if length is None:
        return 0
    if not 0 <= length < _EXACT:
        return length
    if length.is_integer():
        return int(length)
    if fractions == "refuse":
        return length
    if fractions == "round_up":
        return math.ceil(length)
    return int(Decimal(length).quantize(Decimal(1), ROUND_HALF_UP))


def digits(phone: str | None) -> str:
    """Return the digits of a telephone number, without the country code of the US before ten."""
    found = "".join(each for each in phone or "" if each.isascii() and each.isdigit())
    return found[1:] if len(found) == _US_DIGITS and found[0] == "1" else found


def padded(description: str | None) -> str:
    """Return a damage description of at least ten words, filled up if it has fewer."""
    text = (description or "").strip()
    missing = FEWEST_WORDS - len(_WORD.findall(text))
    return text if missing <= 0 else " ".join(filter(None, (text, *[FILLER] * missing)))


def _adjuster(parsed: ParsedForm, carrier_id: str) -> Payload:
    adjuster = parsed.adjuster
    return {
        "carrier_id": carrier_id,
        "adjuster_id": adjuster.vendor_name or "",
        "first_name": adjuster.first_name or "",
        "last_name": adjuster.last_name or "",
        "phone": digits(adjuster.phone),
        # A form that does not ask for it was still assigned by someone.
        "email": adjuster.email or parsed.form.assignor_email or "",
    }


def _specs(form: CabinetForm) -> Payload:
    specs: Payload = {"damage_description": padded(form.damage_description)}
    for cabinets in SECTIONS:
        prefix = cabinets.prefix
        frames = f"{prefix}_face_frames_doors_drawers"
        specs |= {
            f"{prefix}_cabinets_damaged": bool(getattr(form, f"{prefix}_cabinets_damaged")),
            f"{cabinets.counted}_damaged_count": getattr(form, f"num_damaged_{prefix}_boxes") or 0,
            f"{cabinets.counted}_detached": bool(getattr(form, f"{prefix}_cabinets_detached")),
            f"{cabinets.frames}_doors_drawers_available": (
                "yes" if (getattr(form, f"{frames}_available") or "").casefold() == "yes" else "no"
            ),
            f"{cabinets.frames}_doors_drawers_damaged": getattr(form, f"{frames}_damaged") == "Yes",
            f"{prefix}_end_panels_damaged": bool(
                getattr(form, f"{prefix}_finished_end_panels_damaged")
            ),
        }
        if cabinets.counters:
            counter: str | None = getattr(form, f"{prefix}_counter_type")
            specs[f"{prefix}_cabinets_counter_top_type"] = counter or ""
    return specs | {"other_details_and_instructions": form.additional_notes or ""}
