from __future__ import annotations

import contextlib
import hashlib
import json
from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from claimx_pipeline.claimx.events import Event, decode_event
from claimx_pipeline.errors import Category, DecodeError

NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)
PUBLISHED_MS = 1768500000123
PUBLISHED = datetime(2026, 1, 15, 18, 0, 0, 123000, tzinfo=UTC)


def decode(**fields):
    return decode_event(json.dumps(fields).encode(), PUBLISHED_MS)


@pytest.mark.incident("LAT-19")
@pytest.mark.parametrize(
    ("fields", "event_id"),
    [
        (
            {"eventType": "PROJECT_CREATED"},
            "1fd63183d08ffc1ccdad2d9af12f20aec892e707dfcb9d2178956ffa3965d445",
        ),
        (
            {"eventType": "PROJECT_FILE_ADDED", "mediaId": 500001},
            "f6c6888f66b628704b1887756fab1bb275d05dd3868ef2c62c2982426597347b",
        ),
        (
            {"eventType": "PROJECT_MFN_ADDED", "masterFileName": "MFN-0001"},
            "b61e6f003c5cab52f7f8399d7c8ce58e1dab7b31a9727b42fda18038fea5b48c",
        ),
    ],
)
def test_an_id_is_derived_as_the_vectors_say(fields, event_id):
    event = decode(projectId=100123, ingestedAt="2026-01-15T12:00:00+00:00", **fields)
    assert event.event_id == event_id
    assert event.id_has_time


def test_every_id_of_an_event_is_in_its_derived_id():
    parts = "1|CUSTOM_TASK_ASSIGNED|2026-01-15T12:00:00+00:00|media:2|task:3|video:4|file:F"
    event = decode(
        event_type="CUSTOM_TASK_ASSIGNED",
        project_id=1,
        media_id=2,
        task_assignment_id=3,
        video_collaboration_id=4,
        master_file_name="F",
        ingested_at="2026-01-15T12:00:00Z",
    )
    assert event.event_id == hashlib.sha256(parts.encode()).hexdigest()


@pytest.mark.parametrize("name", ["event_id", "eventId"])
def test_the_sources_own_id_is_kept(name):
    event = decode(eventType="A", projectId=1, ingestedAt="2026-01-15T12:00:00Z", **{name: 77})
    assert event.event_id == "77"
    assert not event.id_has_time
    assert event.ingested_at == NOON


@pytest.mark.parametrize("given", [None, "", " ", [], [None, ""]])
def test_files_that_are_not_named_change_no_id(given):
    event = decode(projectId=100123, eventType="PROJECT_CREATED", ingestedAt=1768478400)
    assert event.media_ids == ()
    same = decode(
        projectId=100123, eventType="PROJECT_CREATED", ingestedAt=1768478400, mediaIds=given
    )
    assert same == event
    assert event.event_id == "1fd63183d08ffc1ccdad2d9af12f20aec892e707dfcb9d2178956ffa3965d445"


@pytest.mark.parametrize(
    "given", [[3, 1, 2, 1], ["3", " 1 ", 2.0, None, ""], "[3, 1, 2]", "3,1, 2", ' ["3",1,2]']
)
@pytest.mark.parametrize("name", ["mediaIds", "media_ids"])
def test_the_files_that_an_event_names_are_read_once_each_in_their_order(name, given):
    assert decode(eventType="A", projectId=1, **{name: given}).media_ids == ("3", "1", "2")


def test_one_file_may_be_named_without_a_list():
    assert decode(eventType="A", projectId=1, mediaIds=5).media_ids == ("5",)
    both = decode(eventType="A", projectId=1, media_ids="", mediaIds=[5])
    assert both.media_ids == ("5",)


@pytest.mark.parametrize("given", ["[1", "[[1]]", [1.5], [[1]], {"a": 1}, True, "[" * 9999])
def test_a_list_of_files_that_cannot_be_read_is_refused(given):
    with pytest.raises(DecodeError, match=r"media_?[iI]ds"):
        decode(eventType="A", projectId=1, mediaIds=given)


def test_files_tell_events_apart_only_where_nothing_else_does():
    def event_id(**fields):
        return decode(eventType="A", projectId=1, ingestedAt=1768478400, **fields).event_id

    assert event_id(mediaIds=[1, 2]) != event_id(mediaIds=[3, 4]) != event_id()
    for name in ("mediaId", "taskAssignmentId", "videoCollaborationId"):
        assert event_id(mediaIds=[1, 2], **{name: 9}) == event_id(**{name: 9})


@pytest.mark.parametrize("name", ["IngestionTime", "ingestion_time"])
def test_the_time_at_which_the_source_took_an_event_in_is_its_time(name):
    event = decode(eventType="PROJECT_CREATED", projectId=100123, **{name: NOON.isoformat()})
    assert (event.ingested_at, event.id_has_time) == (NOON, True)
    assert event.event_id == "1fd63183d08ffc1ccdad2d9af12f20aec892e707dfcb9d2178956ffa3965d445"
    silent = decode(eventType="A", projectId=1, ingestedAt="", **{name: None})
    assert (silent.ingested_at, silent.id_has_time) == (PUBLISHED, False)


def test_a_named_time_goes_before_the_one_of_ingestion():
    event = decode(eventType="A", projectId=1, ingestedAt=NOON.isoformat(), IngestionTime="soon")
    assert event.ingested_at == NOON
    with pytest.raises(DecodeError, match="'IngestionTime' is 'soon', which is not a valid point"):
        decode(eventType="A", projectId=1, IngestionTime="soon")


def test_the_payload_is_the_whole_event():
    value = b'\xef\xbb\xbf {"eventType": "A", "projectId": 1, "new": {"a": [1, "\\ud83d"]}}'
    event = decode_event(value, 0)
    assert json.loads(bytes(event.payload))["new"] == {"a": [1, "\ufffd"]}
    assert event.key == "1"


TIMELESS = b'{"eventType": "A", "projectId": 1}'
NEVER = [-1, -(2**63), 253402300800000, 10**15 - 1, 253402300800000 * 1000, 10**18 - 1, None]
"""Timestamps that mean no time: negative, after the year 9999, none at all."""


@pytest.mark.incident("LAT-19")
@pytest.mark.incident("STR-08")
def test_without_a_time_the_id_is_of_the_bytes_and_of_when_the_record_was_published():
    event = decode_event(TIMELESS, PUBLISHED_MS)
    assert event.event_id == decode_event(TIMELESS, PUBLISHED_MS, lambda: "t/0/9").event_id
    assert not event.id_has_time
    assert event.ingested_at == PUBLISHED
    an_hour_later = decode_event(TIMELESS, PUBLISHED_MS + 3_600_000)
    other_bytes = decode_event(TIMELESS + b" ", PUBLISHED_MS)
    assert len({event.event_id, an_hour_later.event_id, other_bytes.event_id}) == 3


@pytest.mark.incident("STR-01")
@pytest.mark.incident("STR-08")
@pytest.mark.parametrize("timestamp", NEVER)
def test_a_timestamp_that_is_no_time_leaves_the_place_to_tell_records_apart(timestamp):
    def at(origin):
        return decode_event(TIMELESS, timestamp, lambda: origin, lambda: NOON)

    assert at("t/0/1").event_id == at("t/0/1").event_id
    assert len({at(origin).event_id for origin in ("t/0/1", "t/0/2", "t/1/1", "u/0/1")}) == 4
    assert at("t/0/1").ingested_at == NOON


@pytest.mark.incident("STR-01")
@pytest.mark.parametrize("factor", [1, 1000, 1_000_000])
def test_a_time_in_micro_or_nanoseconds_is_that_time(factor):
    assert decode_event(TIMELESS, PUBLISHED_MS * factor).ingested_at == PUBLISHED


@pytest.mark.incident("STR-01")
@given(st.integers(-(2**63), 2**63 - 1) | st.sampled_from([*NEVER, 0, 253402300799999]))
def test_an_event_is_read_whatever_the_records_timestamp(timestamp):
    own = decode_event(
        b'{"eventType": "A", "projectId": 1, "ingestedAt": "2026-01-15T12:00:00Z"}', timestamp
    )
    assert own.ingested_at == NOON
    for value in (TIMELESS, b'{"eventType": "A", "projectId": 1, "eventId": "x"}'):
        event = decode_event(value, timestamp, lambda: "t/0/1", lambda: NOON)
        assert event.ingested_at.tzinfo is UTC
        assert event.event_id


def test_a_source_id_without_a_time_takes_the_records_time():
    event = decode(eventType="A", projectId=1, event_id="x")
    assert (event.event_id, event.ingested_at) == ("x", PUBLISHED)


def test_a_trace_id_is_not_an_event_id():
    event = decode(eventType="A", projectId=1, trace_id="x", ingestedAt="2026-01-15T12:00:00Z")
    assert event.event_id != "x"


@pytest.mark.incident("DEL-03")
@pytest.mark.parametrize(
    "written", ["2026-01-15T12:00:00Z", "2026-01-15T05:00:00-07:00", 1768478400, 1768478400000]
)
def test_one_instant_written_in_two_ways_is_one_event(written):
    event = decode(eventType="PROJECT_CREATED", projectId=100123, ingestedAt=written)
    assert event.event_id == "1fd63183d08ffc1ccdad2d9af12f20aec892e707dfcb9d2178956ffa3965d445"


def test_zero_is_an_id_and_blank_is_none():
    event = decode(
        event_type="A", project_id=0, media_id=0, task_assignment_id="", master_file_name="  "
    )
    assert event.project_id == "0"
    assert event.media_id == "0"
    assert event.task_assignment_id is None
    assert event.master_file_name is None


def test_a_blank_field_leaves_the_other_spelling():
    event = decode(
        event_type=" ", eventType="A", project_id="", projectId=5, ingested_at="", ingestedAt=0
    )
    assert (event.event_type, event.project_id) == ("A", "5")
    assert event.ingested_at == datetime(1970, 1, 1, tzinfo=UTC)


def test_snake_case_wins_over_camel_case():
    assert decode(eventType="A", project_id=1, projectId=2).project_id == "1"


def test_a_float_that_is_whole_is_an_id():
    assert decode(eventType="A", projectId=12.0).project_id == "12"


@pytest.mark.parametrize("bad", [12.5, 1e300])
def test_a_float_that_is_no_id_is_refused(bad):
    with pytest.raises(DecodeError, match=r"'project_id' is .*; an id is text or a whole number"):
        decode(eventType="A", projectId=bad)


def test_a_large_number_is_kept_digit_for_digit():
    value = b'{"eventType": "A", "projectId": 123456789012345678901234567890}'
    assert decode_event(value, 0).project_id == "123456789012345678901234567890"


@pytest.mark.parametrize("front", [b"\xef\xbb\xbf", b" \r\n\t", b"\xef\xbb\xbf "])
def test_a_byte_order_mark_and_blanks_in_front_are_allowed(front):
    assert decode_event(front + b'{"eventType": "A", "projectId": 1}', 0).event_type == "A"


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (None, "the record is empty"),
        (b"", "the record is empty"),
        (b"nonsense", "the event is not JSON"),
        (b'{"eventType": "A", "projectId": 1', "the event is not JSON"),
        (b'{"eventType": "A", "projectId": 1} x', "the event is not JSON"),
        (b"[" * 100_000, "the event is not"),
        (b'{"x":' * 100_000, "the event is not"),
        (b'{"eventType": "A", "projectId": 1, "x": \xff}', "the event is not JSON"),
        (b"[]", "as it should be: it is a list, and must be an object"),
        (b"null", "the event is not as it should be"),
        (b"{}", "the event has no type"),
        (b'{"eventType": " ", "projectId": 1}', "the event has no type"),
        (b'{"eventType": 5, "projectId": 1}', "'eventType' is a whole number, and must be text"),
        (b'{"eventType": "A"}', "the event has no project id"),
        (b'{"eventType": "A", "projectId": null}', "the event has no project id"),
        (b'{"eventType": "A", "projectId": true}', "'projectId' is true or false, and must be a"),
        (
            b'{"eventType": "A", "projectId": {}}',
            "'projectId' is an object, and must be a number or",
        ),
        (b'{"eventType": "A", "projectId": 1, "ingestedAt": "soon"}', "'ingested_at' is 'soon'"),
        (b'{"eventType": "A", "projectId": 1, "ingestedAt": 1e300}', "not a valid point in time"),
    ],
)
def test_what_is_no_event_is_refused_with_a_sentence(value, sentence):
    with pytest.raises(DecodeError, match=sentence) as caught:
        decode_event(value, 0)
    assert caught.value.category is Category.PERMANENT
    assert len(str(caught.value)) < 300


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_an_event_or_refused(value):
    with contextlib.suppress(DecodeError):
        decode_event(value, 0)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
NAMES = [
    "event_id",
    "event_type",
    "project_id",
    "ingested_at",
    "media_id",
    "task_assignment_id",
    "video_collaboration_id",
    "master_file_name",
    "media_ids",
    "ingestion_time",
]


def camel(name):
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


@given(st.dictionaries(st.sampled_from([*NAMES, *map(camel, NAMES), "IngestionTime"]), JSON))
def test_any_values_are_an_event_or_refused(fields):
    try:
        event = decode_event(msgspec.json.encode(fields), PUBLISHED_MS)
    except DecodeError:
        return
    assert event.ingested_at.tzinfo is UTC
    assert event.event_id
    assert event.project_id.strip() == event.project_id != ""


@given(st.data())
def test_any_mix_of_spelling_and_type_is_the_same_event(data):
    time = data.draw(
        st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - bounds
    )
    offset = timezone(timedelta(minutes=data.draw(st.integers(-840, 840))))
    written = data.draw(
        st.sampled_from(
            [
                time.isoformat(),
                time.isoformat().replace("+00:00", "Z"),
                time.replace(tzinfo=None).isoformat(),
                time.astimezone(offset).isoformat(),
            ]
        )
    )
    ids = {
        name: data.draw(st.none() | st.integers(0, 2**60))
        for name in ("media_id", "task_assignment_id", "video_collaboration_id")
    }
    values = {"event_type": "CUSTOM_TASK_ASSIGNED", "project_id": 7, "ingested_at": written, **ids}
    fields = {}
    for name, value in values.items():
        is_id = isinstance(value, int)
        given_as = data.draw(st.sampled_from([value, f" {value} "])) if is_id else value
        fields[data.draw(st.sampled_from([name, camel(name)]))] = given_as
    plain = {name: None if value is None else str(value) for name, value in ids.items()}
    event = decode_event(msgspec.json.encode(fields), PUBLISHED_MS)
    expected = decode_event(
        msgspec.json.encode(
            {
                "event_type": "CUSTOM_TASK_ASSIGNED",
                "project_id": "7",
                "ingested_at": time.isoformat(),
                **plain,
            }
        ),
        0,
    )
    assert event == expected
    assert event == Event(
        event.event_id, "CUSTOM_TASK_ASSIGNED", "7", time, **plain, id_has_time=True
    )


@pytest.mark.incident("STR-20")
@pytest.mark.parametrize(
    ("written", "read"),
    [
        (b"a\\ud83d", "a\ufffd"),
        (b"\\ude00b", "\ufffdb"),
        (b"caf\xe9.jpg", "caf\ufffd.jpg"),
        (b"\\ud83d\\ude00", "\U0001f600"),
        (b"\\\\ud83d", "\\ud83d"),
        (b"\xed\xa0\xbd", "\ufffd\ufffd\ufffd"),
    ],
)
def test_one_bad_character_does_not_cost_the_event(written, read):
    value = b'{"eventType": "A", "projectId": 1, "masterFileName": "' + written + b'", "x": 2}'
    assert decode_event(value, 0).master_file_name == read
    other = b'{"eventType": "A", "projectId": 1, "note": "' + written + b'"}'
    assert decode_event(other, 0).project_id == "1"
