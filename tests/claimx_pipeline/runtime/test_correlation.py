"""One id for all that a raw record leads to."""

import pytest
from attrs import frozen

from claimx_pipeline.runtime import headers
from claimx_pipeline.runtime.correlation import (
    correlation_id,
    given_by,
    made_of,
    of_raw,
    passed_on_by,
    raw_of,
)

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


@frozen
class Read:
    """A record as a broker gives it."""

    headers: tuple = ()
    topic: str = "claimx.events.raw"
    partition: int = 2
    offset: int = 7


@frozen
class Message:
    event_id: str = "e1"


def with_headers(**given: str) -> Read:
    return Read(tuple((name.replace("_", "-"), value.encode()) for name, value in given.items()))


def test_the_id_of_an_event_is_always_the_same():
    assert made_of("claimx", "e1") == made_of("claimx", "e1")
    assert len(made_of("claimx", "e1")) == 16
    assert made_of("claimx", "e1") != made_of("xact", "e1")


@pytest.mark.parametrize("name", ["correlation_id", "x_correlation_id"])
def test_the_source_may_give_its_own(name):
    assert correlation_id(with_headers(**{name: "order-17"}), "claimx", Message()) == "order-17"


@pytest.mark.parametrize("given", ["", "a b", "\u00e9", "x" * 129, "a\nb"])
def test_what_cannot_be_one_is_not_used(given):
    record = with_headers(correlation_id=given)
    assert correlation_id(record, "claimx", Message()) == made_of("claimx", "e1")


def test_else_it_is_the_trace_id():
    assert given_by(with_headers(traceparent=PARENT).headers) == TRACE


@pytest.mark.parametrize(
    "given",
    [
        f"ff-{TRACE}-00f067aa0ba902b7-01",
        f"00-{'0' * 32}-00f067aa0ba902b7-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-00f067aa0ba902b7-01",
        "00",
    ],
)
def test_an_invalid_trace_parent_is_none(given):
    assert given_by(with_headers(traceparent=given).headers) is None


def test_ours_comes_before_all_others():
    record = with_headers(claimx_correlation_id="first", correlation_id="second")
    assert given_by(record.headers) == "first"


def test_a_raw_record_passes_on_its_id_where_it_is_and_its_trace():
    passed = dict(of_raw(with_headers(correlation_id="c", traceparent=PARENT), "claimx", "e1"))
    assert passed == {
        headers.CORRELATION: b"c",
        headers.RAW: b"claimx.events.raw/2/7",
        "traceparent": PARENT.encode(),
    }
    assert dict(of_raw(Read(), "claimx", "e1")) == {
        headers.CORRELATION: made_of("claimx", "e1").encode(),
        headers.RAW: b"claimx.events.raw/2/7",
    }


def test_one_that_came_back_is_where_it_was_first():
    record = with_headers(claimx_origin="claimx.events.raw/5/9")
    assert raw_of(of_raw(record, "claimx", "e1")) == headers.Origin("claimx.events.raw", 5, 9)


def test_what_a_message_leads_to_has_what_it_brought():
    record = with_headers(claimx_correlation_id="c", claimx_raw="t/0/1", claimx_id="x")
    assert passed_on_by(record, "claimx", Message()) == (
        (headers.CORRELATION, b"c"),
        (headers.RAW, b"t/0/1"),
    )


@pytest.mark.parametrize("message", [Message(), {"event_id": "e1"}])
def test_a_message_of_an_older_version_gets_the_id_of_its_event(message):
    made = made_of("claimx", "e1").encode()
    assert passed_on_by(Read(), "claimx", message) == ((headers.CORRELATION, made),)


def test_without_an_event_there_is_none():
    assert passed_on_by(Read(), "claimx", None) == ()
