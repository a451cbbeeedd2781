"""Finding the event in its record, and what is refused with which sentence."""

from __future__ import annotations

import contextlib
import json
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from claimx_pipeline.claimx.envelopes import PRESETS
from claimx_pipeline.claimx.events import decode_event, event_decoder
from claimx_pipeline.errors import DecodeError
from claimx_pipeline.settings.tree.claimx import EventsSettings

PUBLISHED_MS = 1768500000123
EVENT = {"eventType": "PROJECT_CREATED", "projectId": 7, "IngestionTime": "2026-01-15T12:00:00Z"}
TIMELESS = {"eventType": "PROJECT_CREATED", "projectId": 7, "IngestionTime": None}
NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)
PRESET = {name: event_decoder(EventsSettings(preset=name)) for name in PRESETS}


def source_event(payload, **more):
    ids = {"source_event_id": "1", "source_id": "s", "correlation_id": "c"}
    return {**ids, "ingested_at": "2026-01-16T00:00:00Z", "payload": payload, **more}


def gateway(payload, **more):
    source = {"system": "s", "event_hub": "h", "original_timestamp": "2026-01-16T00:00:00Z"}
    event = {"type": "t", "received_at": "2026-01-17T00:00:00Z"}
    return {"envelope_id": "e", "source": source, "event": event, "payload": payload, **more}


WRAPS = {"source_event": source_event, "gateway": gateway}


def read(decode, fields, timestamp=PUBLISHED_MS):
    return decode(json.dumps(fields).encode(), timestamp)


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("write", [lambda event: event, json.dumps], ids=["object", "text"])
def test_a_preset_is_read_when_it_is_set_and_when_it_is_not(preset, write):
    record = WRAPS[preset](write(EVENT))
    bare = read(decode_event, EVENT)
    for decode in (decode_event, *PRESET.values()):
        event = read(decode, record)
        assert event == bare
        assert json.loads(bytes(event.payload)) == EVENT


@pytest.mark.parametrize("preset", PRESETS)
def test_an_event_without_a_time_takes_that_of_the_envelope(preset):
    record = WRAPS[preset](TIMELESS)
    event = read(PRESET[preset], record)
    assert event.ingested_at == datetime(2026, 1, 16, tzinfo=UTC)
    assert event.id_has_time
    # Published once more in a new envelope, it is the same event.
    again = {**record, "envelope_id": "other", "source_event_id": "2", "correlation_id": "x"}
    assert read(PRESET[preset], again, 0).event_id == event.event_id
    timed = {"eventType": "PROJECT_CREATED", "projectId": 7, "ingestedAt": "2026-01-16T00:00:00Z"}
    assert event.event_id == read(decode_event, timed).event_id


@pytest.mark.parametrize("blank", [None, "", "  "])
def test_an_envelope_that_gives_no_time_leaves_that_of_the_record(blank):
    record = source_event(TIMELESS, ingested_at=blank)
    event = read(decode_event, record)
    assert event.ingested_at == datetime(2026, 1, 15, 18, 0, 0, 123000, tzinfo=UTC)
    assert not event.id_has_time
    other_envelope = source_event(TIMELESS, ingested_at=None, correlation_id="x")
    assert read(decode_event, other_envelope).event_id == event.event_id


@pytest.mark.parametrize("preset", PRESETS)
def test_a_bare_event_is_read_though_an_envelope_is_set(preset):
    assert read(PRESET[preset], EVENT) == read(decode_event, EVENT)
    with_key = {**EVENT, "payload": "words"}
    assert read(PRESET[preset], with_key).event_id == read(decode_event, EVENT).event_id


def test_the_settings_change_what_a_preset_says():
    settings = EventsSettings(preset="gateway", time_path="event.received_at")
    event = read(event_decoder(settings), gateway(TIMELESS))
    assert event.ingested_at == datetime(2026, 1, 17, tzinfo=UTC)
    moved = event_decoder(EventsSettings(preset="gateway", payload_path="body"))
    record = gateway(None, body=EVENT)
    assert read(moved, record) == read(decode_event, EVENT)


def test_the_time_may_lie_apart_from_an_event_that_is_the_record_itself():
    decode = event_decoder(EventsSettings(time_path="meta.at"))
    event = read(decode, {**TIMELESS, "meta": {"at": "2026-01-15T12:00:00Z"}})
    assert (event.ingested_at, event.id_has_time) == (NOON, True)


def test_a_path_leads_through_texts_that_hold_json():
    decode = event_decoder(EventsSettings(payload_path="message.event", time_path="message.at"))
    message = json.dumps({"event": TIMELESS, "at": "2026-01-15T12:00:00Z"})
    assert read(decode, {"message": message}).ingested_at == NOON
    as_text = event_decoder(EventsSettings(payload_path="message"))
    assert read(as_text, {"message": " " + json.dumps(EVENT)}) == read(decode_event, EVENT)


def test_one_bad_character_in_an_envelope_does_not_cost_the_event():
    value = json.dumps(gateway(EVENT, note="?")).encode().replace(b'"?"', b'"caf\xe9 \\ud83d"')
    assert decode_event(value, 0).event_id == read(decode_event, EVENT).event_id
    inner = json.dumps(gateway(json.dumps({**EVENT, "note": "?"}).replace("?", "\\ud83d"))).encode()
    assert decode_event(inner, 0).event_id == read(decode_event, EVENT).event_id


BODY = event_decoder(EventsSettings(payload_path="body.event", time_path="body.at"))


@pytest.mark.parametrize(
    ("decode", "fields", "sentence"),
    [
        (BODY, {"body": {}}, r"no event at 'body.event', where claimx.events.payload_path says"),
        (BODY, {"body": {"event": 5}}, r"no event at 'body.event'.*its keys: 'body'"),
        (BODY, {"body": 5}, "no event at 'body.event'"),
        (BODY, {"a": 1}, "it is not an event itself: the event has no type"),
        (BODY, {"body": {"event": {}}}, "in the record's 'body.event': the event has no type"),
        (
            BODY,
            {"body": {"event": {"eventType": "A"}}},
            r"in the record's 'body.event': the event has no project id \(its type: A\)",
        ),
        (BODY, {"body": {"event": "{broken"}}, "in the record's 'body.event': .*not JSON"),
        (BODY, {"eventType": "A", "body": {"event": {}}, "projectId": 1}, "body.event.*no type"),
        (
            BODY,
            {"body": {"event": TIMELESS, "at": "soon"}},
            "'body.at' is 'soon', which is not a valid point in time",
        ),
        (BODY, {"body": {"event": TIMELESS, "at": {"x": 1}}}, "'body.at' is .*not a valid point"),
        (decode_event, {"payload": EVENT}, "set claimx.events.payload_path"),
        (decode_event, gateway("no json"), "the event has no type"),
        (decode_event, gateway({}), "in the record's 'payload': the event has no type"),
        (decode_event, {"eventType": "PROJECT_CREATED"}, r"no project id \(its type: PROJECT_CR"),
    ],
)
def test_what_cannot_be_read_is_refused_with_one_sentence(decode, fields, sentence):
    with pytest.raises(DecodeError, match=sentence) as caught:
        read(decode, fields)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    "value", [None, b"", b"{", b"[]", b"null", b'"x"', b"\xff\xfe{", b"[" * 9999]
)
@pytest.mark.parametrize("decode", [BODY, *PRESET.values()])
def test_what_is_not_an_object_is_refused(decode, value):
    with pytest.raises(DecodeError):
        decode(value, 0)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
KEYS = st.sampled_from(
    [
        "payload",
        "source",
        "event",
        "envelope_id",
        "source_event_id",
        "source_id",
        "ingested_at",
        "original_timestamp",
        "eventType",
        "projectId",
        "mediaIds",
        "IngestionTime",
        "body",
        "at",
    ]
)
NESTED = st.recursive(
    JSON | st.just(EVENT) | st.just(json.dumps(EVENT)) | st.just("2026-01-15T12:00:00Z"),
    lambda inner: st.dictionaries(KEYS, inner, max_size=5) | inner.map(json.dumps),
    max_leaves=12,
)
DECODERS = [decode_event, BODY, *PRESET.values()]


@given(st.sampled_from(DECODERS), st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_an_event_or_refused(decode, value):
    with contextlib.suppress(DecodeError):
        decode(value, 0)


@given(st.sampled_from(DECODERS), st.dictionaries(KEYS, NESTED, max_size=6))
def test_any_record_is_an_event_or_refused(decode, fields):
    value = msgspec.json.encode(fields)
    try:
        event = decode(value, PUBLISHED_MS, lambda: "t/0/1")
    except DecodeError:
        return
    assert event.ingested_at.tzinfo is UTC
    assert isinstance(json.loads(bytes(event.payload)), dict)
    assert event.key == event.project_id != ""


IDS = st.none() | st.just("") | st.integers(0, 2**60) | st.integers(0, 2**60).map(str)
EVENTS = st.fixed_dictionaries(
    {
        "eventType": st.sampled_from(["PROJECT_CREATED", "PROJECT_FILE_ADDED", "NEW_ONE"]),
        "projectId": st.integers(0, 2**60) | st.integers(0, 2**60).map(str),
        "IngestionTime": st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)).map(  # noqa: DTZ001 - bounds
            lambda time: time.isoformat() + "Z"
        ),
    },
    optional={
        "masterFileName": st.none() | st.text(max_size=20),
        "mediaId": IDS,
        "taskAssignmentId": IDS,
        "videoCollaborationId": IDS,
        "mediaIds": st.none() | st.just("") | st.lists(IDS, max_size=12),
        "note": JSON,
    },
)


@given(EVENTS, st.sampled_from(["source_event", "gateway", "own"]), st.booleans(), st.data())
def test_wrapped_is_unwrapped(event, way, as_text, data):
    text = msgspec.json.encode(event)
    payload = text.decode() if as_text else msgspec.Raw(text)
    more = data.draw(st.dictionaries(st.text(min_size=1, max_size=5).map("x".__add__), JSON))
    if way == "own":
        record, decode = {"body": {"event": payload, **more}, **more}, BODY
    else:
        record = WRAPS[way](payload, **more)
        decode = data.draw(st.sampled_from([decode_event, PRESET[way]]))
    wrapped = decode(msgspec.json.encode(record), 0)
    bare = decode_event(text, PUBLISHED_MS)
    assert wrapped == bare
    assert bytes(wrapped.payload) == bytes(bare.payload)
