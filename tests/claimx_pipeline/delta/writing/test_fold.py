from datetime import UTC, datetime, timedelta

import pytest
from attrs import evolve

from claimx_pipeline.claimx.tables import ENTITY_TABLES
from claimx_pipeline.delta.spec import STRING, Column
from claimx_pipeline.delta.writing.fold import Rules
from tests.rigs.delta_tables import NOON, PROJECTS, TEMPLATES, minutes

RULES = Rules(PROJECTS)


def folded(*rows, rules=RULES):
    state = {}
    for row in rows:
        rules.apply(state, row)
    return {name: value for name, value in state.items() if value is not None}


def test_a_null_never_overwrites():
    found = folded({"city": "Bern", "answered_at": NOON}, {"city": None, "answered_at": minutes(1)})
    assert found == {"city": "Bern", "answered_at": minutes(1)}


@pytest.mark.parametrize("at", [minutes(-1), NOON, None], ids=["earlier", "same", "none"])
def test_an_answer_that_is_not_later_replaces_nothing_and_fills_nulls(at):
    found = folded(
        {"city": "Bern", "answered_at": NOON}, {"city": "Basel", "rooms": 3, "answered_at": at}
    )
    assert found == {"city": "Bern", "rooms": 3, "answered_at": NOON}


def test_a_later_answer_replaces():
    found = folded(
        {"city": "Bern", "answered_at": NOON}, {"city": "Basel", "answered_at": minutes(1)}
    )
    assert found == {"city": "Basel", "answered_at": minutes(1)}


def test_without_answer_time_the_last_writer_wins():
    rules = Rules(TEMPLATES)
    assert (
        folded({"task_id": 1, "title": "a"}, {"task_id": 1, "title": "b"}, rules=rules)["title"]
        == "b"
    )


EARLY, LATE = (
    {"file_name": "early", "file_name_at": minutes(1)},
    {"file_name": "late", "file_name_at": minutes(2)},
)


def test_an_event_replaces_what_an_earlier_event_said():
    assert folded(EARLY, LATE)["file_name"] == "late"


def test_an_earlier_event_replaces_nothing():
    assert folded(LATE, EARLY) == LATE


def test_an_event_replaces_an_answer_however_late_the_answer_is():
    answer = {"file_name": "answered", "answered_at": minutes(60)}
    assert folded(answer, EARLY)["file_name"] == "early"


def test_an_answer_never_replaces_what_an_event_said():
    answer = {"file_name": "answered", "answered_at": minutes(60)}
    assert folded(EARLY, answer)["file_name"] == "early"


def test_an_answer_replaces_an_event_column_as_long_as_no_event_has_set_it():
    first, second = ({"file_name": str(n), "answered_at": minutes(n)} for n in (1, 2))
    assert folded(first, second)["file_name"] == "2"
    assert folded(second, first)["file_name"] == "2"


def test_a_time_may_be_its_own_event_column():
    spec = evolve(PROJECTS, event_columns={"file_name_at": "file_name_at"})
    assert folded(LATE, EARLY, rules=Rules(spec))["file_name_at"] == minutes(2)


def test_the_first_created_at_stays():
    assert folded({"created_at": minutes(5)}, {"created_at": NOON})["created_at"] == minutes(5)


def test_a_contact_keeps_the_date_it_was_first_seen_with_the_time():
    rules, state = Rules(ENTITY_TABLES["contacts"]), {}
    for day, name in ((12, "Ann"), (14, "Anna")):
        at = datetime(2026, 1, day, 9, tzinfo=UTC)
        row = {"first_name": name, "created_at": at, "created_date": at.date()}
        rules.apply(state, {**row, "last_enriched_at": at})
    assert (state["first_name"], state["created_at"].day, state["created_date"].day) == (
        "Anna",
        12,
        12,
    )


def test_the_hash_leaves_bookkeeping_out_and_survives_a_new_column_and_another_order():
    row = {"project_id": "1", "city": "Bern", "rooms": 2, "answered_at": NOON}
    wider = evolve(PROJECTS, columns=(*reversed(PROJECTS.columns), Column("colour", STRING)))
    expected = RULES.row_hash(row)
    assert RULES.row_hash({**row, "answered_at": minutes(1), "created_at": NOON}) == expected
    assert Rules(wider).row_hash(row) == expected
    assert RULES.row_hash({**row, "rooms": 3}) != expected
    assert RULES.row_hash({"project_id": "1", "city": "2"}) != RULES.row_hash(
        {"project_id": "1", "rooms": 2}
    )


def test_a_row_adds_nothing_if_no_time_could_make_it_matter():
    state = {"city": "Bern", "file_name": "f", "file_name_at": NOON}
    assert RULES.adds_nothing(state, {"city": "Bern", "rooms": None})
    assert RULES.adds_nothing(state, {"city": "Bern", "file_name": "answered"})
    assert not RULES.adds_nothing(state, {"city": "Basel"})
    assert not RULES.adds_nothing(state, {"file_name": "f", "file_name_at": NOON + timedelta(1)})
