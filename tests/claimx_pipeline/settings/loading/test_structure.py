from collections.abc import Mapping
from enum import Enum
from typing import Any, Literal

import pytest
from attrs import field, frozen

from claimx_pipeline.errors import SettingsError
from claimx_pipeline.settings.loading.structure import structure_config
from claimx_pipeline.settings.tree.settings import SettingsSection
from tests.rigs.settings_text import load_text, problems_of


@frozen(kw_only=True)
class Inner:
    message: str


class Colour(Enum):
    RED = "red"


@frozen(kw_only=True)
class Shapes:
    names: tuple[str, ...] = ()
    numbers: list[int] = field(factory=list)
    group: frozenset[str] = frozenset()
    by_id: Mapping[int, Inner] = field(factory=dict)
    either: str | Inner | None = None
    level: Literal["low", "high"] = "low"
    size: Literal[1, 2] = 1
    scale: int | str = 1
    free: Any = None
    colour: Colour = Colour.RED


SECTION = SettingsSection(name="shapes", kind=Shapes)


def shapes(tmp_path, text, environ=None):
    loaded = load_text(tmp_path, f"shapes:\n  {text}", environ, sections=[SECTION])
    return loaded.settings.section("shapes", Shapes)


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("names: [a, b]", "names", ("a", "b")),
        ("numbers: [1, 2]", "numbers", [1, 2]),
        ("group: [a]", "group", frozenset({"a"})),
        ("by_id: {32513: {message: x}}", "by_id", {32513: Inner(message="x")}),
        ("by_id:", "by_id", {}),
        ("either: x", "either", "x"),
        ("either: {message: x}", "either", Inner(message="x")),
        ("either: null", "either", None),
        ("level: high", "level", "high"),
        ("level: ${LEVEL}", "level", "high"),
        ("size: 2", "size", 2),
        ("size: ${TWO}", "size", 2),
        ("scale: x", "scale", "x"),
        ("scale: 3", "scale", 3),
        ("free: {a: [1, {b: ~}], c: '${TWO}'}", "free", {"a": [1, {"b": None}], "c": "2"}),
    ],
)
def test_what_fits_its_type_is_taken(tmp_path, text, key, value):
    assert getattr(shapes(tmp_path, text, {"LEVEL": "HIGH", "TWO": "2"}), key) == value


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("names: abc", "names: expected a list, got text 'abc'"),
        ("names: [a, 1]", "names[1]: expected text, got the number 1; put it in quotes"),
        ("by_id: {x: {message: y}}", "by_id.x: expected a whole number, got text 'x'"),
        ("by_id: {1: {}}", "by_id.1.message: is missing; give it a value"),
        ("by_id: [1]", "by_id: expected a mapping, got a list"),
        ("by_id: ~", "by_id: expected a mapping, got nothing"),
        ("either: [1]", "either: expected text, got a list"),
        ("level: High", "level: expected one of low, high, got text 'High'"),
        ("size: 3", "size: expected one of 1, 2, got the number 3"),
        ("size: true", "size: expected one of 1, 2, got true"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path, text, said):
    found = problems_of(tmp_path, f"shapes:\n  {text}", sections=[SECTION])
    assert found == [f"claimx.yaml:2: shapes.{said}"]


def test_a_type_that_settings_cannot_hold_is_named(tmp_path):
    (found,) = problems_of(tmp_path, "shapes: {colour: red}", sections=[SECTION])
    assert "which settings cannot hold" in found


def test_the_settings_of_a_plugin_are_structured_later(tmp_path):
    text = "plugins: {x: {config: {numbers: ['${TWO}', 3], by_id: {7: {message: '${GAP}'}}}}}"
    config = load_text(tmp_path, text, {"TWO": "2"}).settings.plugins.of("x").config
    shaped = structure_config(config, Shapes, "plugins.x.config")
    assert shaped.numbers == [2, 3]
    with pytest.raises(SettingsError, match="GAP is not set"):
        str(shaped.by_id[7].message)


def test_all_that_is_wrong_with_a_plugins_settings_is_named():
    with pytest.raises(SettingsError) as caught:
        structure_config({"nums": [1], "level": "up"}, Shapes, "plugins.x.config")
    assert [str(problem) for problem in caught.value.problems] == [
        "plugins.x.config: nums: unknown key 'nums'; did you mean 'numbers'?",
        "plugins.x.config: level: expected one of low, high, got text 'up'",
    ]


def test_free_settings_can_be_structured_with_their_lines(tmp_path):
    loaded = load_text(tmp_path, "plugins:\n  x:\n    config:\n      level: up\n")
    with pytest.raises(SettingsError, match=r"claimx.yaml:4: plugins.x.config.level: expected"):
        loaded.structured("plugins.x.config", Shapes)
    assert loaded.structured("plugins.y.config", Shapes) == Shapes()
