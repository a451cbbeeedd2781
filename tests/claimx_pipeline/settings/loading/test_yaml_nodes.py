from functools import partial

import pytest

from claimx_pipeline.errors import SettingsError
from claimx_pipeline.settings.loading.nodes import ValueOrigin, find
from claimx_pipeline.settings.loading.unresolved import Unresolved
from claimx_pipeline.settings.loading.yaml_nodes import parse_yaml, read_yaml


def parse(text):
    return parse_yaml(text, partial(ValueOrigin.line_of, "x.yaml"))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("010", 10),
        ("0o10", 8),
        ("0x1F", 31),
        ("-7", -7),
        ("1e3", 1000.0),
        ("-.inf", float("-inf")),
        ("True", True),
        ("NO", "NO"),
        ("12:30", "12:30"),
        ("'true'", "true"),
        ("", None),
        ("|\n  a\n  b", "a\nb"),
    ],
)
def test_a_scalar_has_its_yaml_1_2_value(text, value):
    found = parse(f"key: {text}").root.entries["key"].value
    assert found == value
    assert type(found) is type(value)


def test_every_value_knows_its_line():
    parsed = parse("a:\n  b: 1\n  c:\n    - x\n    - d: |\n        text\n      e: 2\n")
    lines = {
        path: find(parsed.root, path).origin.label
        for path in [("a",), ("a", "b"), ("a", "c", 0), ("a", "c", 1, "d"), ("a", "c", 1, "e")]
    }
    assert list(lines.values()) == ["x.yaml:1", "x.yaml:2", "x.yaml:4", "x.yaml:5", "x.yaml:7"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: 1\nb: 2\na: 3", "x.yaml:3: duplicate key 'a'; it is in x.yaml:1 already"),
        ("a:\n  b: 1\n  'b': 2", "x.yaml:3: a: duplicate key 'b'; it is in x.yaml:2 already"),
        ("a: {1: x, '1': y}", "x.yaml:1: a: duplicate key '1'; it is in x.yaml:1 already"),
        ("a: &x {b: 1}\nc:\n  <<: *x", "x.yaml:3: c: merge keys (<<) are not part of YAML 1.2"),
        ("? [a]\n: b", "x.yaml:1: a key must be a single name"),
        ("${A}: b", "x.yaml:1: a key cannot hold '${'"),
        ("a: !!python/name:os.system x", "x.yaml:1: a: a tag (!) has no meaning here"),
        ("a: !!map\n  b: 1\nc: !x [1]", "x.yaml:3: c: a tag (!) has no meaning here"),
        ("a: !!int x", "x.yaml:1: a: is not a valid int"),
        ("a: &x [*x]", "x.yaml:1: a[0]: aliases that hold themselves"),
        ("- a", "x.yaml:1: must be a mapping of settings"),
        ("just text", "x.yaml:1: must be a mapping of settings"),
    ],
)
def test_a_mistake_is_named_with_its_line(text, problem):
    assert [str(each).startswith(problem) for each in parse(text).problems] == [True]


def test_aliases_that_grow_without_end_are_refused():
    text = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"{b}: &{b} [{', '.join([f'*{a}'] * 10)}]\n"
        for a, b in zip("abcdef", "bcdefg", strict=True)
    )
    assert [str(each) for each in parse(text).problems if "grow" in each.what]


def test_an_anchor_may_be_used_twice():
    parsed = parse("a: &x {b: 1}\nc: *x")
    assert not parsed.problems
    assert find(parsed.root, ("c", "b")).value == 1


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n"])
def test_an_empty_file_holds_nothing(text):
    parsed = parse(text)
    assert (dict(parsed.root.entries), parsed.problems) == ({}, [])


def test_a_file_beside_the_settings_is_read_as_plain_values(tmp_path):
    file = tmp_path / "config.yaml"
    file.write_text("a: {b: [1, 'x', null]}\nfilled: ${A:-7}\nempty:\ngap: ${NOPE}\n")
    content = read_yaml(file, {})
    assert content["a"] == {"b": [1, "x", None]}
    assert content["filled"] == "7"
    assert "empty" not in content
    assert isinstance(content["gap"], Unresolved)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"a: ${B}", "config.yaml:1: a: holds"),
        (b"a: 1\na: 2", "config.yaml:2: duplicate key"),
        (b"\xff\xfe", "not UTF-8"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused(tmp_path, content, what):
    file = tmp_path / "config.yaml"
    file.write_bytes(content)
    with pytest.raises(SettingsError, match=what):
        read_yaml(file)
