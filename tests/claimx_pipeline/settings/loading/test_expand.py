import pytest
from hypothesis import given
from hypothesis import strategies as st

from claimx_pipeline.settings.loading.expand import expand_text

ENVIRON = {"A": "1", "B": "two words", "EMPTY": "", "RAW": "${A} $$ }"}


@pytest.mark.incident("CFG-01")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${A}", "1"),
        ("x${A}y${B}z", "x1ytwo wordsz"),
        ("${X:-d}", "d"),
        ("${EMPTY:-d}", "d"),
        ("${X:-}", ""),
        ("a${EMPTY:-}b", "ab"),
        ("${X:-${A}}", "1"),
        ("${X:-${Y:-${B}!}}", "two words!"),
        ("${A:-${NOPE}}", "1"),
        ("${X:-a:b#c}", "a:b#c"),
        ("$$", "$"),
        ("$$A", "$A"),
        ("$$$$", "$$"),
        ("$$${A}", "$1"),
        ("$ConnectionString", "$ConnectionString"),
        ("100$", "100$"),
        ("}{", "}{"),
        ("${RAW}", "${A} $$ }"),
        ("${X:-$$}", "$"),
    ],
)
def test_a_text_is_filled(text, expected):
    result = expand_text(text, ENVIRON)
    assert (result.value, result.missing) == (expected, [])


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("${X}", [("X", "is not set")]),
        ("${EMPTY}", [("EMPTY", "is set but empty")]),
        ("${EMPTY}/tables", [("EMPTY", "is set but empty")]),
        ("${X}${A}${Y}", [("X", "is not set"), ("Y", "is not set")]),
        ("${X:-${Y}}", [("Y", "is not set")]),
    ],
)
def test_a_variable_without_value_is_missing(text, missing):
    result = expand_text(text, ENVIRON)
    assert [(gap.variable, gap.reason) for gap in result.missing] == missing


@pytest.mark.parametrize(
    "text",
    ["${", "${}", "${A", "${A:-x", "${1A}", "${A?}", "${A:?x}", "${A-x}", "${ A }", "${A:-${B}"],
)
def test_what_is_not_a_reference_is_refused_without_quoting_it(text):
    with pytest.raises(ValueError, match=r"write \$\{NAME\}") as caught:
        expand_text("hunter2" + text, ENVIRON)
    assert "hunter2" not in str(caught.value)


@given(st.text().filter(lambda text: "$" not in text))
def test_a_text_without_dollars_stays_as_it_is(text):
    assert expand_text(text, {}).value == text


@given(st.text())
def test_any_text_can_be_written_with_doubled_dollars(text):
    assert expand_text(text.replace("$", "$$"), {}).value == text


@given(st.text(min_size=1), st.text().filter(lambda text: "$" not in text))
def test_a_value_is_put_in_as_it_is(value, around):
    assert expand_text(f"{around}${{V}}", {"V": value}).value == around + value
