"""A column declared with where its value comes from is read, typed and described by that."""

import pytest

from claimx_pipeline.delta.spec import LONG, STRING, Column, TableSpec
from claimx_pipeline.domain.answer_columns import APART, Part, Unreadable, answered, gathered
from claimx_pipeline.domain.kinds import EntityKind
from claimx_pipeline.values import integer, text

PHONE = Part("phone", " of the first of `phones`")
MAIL = Part("mail", " of the mail")

NOTES = EntityKind(
    "notes",
    TableSpec(
        name="notes",
        summary="Notes",
        mode="merge",
        key=("note_id",),
        columns=(
            answered(
                "note_id",
                LONG,
                "noteId | id",
                integer,
                part=APART,
                nullable=False,
                doc="Its id",
                otherwise="the one asked for",
            ),
            answered("body", STRING, "text.body", text, doc="What it says", bookkeeping=True),
            gathered(
                "address",
                STRING,
                {PHONE: ("number", text), MAIL: ("from", text)},
                doc="Where from",
                also="the file",
            ),
            Column("made_by", STRING, doc="Who", source="the event"),
        ),
    ),
)


@pytest.fixture
def unreadable():
    return Unreadable()


def test_a_column_is_read_from_its_part_of_the_answer_alone(unreadable):
    answer = {"id": 5, "text": {"body": "b"}, "number": 1}
    assert NOTES.read(answer, unreadable) == {"body": "b"}
    assert NOTES.read({"number": 1}, unreadable, PHONE) == {"address": "1"}
    assert NOTES.read({"number": 1}, unreadable, MAIL) == {"address": None}
    assert NOTES.value("note_id", answer, unreadable) == 5
    assert not unreadable.counts


def test_what_cannot_be_read_is_counted_by_kind_and_column(unreadable):
    assert NOTES.value("note_id", {"noteId": "x", "id": "6"}, unreadable) == 6
    assert NOTES.read({"text": "flat"}, unreadable) == {"body": None}
    assert unreadable.counts == {("notes", "note_id"): 1, ("notes", "body"): 1}


def test_a_declaration_is_a_column_of_the_table():
    note_id, body, address, made_by = NOTES.table.columns
    assert (note_id.type, note_id.nullable, body.bookkeeping) == (LONG, False, True)
    assert note_id.source == "`noteId`, else `id`; otherwise the one asked for"
    assert body.source == "`text.body`"
    assert address.source == "`number` of the first of `phones`; `from` of the mail; the file"
    assert made_by.source == "the event"
    assert NOTES.count_column == "notes_rows"
