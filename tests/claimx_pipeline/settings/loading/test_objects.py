import pytest
from attrs import field, frozen
from attrs.validators import ge, in_, matches_re

from claimx_pipeline.settings.tree.settings import SettingsSection
from tests.rigs.settings_text import load_text, problems_of


@frozen(kw_only=True)
class Ranges:
    low: int = field(default=1, validator=ge(1))
    high: int = field(default=9)
    name: str = field(default="a", validator=matches_re("[a-z]"))
    mode: str = field(default="on", validator=in_(["on", "off"]))
    tags: frozenset[str] = field(
        default=frozenset(), converter=lambda tags: frozenset(map(str.lower, tags))
    )
    _private: int = 1

    @high.validator
    def _above_low(self, _, value):
        if value < self.low:
            raise ValueError("'high' must not be below low")


@frozen(kw_only=True)
class Crossed:
    a: int = 1
    b: int = 1

    def __attrs_post_init__(self):
        if self.a > self.b:
            raise ValueError("a must not be above b")


NOT_OFFERED = "neither the core nor any installed plugin offers it"
RANGES = SettingsSection(name="ranges", kind=Ranges)
CROSSED = SettingsSection(name="crossed", kind=Crossed)


def ranges(tmp_path, text, environ=None):
    return problems_of(tmp_path, text, environ, sections=[RANGES, CROSSED])


def test_every_validator_of_a_class_is_heard(tmp_path):
    text = "ranges:\n  low: 0\n  name: A\n  mode: auto\n  tags: 5\n  lo: 1"
    assert ranges(tmp_path, text) == [
        "claimx.yaml:5: ranges.tags: expected a list, got the number 5",
        "claimx.yaml:6: ranges.lo: unknown key 'lo'; did you mean 'low'?",
        "claimx.yaml:2: ranges.low: must be >= 1, got 0",
        "claimx.yaml:3: ranges.name: must match regex '[a-z]' ('A' doesn't)",
        "claimx.yaml:4: ranges.mode: must be in ['on', 'off'] (got 'auto')",
    ]


def test_a_validator_may_look_at_another_field(tmp_path):
    assert ranges(tmp_path, "ranges: {low: 5, high: 3}") == [
        "claimx.yaml:1: ranges.high: must not be below low"
    ]
    assert ranges(tmp_path, "ranges: {low: x, high: 3}") == [
        "claimx.yaml:1: ranges.low: expected a whole number, got text 'x'"
    ]


def test_a_rule_over_the_whole_class_is_heard(tmp_path):
    assert ranges(tmp_path, "crossed:\n  a: 5") == ["claimx.yaml:1: crossed: a must not be above b"]


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("low", "must be >= 1; look at V"),
        ("name", "must match regex '[a-z]' ('…' doesn't); look at V"),
    ],
)
def test_a_validator_does_not_show_a_value_from_the_environment(tmp_path, key, said):
    text = "ranges: {" + key + ": '${V}'}"
    value = {"low": "-77777", "name": "HUNTER2"}[key]
    assert ranges(tmp_path, text, {"V": value}) == [f"claimx.yaml:1: ranges.{key}: {said}"]


def test_converters_and_private_names_work_beside_a_gap(tmp_path):
    text = "ranges: {tags: [A], private: 5, name: '${GAP}'}"
    made = load_text(tmp_path, text, sections=[RANGES]).settings.section("ranges", Ranges)
    assert (made.tags, made._private, repr(made.name)) == (frozenset("a"), 5, "<unresolved: GAP>")
    assert (made.low, made.high) == (1, 9)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("broker: {urll: x}", "broker.urll: unknown key 'urll'; did you mean 'url'?"),
        (
            "broker: {base_url: x}",
            "broker.base_url: unknown key 'base_url'; did you mean 'claimx.api.b",
        ),
        (
            "tables: {zzz: 1}",
            "tables.zzz: unknown key 'zzz'; known keys are buckets, dedupe_window_hours, paths, ",
        ),
        (
            "brokr: {}",
            f"brokr: unknown key 'brokr'; {NOT_OFFERED}; did you mean 'broker'?",
        ),
        (
            "itel_cabinet: {}",
            f"itel_cabinet: unknown key 'itel_cabinet'; {NOT_OFFERED}; known keys are",
        ),
        (
            "plugins: {x: {enable: true}}",
            "plugins.x.enable: unknown key 'enable'; did you mean 'enabled'?",
        ),
    ],
)
@pytest.mark.incident("CFG-02")
def test_an_unknown_key_is_an_error_with_the_nearest_name(tmp_path, text, said):
    (found,) = problems_of(tmp_path, text)
    assert found.startswith(f"claimx.yaml:1: {said}")


def test_a_section_of_a_plugin_is_known_and_always_there(tmp_path):
    loaded = load_text(tmp_path, "", sections=[RANGES])
    assert loaded.settings.section("ranges", Ranges) == Ranges()


@pytest.mark.parametrize("text", ["broker: x", "broker: [1]", "broker: null", "broker: {kafka: 5}"])
def test_a_section_that_is_none_is_refused(tmp_path, text):
    (found,) = problems_of(tmp_path, text)
    assert "expected a mapping of settings" in found
