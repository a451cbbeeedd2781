"""Writes ``docs/reference/itel-payloads.md`` from the examples that ship with the plugin.

``python -m tests.pages.itel_payloads`` writes it again.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path

DOCUMENT = Path(__file__).parents[2] / "docs" / "reference" / "itel-payloads.md"
COMMAND = "python -m tests.pages.itel_payloads"

INTRODUCTION = """\
# What iTel is sent

One form, as each of the three payloads that `itel_cabinet.payload` and `payload_rules` choose from.
All values are invented. The page is written by `{command}` from the package's
`examples/`; tests see that the form makes exactly these, and that each is valid by its schema in
`schemas/`. Every payload goes out with `Idempotency-Key` and `X-Attempt-Id`.

In each of them a length or count below 0 or above 2,147,483,647 is refused: the form becomes a dead
letter that names the field, and nothing is sent.
"""

SECTIONS = {
    "v1": """\
## `v1`

`CabinetRepairSubmission`, the default: camelCase, sections, media ids. A section is null if its
cabinets are neither damaged nor measured.
""",
    "vendor": """\
## `vendor`

The vendor's first format: snake_case, links of the photos, carrier and subscription in the body.
What was not answered is null. The subscription goes out as `Ocp-Apim-Subscription-Key` as well.
""",
    "vendor-2026": """\
## `vendor-2026`

The vendor's format since 2026. The names are those of `vendor`; what differs:

| field | rule |
|---|---|
| header `Ocp-Apim-Subscription-Key` | the subscription id, which is not in the body |
| `carrier_id` | only inside `adjuster` |
| `integration_test_id` | assignment id, a dash, id of the event that caused the submission |
| `claim_number` | `projectNumber` of `GET /export/project/{id}`; `external_claim_id` is the project id |
| `insured` | name and address of the loss (`project.address`) from the same answer; `street_name` is both lines of the street, `street_number` is empty |
| `adjuster` | from the form's group `group-309019430`, by position: first name, last name, vendor name (`adjuster_id`), phone, e-mail; without an e-mail there, the assignor's |
| `adjuster.phone` | digits only; a 1 before ten others is the country code and is left out |
| `*_count` | whole numbers, 0 for no answer |
| `*_linear_ft` | whole numbers, 0 for no answer; for a fraction see `itel_cabinet.vendor.fractions` |
| `*_damaged`, `*_detached` | true or false, false for no answer and for "Not Available" |
| `*_available` | `yes`, or `no` for everything else and for no answer |
| `damage_description` | ten words at least, filled up with `n/a` |
| other texts, `loss_type`, `loss_date` | empty where there is nothing to say; nothing is null |

A question that was answered with something else (a length with a text, a count with half a box, a
yes or no with "perhaps") is not sent as 0 or false: the form becomes a dead letter that names the
column. `vendor.fractions` says what becomes of 7.5
feet: `refuse` (the default, a dead letter as well), `round` (8; halves go up) or `round_up` (7.1
becomes 8). What a length is rounded to decides what is paid, so nothing is rounded unasked.
""",
}


def page() -> str:
    """Return the page."""
    parts = [INTRODUCTION.format(command=COMMAND)]
    for name, said in SECTIONS.items():
        example = resources.files("itel_cabinet_plugin").joinpath(f"examples/{name}.json")
        parts.append(f"{said}\n```json\n{example.read_text(encoding='utf-8')}```\n")
    return "\n".join(parts)


if __name__ == "__main__":
    DOCUMENT.write_text(page(), encoding="utf-8")
