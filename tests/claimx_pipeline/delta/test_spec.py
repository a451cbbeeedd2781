import pytest
from attrs import evolve

from claimx_pipeline.delta.spec import BUCKETS, STRING, Column, bucket_of
from tests.rigs.delta_tables import EVENTS, PROJECTS


def test_a_spec_that_names_an_unknown_column_is_refused():
    with pytest.raises(ValueError, match=r"table 'events' .* names unknown ones: \['when'\]"):
        evolve(EVENTS, event_time="when")


def test_a_spec_that_repeats_a_column_is_refused():
    with pytest.raises(ValueError, match="repeats a column"):
        evolve(EVENTS, columns=(*EVENTS.columns, Column("note", STRING)))


def test_a_keyed_table_stores_a_hash_and_its_bucket():
    assert [column.name for column in PROJECTS.stored_columns()][-2:] == ["_row_hash", "_bucket"]
    assert PROJECTS.partitions() == ("_bucket",)
    assert EVENTS.partitions() == ("day",)


def test_rows_are_told_apart_by_key_and_bucket():
    assert PROJECTS.identity() == ("project_id",)
    assert evolve(PROJECTS, key=("city",)).identity() == ("city", "project_id")


def test_the_bucket_of_a_project_never_changes():
    """It is in every stored table; another function would split their rows."""
    assert [bucket_of(name) for name in ("1", "4895140", "é")] == [7, 7, 14]
    assert {bucket_of(str(n)) for n in range(1000)} == set(range(BUCKETS))


def test_a_table_may_have_another_number_of_buckets():
    wider = evolve(PROJECTS, buckets=64)
    assert {wider.bucket_of(n) for n in range(5000)} == set(range(64))
    assert "modulo 64" in wider.stored_columns()[-1].source
