"""Writes ``docs/reference/itel-form-mapping.md`` from the plugin's own mapping data.

``python -m tests.pages.form_mapping`` writes it again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from itel_cabinet_plugin.form.adjuster import FIELDS
from itel_cabinet_plugin.form.questions import QUESTIONS, Question
from itel_cabinet_plugin.submission.vendor import IMAGE_TYPES
from itel_cabinet_plugin.tables import FORMS

DOCUMENT = Path(__file__).parents[2] / "docs" / "reference" / "itel-form-mapping.md"
COMMAND = "python -m tests.pages.form_mapping"

ANY = "any"
"""Shown for a question that is known by its text in whatever group."""

INTRODUCTION = """\
# How the cabinet form is read

Each question of the form, and where its answer goes. This page is written from the plugin's
`form/question_map.json` by `{command}`; a test fails when it is out of date.

A question is known by its group and its text, whatever their case, spaces, dashes and
punctuation; never by its control id, which the form repeats in four sections. Its other texts are
those of older and newer forms: known in whatever group they are, or only in the same group where
the table says so. If a form has two of them, the first that is answered counts. What is not known is kept in `raw_data` and listed by
`claimx-run itel check-form FILE`.

| kind | what is stored |
|---|---|
| `yes_no` | true or false; a radio button's sentence counts by its beginning |
| `choice` | the option's text, without stray spaces |
| `damage` | `Yes`, `No` or `Not Available`; a sentence counts by its beginning |
| `number` | the number with its fraction |
| `count` | a whole number; half a box is none, and null |
| `text` | the text as it was typed |
| `photos` | one row of `claimx_itel_attachments` for each photo |

"Asked always" means that its absence is reported: an optional question and one that another
answer hides may be missing.

## The adjuster

The group `group-309019430` asks for the adjuster, and its questions are known by their position:
{adjuster}. They have no columns; payload `vendor-2026` holds them.
"""


def page() -> str:
    """Return the page."""
    adjuster = ", ".join(name.replace("_", " ") for name in FIELDS)
    introduction = INTRODUCTION.format(command=COMMAND, adjuster=adjuster)
    return "\n".join([introduction, *_answers(), "", *_photos(), ""])


def _answers() -> Iterator[str]:
    types = {column.name: str(column.type) for column in FORMS.columns}
    yield f"## {sum(question.kind != 'photos' for question in QUESTIONS.questions)} answers\n"
    yield "Columns of `claimx_itel_forms`.\n"
    yield "| group | question | column | type | kind | asked always | other texts |"
    yield "|---|---|---|---|---|---|---|"
    for question in QUESTIONS.questions:
        if question.kind == "photos":
            continue
        column = question.column
        stored = f"`{column}`" if column else "none; in `raw_data` and the report"
        kind = types[column] if column else ""
        yield _row(question, stored, kind, f"`{question.kind}`", _always(question))


def _photos() -> Iterator[str]:
    photos = [question for question in QUESTIONS.questions if question.photos]
    yield f"## {len(photos)} photo questions\n"
    yield "Rows of `claimx_itel_attachments`. The vendor's payload has its own word for each;"
    yield "payload `v1` holds all but the face frames."
    yield ""
    yield "| group | question | question_key | vendor's image type | asked always | older control |"
    yield "|---|---|---|---|---|---|"
    for question in photos:
        key = question.photos or ""
        controls = ", ".join(f"`{each}`" for each in question.control_ids)
        cells = (question.group, question.question, f"`{key}`", f"`{IMAGE_TYPES[key]}`")
        yield _cells((*cells, _always(question), controls))


def _row(question: Question, *cells: str) -> str:
    others = [*question.aliases, *(f"{text} (same group)" for text in question.rewordings)]
    return _cells((question.group or ANY, question.question, *cells, "; ".join(others)))


def _always(question: Question) -> str:
    return "yes" if question.expected else ""


def _cells(cells: Iterable[str]) -> str:
    escaped = (cell.replace("|", r"\|") for cell in cells)
    return f"| {' | '.join(escaped)} |"


if __name__ == "__main__":
    DOCUMENT.parent.mkdir(parents=True, exist_ok=True)
    DOCUMENT.write_text(page(), encoding="utf-8")
