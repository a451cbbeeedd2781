"""Changing JSON values by paths: what is set, copied and removed, and what stays as it was."""

import pytest

from claimx_pipeline.errors import UsageError
from claimx_pipeline.operations import RecordTransform
from claimx_pipeline.operations.record_transform import TransformError


@pytest.mark.parametrize(
    ("changes", "before", "after"),
    [
        (["a=1"], b"{}", b'{"a":1}'),
        (["a.b=text"], b'{"a":{"c":1}}', b'{"a":{"c":1,"b":"text"}}'),
        (['a={"b": [1, 2.50]}'], b"{}", b'{"a":{"b":[1,2.50]}}'),
        (["a=@b.c"], b'{"b":{"c":[1]}}', b'{"b":{"c":[1]},"a":[1]}'),
        (["a="], b'{"a":1,"b":2}', b'{"b":2}'),
        (["a.b.c="], b'{"b":1}', b'{"b":1}'),
        (["b=@a", "a="], b'{"a":1.10}', b'{"b":1.10}'),
        (["a=null"], b'{"a":1}', b'{"a":null}'),
        (["a=@"], b"{}", b'{"a":"@"}'),
    ],
)
def test_a_value_is_changed_at_its_paths_alone(changes, before, after):
    assert RecordTransform.parse(changes)(before) == after


@pytest.mark.parametrize("before", [b"", None, b"nothing", b"[1]", b'{"a": 1}'])
def test_what_cannot_be_changed_says_why(before):
    with pytest.raises(TransformError):
        RecordTransform.parse(["a.b=@missing"])(before)


@pytest.mark.parametrize("text", ["", "a", "=1", "a..b=1", ".a=1"])
def test_what_is_not_a_change_is_refused(text):
    with pytest.raises(UsageError, match="PATH=JSON"):
        RecordTransform.parse([text])


def test_no_changes_are_no_transform():
    assert RecordTransform.parse([]) is None
