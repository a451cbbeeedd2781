import pytest
from hypothesis import given
from hypothesis import strategies as st

from claimx_pipeline.settings.loading.paths import format_path, parse_path, touches

keys = st.text(st.characters(exclude_characters='"', exclude_categories=["Cs"]), min_size=1)
segments = st.lists(keys | st.integers(0, 99), max_size=5)


@given(keys, segments)
def test_a_path_comes_back_as_it_was_written(first, rest):
    path = (first, *rest)
    assert parse_path(format_path(path)) == path


def test_a_key_with_a_dot_is_quoted():
    path = ("broker", "topics", "claimx.events.raw", "partitions")
    assert format_path(path) == 'broker.topics."claimx.events.raw".partitions'


@pytest.mark.parametrize("text", ["", ".", "a.", ".a", "a..b", "a[x]", 'a."b', "a]"])
def test_what_is_not_a_path_is_refused(text):
    with pytest.raises(ValueError, match="is not a dotted path"):
        parse_path(text)


@pytest.mark.parametrize(
    ("path", "other", "expected"),
    [
        (("a", "b"), ("a",), True),
        (("a",), ("a", "b"), True),
        (("a", "b"), ("a", "c"), False),
        (("ab",), ("a",), False),
    ],
)
def test_a_path_touches_what_is_above_and_below_it(path, other, expected):
    assert touches(path, other) is expected
