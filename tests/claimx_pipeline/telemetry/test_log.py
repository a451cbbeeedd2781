"""What log lines look like, and that no value can break one."""

import json
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claimx_pipeline import Plugin
from claimx_pipeline.telemetry.log import JsonFormatter, PlainFormatter


def record(message="worker %s waits", args=("a",), **extra) -> logging.LogRecord:
    made = logging.getLogger("x").makeRecord(
        "x", logging.WARNING, "f", 1, message, args, None, extra=extra
    )
    made.created = 0
    return made


def test_a_plain_line_is_short():
    assert PlainFormatter().format(record(topic="t")) == "00:00:00 WARNING worker a waits topic=t"


@pytest.mark.incident("OBS-02")
def test_a_json_line_is_one_object():
    line = JsonFormatter().format(record(offset=7))
    assert "\n" not in line
    assert json.loads(line) == {
        "time": "1970-01-01T00:00:00.000+00:00",
        "level": "WARNING",
        "logger": "x",
        "message": "worker a waits",
        "offset": 7,
    }


@pytest.mark.incident("OBS-02")
def test_a_traceback_is_kept():
    try:
        raise KeyError("x")
    except KeyError as error:
        made = record()
        made.exc_info = (type(error), error, error.__traceback__)
    assert "KeyError" in json.loads(JsonFormatter().format(made))["traceback"]
    assert "KeyError" in PlainFormatter().format(made)


class Mine(Plugin):
    name = "mine"


@pytest.mark.incident("RET-08")
@given(
    st.dictionaries(
        st.text(st.characters(categories=["L"]), min_size=1)
        | st.sampled_from(["message", "name", "args", "exc_info", "msg", "asctime"]),
        st.text() | st.binary() | st.none() | st.builds(object) | st.sets(st.integers()),
        max_size=5,
    ).filter(lambda extra: not {"level", "self"} & extra.keys())
)
def test_no_field_of_a_log_call_can_raise_into_the_plugin(extra):
    """Reserved names, duplicates, values that are no JSON."""
    told: list[str] = []

    class Handler(logging.Handler):
        def emit(self, record):
            told.append(JsonFormatter().format(record) + PlainFormatter().format(record))

    plugin = Mine()
    plugin._logger.handlers = [Handler()]
    extra.pop("message", None)
    plugin._log(logging.WARNING, "hello", **extra)
    plugin._log_exception(ValueError("x"), "hello", **extra)
    assert len(told) == 2


def test_no_field_is_dropped_or_put_in_place_of_another():
    """An allow-list of a log formatter once dropped most of what was logged."""
    given = {"author": "Ann", "event_id": "e1", "level": "deep", "time": 3, "logger": "y", "n": [1]}
    line = json.loads(JsonFormatter().format(record(**given)))
    assert (line["level"], line["logger"], line["time"][:4]) == ("WARNING", "x", "1970")
    assert {line[f"{name}_"] for name in ("level", "logger")} == {"deep", "y"}
    assert (line["author"], line["event_id"], line["n"], line["time_"]) == ("Ann", "e1", [1], 3)
    plain = PlainFormatter().format(record(**given))
    assert all(f"{name}={value}" in plain for name, value in given.items())


def test_a_credential_among_the_fields_is_masked_and_nothing_else():
    given = {"api_token": "SECRET", "token_url": "https://a.test", "author": "Ann"}
    for formatter in (JsonFormatter(), PlainFormatter()):
        shown = formatter.format(record(**given))
        assert "SECRET" not in shown
        assert "https://a.test" in shown
        assert "Ann" in shown


@pytest.mark.parametrize("value", ["half \ud83d", {("a", 1): 2}, {1.5: {"x": object()}}])
def test_what_json_cannot_say_costs_no_line(value):
    line = json.loads(JsonFormatter().format(record(odd=value, event_id="e1")))
    assert (line["event_id"], line["message"]) == ("e1", "worker a waits")
    assert line["odd"]
