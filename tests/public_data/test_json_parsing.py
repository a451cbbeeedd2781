"""The JSON parsing suite (nst/JSONTestSuite): what is JSON is read, what is not is refused."""

from __future__ import annotations

from collections import Counter

import pytest

from claimx_pipeline.claimx.domain import CLAIMX
from claimx_pipeline.claimx.events import decode_event
from claimx_pipeline.errors import DecodeError
from claimx_pipeline.plugins.action_messages import decode_action
from claimx_pipeline.stages import ChainProcessor
from claimx_pipeline.testing import make_record
from tests.rigs.file_records import decode_cached_file, decode_download_task, decode_result

NOT_JSON = ("the event is not JSON", "the event is not UTF-8", "the record is empty")
INVALID, VALID = 188, 95


@pytest.fixture(scope="module")
def documents(public_data) -> dict[str, bytes]:
    """Return the documents by file name: y_ is valid, n_ is not, i_ may be either."""
    folder = public_data("JSONTestSuite") / "test_parsing"
    found = {file.name: file.read_bytes() for file in sorted(folder.glob("*.json"))}
    counts = Counter(name[0] for name in found)
    assert (counts["n"], counts["y"]) == (INVALID, VALID), "the suite is not the one counted here"
    return found


def refusal(value: bytes) -> str | None:
    """Return why *value* is refused as an event; None if it is one."""
    try:
        decode_event(value, 0)
    except DecodeError as error:
        return str(error)
    return None


def as_field(document: bytes) -> bytes:
    """Return an event with *document* in a field that nothing reads."""
    return b'{"eventType": "A", "projectId": 1, "more": ' + document + b"}"


@pytest.mark.incident("STR-01")
def test_what_is_not_json_is_refused_alone_and_inside_an_event(documents):
    invalid = {name: text for name, text in documents.items() if name.startswith("n_")}
    assert [name for name, text in invalid.items() if refusal(text) is None] == []
    assert [name for name, text in invalid.items() if refusal(as_field(text)) is None] == []


@pytest.mark.incident("STR-01")
def test_what_is_json_is_read_whatever_else_is_missing(documents):
    """An array is no event, and is refused for that."""
    valid = {name: text for name, text in documents.items() if name.startswith("y_")}
    said = {name: refusal(text) for name, text in valid.items()}
    assert {name: why for name, why in said.items() if why and why.startswith(NOT_JSON)} == {}
    assert {name: why for name in valid if (why := refusal(as_field(valid[name])))} == {}


@pytest.mark.incident("STR-01")
def test_no_reader_of_records_raises_anything_else(documents):
    readers = {
        "event": lambda value: decode_event(value, 0),
        "task": CLAIMX.messages.event_of_task,
        "rows": CLAIMX.messages.decode,
        "download": decode_download_task,
        "cached": decode_cached_file,
        "result": decode_result,
        "action": decode_action,
        "chain": lambda value: ChainProcessor([], None).decode(make_record(value)),
    }
    for name, text in documents.items():
        for reader, read in readers.items():
            for value in (text, as_field(text)):
                try:
                    read(value)
                except DecodeError:
                    continue
                except BaseException as error:
                    raise AssertionError(f"{reader} on {name}: {error!r}") from error
