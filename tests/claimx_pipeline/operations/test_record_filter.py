"""Conditions on dotted paths: what they match, and that what leads nowhere matches nothing."""

import pytest

from claimx_pipeline.broker.sqlite.log import StoredRecord
from claimx_pipeline.errors import UsageError
from claimx_pipeline.operations import Condition, RecordFilter

VALUE = (
    b'{"data": {"projectId": 700100, "name": "Flood", "open": true, "gone": null,'
    b' "photos": [{"id": "a1"}, {"id": "b2"}], "a.b": {"c.d": 5}, "amount": 12.5},'
    b' "key": "inner", "when": "2026-01-15T12:00:00Z"}'
)
RECORD = StoredRecord("t", 3, 41, b"700100", VALUE, (("claimx-id", b"e1"), ("x.y", b"Z")), 1000)


@pytest.mark.parametrize(
    "text",
    [
        "data.projectId=700100",
        "data.projectId != 7",
        "data.projectId>=700100",
        "data.projectId<700101",
        "data.projectId=700100.0",
        "data.amount>12",
        "data.name~loo",
        "data.open=true",
        "data.gone=null",
        "data.photos.id=b2",
        "data.photos.0.id=a1",
        "data.a.b.c.d=5",
        "when<2026-02-01",
        "key=700100",
        "value.key=inner",
        "partition=3",
        "offset>40",
        "headers.claimx-id=e1",
        "headers.x.y~Z",
    ],
)
def test_a_condition_that_holds_matches(text):
    assert RecordFilter.parse([text]).matches(RECORD)


@pytest.mark.parametrize(
    "text",
    [
        "data.projectId=7001000",
        "data.projectId~9",
        "data.nothing!=1",
        "data.nothing.deeper=1",
        "data.name.deeper=1",
        "data.photos.7.id=a1",
        "data.photos=a1",
        "headers.none!=x",
        "value.partition=3",
        "data.open=1",
        "data.name>Flood",
    ],
)
def test_one_that_does_not_hold_or_leads_nowhere_matches_nothing(text):
    assert not RecordFilter.parse([text]).matches(RECORD)


def test_all_conditions_must_hold_and_none_matches_everything():
    assert RecordFilter.parse([]).matches(RECORD)
    assert RecordFilter.parse(["key=700100", "partition=3"]).matches(RECORD)
    assert not RecordFilter.parse(["key=700100", "partition=4"]).matches(RECORD)


@pytest.mark.parametrize("value", [None, b"", b"not json", b"\xff\xfe", b"[" * 100_000, b"7"])
def test_a_value_that_is_not_an_object_matches_by_its_key_alone(value):
    record = StoredRecord("t", 0, 0, b"k", value, (), 0)
    assert RecordFilter.parse(["key=k"]).matches(record)
    assert not RecordFilter.parse(["data.projectId!=1"]).matches(record)


@pytest.mark.parametrize("text", ["", "data", "=7", "headers.=7", "~x", "!="])
def test_what_is_not_a_condition_is_refused_with_an_example(text):
    with pytest.raises(UsageError, match=r"data\.projectId=700100"):
        Condition.parse(text)


def test_the_text_after_the_operator_may_have_operators_in_it():
    assert Condition.parse("a=b=c<d") == Condition("a", "=", "b=c<d")
    assert str(Condition.parse("a != b")) == "a!=b"


def test_numbers_of_thousands_of_digits_are_compared_as_text():
    assert not RecordFilter.parse([f"offset={'9' * 5000}"]).matches(RECORD)
