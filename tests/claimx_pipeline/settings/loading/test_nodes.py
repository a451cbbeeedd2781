import pytest

from claimx_pipeline.settings.loading.nodes import (
    FilledText,
    Scalar,
    ValueOrigin,
    find,
    from_value,
    merge,
    put,
)

HERE, THERE = ValueOrigin.named("here"), ValueOrigin.named("there")


def plain(node):
    if hasattr(node, "entries"):
        return {key: plain(child) for key, child in node.entries.items()}
    if hasattr(node, "items"):
        return [plain(child) for child in node.items]
    return node.value


@pytest.mark.parametrize(
    ("lower", "upper", "expected"),
    [
        ({"a": 1, "b": 2}, {"b": 3}, {"a": 1, "b": 3}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"c": 3}}, {"a": {"b": 1, "c": 3}}),
        ({"a": [1, 2]}, {"a": [3]}, {"a": [3]}),
        ({"a": {"b": 1}}, {"a": 5}, {"a": 5}),
        ({"a": 5}, {"a": {"b": 1}}, {"a": {"b": 1}}),
        ({"a": {"b": 1}}, {"a": None}, {"a": None}),
    ],
)
def test_keys_are_merged_and_all_else_is_replaced(lower, upper, expected):
    assert plain(merge(from_value(lower, HERE), from_value(upper, THERE))) == expected


def test_a_heading_with_nothing_beneath_it_removes_nothing():
    lower = from_value({"b": 1}, HERE)
    assert merge(lower, Scalar(None, THERE, blank=True)) is lower


def test_a_value_is_put_at_its_path():
    root = put(from_value({"a": {"b": 1}}, HERE), ("a", "c", "d"), Scalar("x", THERE))
    assert plain(root) == {"a": {"b": 1, "c": {"d": "x"}}}
    assert find(root, ("a", "c", "d")).origin is THERE


@pytest.mark.parametrize("path", [("a", "b", "c"), ("a", 0)])
def test_a_value_is_not_put_below_a_single_value_or_into_a_list(path):
    with pytest.raises(ValueError, match=r"not a block of settings in here|an item of a list"):
        put(from_value({"a": {"b": 1}}, HERE), path, Scalar("x", THERE))


def test_a_filled_text_stays_convertible():
    assert from_value(FilledText("7"), HERE).text


def test_what_settings_cannot_hold_is_refused():
    with pytest.raises(TypeError, match="cannot hold a object"):
        from_value({"a": object()}, HERE)
