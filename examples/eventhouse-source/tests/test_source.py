"""Every row is read, and read once, whatever its time."""

import asyncio
import json

import pytest
from eventhouse_source.source import EventhouseOptions, EventhouseSource, precise
from stand_in import StandIn

from claimx_pipeline.sources import SourceError

SECOND = "2026-01-05T10:00:00"


@pytest.fixture
def kusto():
    with StandIn() as stand_in:
        yield stand_in


def source_of(kusto, column=None, **options):
    given = {"cluster": kusto.url, "database": "claims", "table": "events", "page_size": 1000}
    return EventhouseSource(EventhouseOptions(**{**given, **options}), column)


def read_all(source, position=None):
    """Return what is read until there is nothing more, and where that is."""

    async def reading():
        found, at = [], position
        while True:
            records, following = await source.read(at)
            if not records:
                assert following == at
                await source.close()
                return found, at
            found += records
            at = following

    return asyncio.run(reading())


def numbers(records):
    return sorted(json.loads(record.value)["payload"]["n"] for record in records)


def test_more_rows_at_one_time_than_a_page_has(kusto):
    for number in range(2500):
        kusto.add(f"{SECOND}.1234567Z", {"n": number}, "Rome")
    kusto.add(f"{SECOND}.1234568Z", {"n": 2500}, "Rome")
    source = source_of(kusto)
    records, position = read_all(source)
    assert numbers(records) == [*range(2501)]
    assert position == {"after": f"{SECOND}.1234568Z"}
    assert read_all(source, position) == ([], position)


def test_times_within_one_microsecond_are_three_times(kusto):
    for number in range(3000):
        kusto.add(f"{SECOND}.{1234561 + number % 3 * 3:07}Z", {"n": number}, "Rome")
    records, position = read_all(source_of(kusto, page_size=100))
    assert numbers(records) == [*range(3000)]
    assert position == {"after": f"{SECOND}.1234567Z"}


@pytest.mark.parametrize("page_size", [1, 2, 3, 7, 10, 1000])
def test_a_page_may_end_between_rows_of_one_time(kusto, page_size):
    for number in range(40):
        kusto.add(f"{SECOND}.{number // 3:07}Z", {"n": number}, "Rome")
    records, _ = read_all(source_of(kusto, page_size=page_size))
    assert numbers(records) == [*range(40)]


def test_what_comes_later_is_read_then_and_nothing_again(kusto):
    kusto.add(f"{SECOND}Z", {"n": 1}, "Rome")
    _, position = read_all(source_of(kusto))
    kusto.add(f"{SECOND}.0000001Z", {"n": 2}, "Rome")
    records, _ = read_all(source_of(kusto), position)
    assert numbers(records) == [2]


def test_rows_of_which_others_may_be_under_way_are_left_for_later(kusto):
    kusto.add("2999-01-01T00:00:00.0000000Z", {"n": 1}, "Rome")
    assert read_all(source_of(kusto)) == ([], None)
    records, _ = read_all(source_of(kusto, delay_seconds=0))
    assert numbers(records) == [1]


def test_a_column_may_hold_the_event(kusto):
    kusto.add(f"{SECOND}Z", '{"event_type": "PROJECT_CREATED"}', "Rome")
    kusto.add(f"{SECOND}.5Z", None, "Rome")
    (good, bad), _ = read_all(source_of(kusto, column="payload"))
    assert json.loads(good.value) == {"event_type": "PROJECT_CREATED"}
    assert bad.fault


def test_what_passes_is_told_from_what_does_not(kusto):
    def error(permanent):
        return {"error": {"code": "X", "message": "m", "@message": "m", "@permanent": permanent}}

    for status, answer, passes in [
        (400, error(True), False),
        (500, error(False), True),
        (429, {}, True),
        (503, {}, True),
    ]:
        kusto.failures.append((status, answer))
        with pytest.raises(SourceError) as raised:
            read_all(source_of(kusto))
        assert raised.value.passes is passes, status


def test_an_answer_with_an_error_behind_rows_is_no_answer(kusto):
    kusto.add(f"{SECOND}Z", {"n": 1}, "Rome")
    frames = kusto.frames(kusto.rows)
    error = {"code": "X", "message": "m", "@message": "too much", "@permanent": False}
    frames[1]["Rows"].append({"OneApiErrors": [{"error": error}]})
    kusto.failures.append((200, frames))
    with pytest.raises(SourceError, match="too much"):
        read_all(source_of(kusto))
    records, _ = read_all(source_of(kusto))
    assert numbers(records) == [1]


def test_the_begin_is_left_out(kusto):
    for number in range(3):
        kusto.add(f"{SECOND}.{number:07}Z", {"n": number}, "Rome")
    records, _ = read_all(source_of(kusto, begin=f"{SECOND}.0000001Z"))
    assert numbers(records) == [2]


def test_times_are_compared_as_texts_of_one_form():
    assert precise("2026-01-05T10:00:00Z") < precise("2026-01-05T10:00:00.0000001Z")
