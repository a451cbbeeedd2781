import pytest
from attrs import frozen

from claimx_pipeline.settings.secret import Secret
from claimx_pipeline.settings.tree.settings import SettingsSection
from tests.rigs.settings_text import load_text, problems_of


@frozen(kw_only=True)
class Sample:
    word: str = "w"
    whole: int = 1
    number: float = 1.0
    truth: bool = False
    maybe: int | None = 5
    secret: Secret | None = None


SECTION = SettingsSection(name="sample", kind=Sample)


def sample(tmp_path, key, text, environ=None):
    loaded = load_text(tmp_path, f"sample:\n  {key}: {text}", environ, sections=[SECTION])
    return getattr(loaded.settings.section("sample", Sample), key)


def problem(tmp_path, key, text, environ=None):
    found = problems_of(tmp_path, f"sample:\n  {key}: {text}", environ, sections=[SECTION])
    assert len(found) == 1
    start = f"claimx.yaml:2: sample.{key}: "
    assert found[0].startswith(start)
    return found[0].removeprefix(start)


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("word", "NO", "NO"),
        ("word", "'1'", "1"),
        ("word", "12:30", "12:30"),
        ("whole", "010", 10),
        ("number", "3", 3.0),
        ("number", "1e-3", 0.001),
        ("truth", "true", True),
        ("maybe", "null", None),
        ("maybe", "", None),
        ("maybe", "7", 7),
    ],
)
def test_a_value_of_the_right_type_is_taken(tmp_path, key, text, value):
    found = sample(tmp_path, key, text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("key", "text", "said"),
    [
        ("word", "1", "expected text, got the number 1; put it in quotes"),
        ("word", "true", "expected text, got true; put it in quotes"),
        ("word", "null", "expected text, got nothing; give it one or remove the key"),
        ("word", "", "expected text, got nothing; give it one or remove the key"),
        ("word", "[a]", "expected text, got a list"),
        ("word", "{a: b}", "expected text, got a mapping"),
        ("whole", "'8'", "expected a whole number, got text '8'; remove the quotes"),
        ("whole", "1.5", "expected a whole number, got the number 1.5"),
        ("whole", "true", "expected a whole number, got true"),
        ("whole", "1_000", "expected a whole number, got text '1_000'"),
        ("number", "true", "expected a number, got true"),
        ("number", ".inf", "expected a number, got the number inf"),
        ("number", ".nan", "expected a number, got the number nan"),
        ("truth", "NO", "expected true or false, got text 'NO'"),
        ("truth", "1", "expected true or false, got the number 1"),
        ("maybe", "x", "expected a whole number, got text 'x'"),
    ],
)
def test_a_value_of_another_type_is_refused(tmp_path, key, text, said):
    assert problem(tmp_path, key, text) == said


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("word", "8", "8"),
        ("whole", "8", 8),
        ("whole", " -8 ", -8),
        ("number", "8", 8.0),
        ("number", "1.5e3", 1500.0),
        ("truth", "true", True),
        ("truth", "No", False),
        ("truth", "0", False),
        ("maybe", "8", 8),
    ],
)
def test_a_text_from_the_environment_takes_the_type_of_its_setting(tmp_path, key, text, value):
    found = sample(tmp_path, key, "${V}", {"V": text})
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("whole", "1.5"),
        ("whole", "hunter2"),
        ("number", "nan"),
        ("number", "inf"),
        ("truth", "maybe"),
        ("whole", "9" * 5000),
        ("number", "1e999"),
    ],
)
def test_a_text_that_does_not_fit_names_its_variable_and_is_not_shown(tmp_path, key, text):
    said = problem(tmp_path, key, "${V}", {"V": text})
    assert said.endswith("got the value of V, which is not shown")
    assert text not in said


def test_an_empty_default_leaves_an_optional_setting_out(tmp_path):
    assert sample(tmp_path, "maybe", "${V:-}") is None


@pytest.mark.parametrize(
    "text", ["12345", "true", "[hunter2]", "{a: hunter2}", "''", "' hunter2'", '"hunter2\\n"']
)
def test_a_secret_that_cannot_be_one_is_refused_unseen(tmp_path, text):
    said = problem(tmp_path, "secret", text)
    assert "hunter2" not in said
    assert "12345" not in said


def test_a_secret_is_taken_as_it_is(tmp_path):
    assert sample(tmp_path, "secret", "${V}", {"V": "a:b#c{d}$e"}).reveal() == "a:b#c{d}$e"


@pytest.mark.incident("CFG-01")
@pytest.mark.parametrize("key", ["word", "secret"])
def test_a_value_that_was_not_filled_in_is_refused(tmp_path, key):
    said = problem(tmp_path, key, "${V}", {"V": "${OTHER}"})
    assert said.startswith("the value of V holds '${'")
    assert problem(tmp_path, key, "$${V}").startswith("holds '${'")


def test_a_value_cannot_change_the_structure(tmp_path):
    text = "a\nwhole: 5 # {"
    assert sample(tmp_path, "word", "${V}", {"V": text}) == text
