from functools import partial

import pytest

from claimx_pipeline.errors import Problem
from claimx_pipeline.settings.loading.nodes import ValueOrigin
from claimx_pipeline.settings.loading.yaml_core import compose

ORIGIN_OF = partial(ValueOrigin.line_of, "x.yaml")


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("NO", "str"),
        ("no", "str"),
        ("on", "str"),
        ("Yes", "str"),
        ("true", "bool"),
        ("FALSE", "bool"),
        ("12:30", "str"),
        ("010", "int"),
        ("0o10", "int"),
        ("0x1F", "int"),
        ("1_000", "str"),
        ("1e3", "float"),
        (".5", "float"),
        ("-.inf", "float"),
        (".nan", "float"),
        ("2026-01-01", "str"),
        ("~", "null"),
        ("null", "null"),
        ("=", "str"),
    ],
)
def test_plain_scalars_mean_what_yaml_1_2_says(text, tag):
    assert compose(text, ORIGIN_OF).tag == f"tag:yaml.org,2002:{tag}"


def test_a_quoted_scalar_is_text():
    assert compose("'1'", ORIGIN_OF).tag.endswith(":str")


@pytest.mark.parametrize(
    "text",
    [
        "token: *s3cretvalue",
        "token: 's3cretvalue",
        "a: {token: s3cretvalue",
        "token: %s3cretvalue",
        "token: @s3cretvalue",
        "token: &s3cretvalue s3cretvalue\nb: &s3cretvalue s3cretvalue\n c: d",
        "token: !s3cretvalue!x y",
        "token: s3cretvalue: s3cretvalue",
        "token: [s3cretvalue, \x01]",
        "%TAG s3cretvalue s3cretvalue s3cretvalue\n---\na: b",
        "a: b\n---\ntoken: s3cretvalue",
    ],
)
def test_a_syntax_error_quotes_no_value(text):
    problem = compose(text, ORIGIN_OF)
    assert isinstance(problem, Problem)
    assert "s3cret" not in str(problem)


def test_braces_around_an_unquoted_variable_are_explained():
    problem = compose("a: {b: ${C}}", ORIGIN_OF)
    assert "put a text with ${ in quotes" in str(problem)


def test_nesting_without_end_is_a_problem_and_no_crash():
    assert "nested too deeply" in str(compose("[" * 5000, ORIGIN_OF))
