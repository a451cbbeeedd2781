"""One bad character does not cost an answer that others share; nothing else passes for JSON."""

import json

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from claimx_pipeline.connections.json_answer import NotJsonError, read_json

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.incident("STR-20")
@pytest.mark.parametrize(
    ("body", "found"),
    [
        (
            b'[{"id":12,"comment":"\\ud83d"},{"id":13}]',
            [{"id": 12, "comment": "\ufffd"}, {"id": 13}],
        ),
        (b'{"a":"x\\ude00y","b":"\\ud83d\\ude00"}', {"a": "x\ufffdy", "b": "\U0001f600"}),
        (b'{"k\\udc00": 1}', {"k\ufffd": 1}),
        (b'{"a":"1\t2\n3\x004"}', {"a": "1\t2\n3\x004"}),
        (b'{"a":"caf\xe9"}', {"a": "caf\ufffd"}),
        (b'{"caf\xe9":1}', {"caf\ufffd": 1}),
        (b'{"a":"\xed\xa0\xbd"}', {"a": "\ufffd\ufffd\ufffd"}),
        (b'{"a":"\xc3"}', {"a": "\ufffd"}),
        (b'{"a":NaN,"b":-Infinity,"c":1e999,"d":2}', {"a": None, "b": None, "c": None, "d": 2}),
        ('{"a":"é"}'.encode("utf-16"), {"a": "é"}),
        (b'\xef\xbb\xbf{"a":"\xe9"}', {"a": "\ufffd"}),
    ],
)
def test_what_can_be_understood_is_read(body, found):
    assert read_json(body)[0] == found
    assert read_json(body)[1], "it says that something was overlooked"


@pytest.mark.incident("STR-20")
def test_a_number_too_long_for_python_is_null_beside_a_bad_character():
    found, _ = read_json(b'{"a":' + b"9" * 5000 + b',"b":"\xe9"}')
    assert found["b"] == "\ufffd"


@pytest.mark.parametrize("body", [b"", b" ", b"<html></html>", b"\x1f\x8b", b"OK", b"nul"])
def test_what_is_no_answer_was_not_even_begun(body):
    with pytest.raises(NotJsonError) as caught:
        read_json(body)
    assert not caught.value.begun


@pytest.mark.parametrize("body", [b"{", b'{"a": 1,}', b"[1 2]", b"{'a': 1}", b"[" * 100_000])
def test_what_was_meant_to_be_json_is_known(body):
    with pytest.raises(NotJsonError) as caught:
        read_json(body)
    assert caught.value.begun


@given(VALUES)
def test_good_json_is_read_as_it_is(value):
    assert read_json(json.dumps(value).encode()) == (value, "")
    assert read_json(json.dumps(value, ensure_ascii=False).encode()) == (value, "")


@pytest.mark.incident("STR-20")
@given(VALUES, st.integers(0, 10**6), st.binary(max_size=3), st.integers(0, 3))
@example({"a": "x"}, 7, b"\xe9", 0)
@example([], 0, b"\x00", 1)
def test_json_damaged_at_any_byte_is_read_or_refused(value, at, put, cut):
    """Never another error, and never a text that no table and no topic can take."""
    whole = json.dumps(value).encode()
    at %= len(whole) + 1
    try:
        found, _ = read_json(whole[:at] + put + whole[at + cut :])
    except NotJsonError:
        return
    assert msgspec.json.decode(msgspec.json.encode(found)) is not ...


@pytest.mark.incident("STR-20")
@given(st.text(min_size=1), st.integers(0x80, 0xFF), st.integers(0, 100))
def test_one_byte_of_another_encoding_costs_one_character(text, byte, at):
    at %= len(text) + 1
    before, after = (json.dumps(part)[1:-1].encode() for part in (text[:at], text[at:]))
    body = b'{"id": 7, "text": "' + before + bytes([byte]) + after + b'"}'
    found, _ = read_json(body)
    assert found["id"] == 7
    assert found["text"] == text[:at] + "\ufffd" + text[at:]
