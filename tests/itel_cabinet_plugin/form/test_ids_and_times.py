"""Ids and times of a task are read as the core reads them; what is none is reported."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claimx_pipeline.values import instant
from itel_cabinet_plugin.form import parse_form
from itel_cabinet_plugin.form.values import written
from itel_cabinet_plugin.photo_links import PhotoLinks
from itel_cabinet_plugin.submission.payload import submission_of
from itel_cabinet_plugin.submission.schema import V1_SCHEMA, SubmissionSchema
from tests.fakes.itel_samples import completed

SCHEMA = SubmissionSchema(V1_SCHEMA)
IDS = ("assignmentId", "taskId", "projectId")
AT = datetime(2026, 1, 12, 14, 5, 31, 204000, UTC)


def reported(parsed):
    return {each.question for each in parsed.unmatched if not each.group}


def as_doubles(value):
    """Return *value* with every whole number as ClaimX may write it: 12 as 12.0."""
    if isinstance(value, dict):
        return {name: as_doubles(each) for name, each in value.items()}
    if isinstance(value, list):
        return [as_doubles(each) for each in value]
    return float(value) if type(value) is int else value


@pytest.mark.incident("STR-26")
def test_a_form_whose_numbers_are_all_doubles_is_the_same_form():
    usual, doubles = parse_form(completed()), parse_form(as_doubles(completed()))
    assert doubles.form.project_id == "8800456"
    assert doubles.form.assignment_id == usual.form.assignment_id
    assert [each.media_id for each in doubles.attachments] == [
        each.media_id for each in usual.attachments
    ]
    made = submission_of(doubles)
    assert json.dumps(made) == json.dumps(submission_of(usual))
    SCHEMA.check(made)


@pytest.mark.incident("STR-26")
@given(number=st.integers(0, 2**53 - 1), shape=st.sampled_from([int, float, str, "{}.0".format]))
def test_an_id_is_the_same_however_it_is_written(number, shape):
    parsed = parse_form(completed() | dict.fromkeys(IDS, shape(number)))
    assert parsed.form.project_id == str(number)
    assert parsed.form.assignment_id == parsed.form.task_id == number
    assert reported(parsed) == set()


@pytest.mark.incident("STR-26")
@pytest.mark.parametrize(
    "given_", [1.5, 2.0**60, float("inf"), float("nan"), True, -1, [1], {"id": 1}, "a1", "1e999"]
)
def test_what_is_no_id_is_reported_and_never_stored_as_one(given_):
    parsed = parse_form(completed() | dict.fromkeys(IDS, given_))
    form = parsed.form
    assert (form.assignment_id, form.task_id, form.project_id) == (None, None, None)
    assert reported(parsed) == set(IDS)


@pytest.mark.incident("STR-26")
@pytest.mark.parametrize("given_", [[1], {"id": 1}, True, 1.5])
def test_what_is_no_form_id_is_reported(given_):
    parsed = parse_form(completed() | {"formId": given_, "formResponseId": given_})
    assert (parsed.form.form_id, parsed.form.form_response_id) == (None, None)
    assert reported(parsed) == {"formId", "formResponseId"}


@pytest.mark.incident("STR-26")
async def test_photos_are_found_by_ids_that_are_doubles():
    class Claimx:
        async def request(self, *_args, **_options):
            return self

        where = ""

        def json(self):
            return {"data": [{"mediaID": 12.0, "fullDownloadLink": "https://x/1"}]}

    links = await PhotoLinks(Claimx(), "/{project_id}", 0, None, "mediaId")._ask("/1", "12")
    assert list(links) == ["12"]


@pytest.mark.incident("STR-27")
@pytest.mark.parametrize(
    "spelling",
    [
        "2026-01-12T14:05:31.204Z",
        "2026-01-12T14:05:31.204z",
        "2026-01-12t14:05:31.204z",
        "2026-01-12T14:05:31.204+0000",
        "2026-01-12T14:05:31.204+00:00",
        "2026-01-12T14:05:31.204",
        "2026-01-12 14:05:31.204",
        "2026-01-12T09:05:31.204-0500",
        "2026-01-12T14:05:31.2040000000Z",
        1768226731204,
        "1768226731204",
        1768226731204.0,
    ],
)
def test_a_time_is_sent_as_the_instant_that_it_is(spelling):
    parsed = parse_form(completed() | {"dateAssigned": spelling, "dateCompleted": spelling})
    assert parsed.form.date_assigned == parsed.form.date_completed == AT
    made = submission_of(parsed)
    SCHEMA.check(made)
    assert datetime.fromisoformat(made["dateAssigned"]) == AT
    assert datetime.fromisoformat(made["dateCompleted"]) == AT
    assert reported(parsed) == set()


@pytest.mark.incident("STR-27")
@pytest.mark.parametrize(
    "spelling", ["yesterday", "2026-13-01", "", True, [1], {}, 10**30, "0000-01-01", "\uff19"]
)
def test_what_is_no_time_is_reported(spelling):
    parsed = parse_form(completed() | {"dateCompleted": spelling})
    assert parsed.form.date_completed is None
    assert submission_of(parsed)["dateCompleted"] is None
    assert reported(parsed) == (set() if spelling == "" else {"dateCompleted"})


@pytest.mark.incident("STR-27")
@given(
    seconds=st.integers(-62_135_000_000, 253_402_000_000),
    micros=st.integers(0, 999_999),
    minutes=st.integers(-24 * 60 + 1, 24 * 60 - 1),
)
def test_what_is_written_is_read_as_the_same_instant(seconds, micros, minutes):
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds, microseconds=micros)
    aware = at.astimezone(timezone(timedelta(minutes=minutes)))
    text = written(aware)
    assert text is not None
    assert text.endswith("Z")
    assert instant(text) == aware
