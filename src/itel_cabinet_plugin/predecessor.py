"""The predecessor's tables of cabinet forms, and what of ours each column is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from claimx_pipeline.tables import OldColumn, OldTable, TableSpec, old_columns, with_words
from itel_cabinet_plugin.tables import ATTACHMENTS, FORMS

_YES_NO: Final = {True: "Yes", False: "No"}
"""A choice was true or false there; "Not Available" was false as well."""
_AVAILABLE: Final = {"True": "Yes", "False": "No"}
"""What was yes or no had become text of Python."""
_TYPES: Final = {
    "int64": "long",
    "int32": "int",
    "double": "int",
    "string": "string",
    "bool": "bool",
    "timestamp[us, tz=UTC]": "timestamp",
}
"""Our type to theirs: lengths were whole numbers."""


def _columns(spec: TableSpec) -> Iterator[OldColumn]:
    for column in spec.columns:
        name, kind = column.name, _TYPES[str(column.type)]
        if name.endswith("_face_frames_doors_drawers_damaged"):
            yield from with_words(old_columns("bool", name), _YES_NO)
        elif name.endswith("_face_frames_doors_drawers_available"):
            yield from with_words(old_columns("string", name), _AVAILABLE)
        elif name == "event_id":
            yield OldColumn(name, type="string", aliases=("trace_id",))
        else:
            yield from old_columns(kind, name)  # type: ignore[arg-type]


def old_tables() -> Iterable[OldTable]:
    """Return the two tables that the predecessor kept."""
    answered = {"ingested_at": ("updated_at", "created_at")}
    return [
        OldTable(name=FORMS.name, columns=tuple(_columns(FORMS)), fallbacks=answered),
        OldTable(
            name=ATTACHMENTS.name,
            columns=(
                *old_columns("long", "assignment_id", "project_id"),
                OldColumn("event_id", type="string", aliases=("trace_id",)),
                *old_columns("string", "control_id", "question_key", "question_text"),
                *old_columns("string", "topic_category"),
                OldColumn("media_id", type="long", aliases=("claim_media_id",)),
                OldColumn("url", type="string", new="blob_path", aliases=("blob_path",)),
                *old_columns("int", "display_order"),
                *old_columns("timestamp", "created_at"),
                *old_columns("bool", "is_active"),
                *old_columns("string", "media_type"),
            ),
            fallbacks={"ingested_at": ("created_at",)},
        ),
    ]
