import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlglot import TokenType

from claimx_pipeline.delta.querying.queries import NamedQuery, Parameter
from claimx_pipeline.delta.querying.sql import tokens
from claimx_pipeline.errors import UsageError

QUERY = NamedQuery(
    "late",
    "What is late",
    "SELECT ':no' AS a FROM t WHERE at::date > :since AND n < :limit -- :no",
    (Parameter("since", "first day"), Parameter("limit", "most rows", 10)),
)


def test_parameters_are_filled_in_as_values():
    assert QUERY.render({"since": "2026-01-01", "limit": "5"}) == (
        "SELECT ':no' AS a FROM t WHERE at::date > '2026-01-01' AND n < 5 -- :no"
    )


def test_a_colon_of_another_kind_stays_as_it_is():
    parameters = (Parameter("n", "", 1), Parameter("v", "", 2))
    query = NamedQuery("q", "", "SELECT l[1:n], {'k':v}, E'\\':n', $$:n$$ /* :n */, :n", parameters)
    assert query.render() == "SELECT l[1:n], {'k':v}, E'\\':n', $$:n$$ /* :n */, 1"


@given(st.text(max_size=20))
def test_any_text_is_one_value(value):
    query = NamedQuery("q", "", "SELECT :x AS x", (Parameter("x", ""),))
    (token,) = [t for t in tokens(query.render({"x": value})) if t.token_type == TokenType.STRING]
    assert token.text == value


def test_a_value_can_not_become_sql():
    assert "> 'x'' OR 1=1 --' AND" in QUERY.render({"since": "x' OR 1=1 --"})
    with pytest.raises(UsageError, match="'1 OR 1=1' is not a number"):
        QUERY.render({"since": "x", "limit": "1 OR 1=1"})


def test_a_parameter_without_default_must_be_given():
    with pytest.raises(UsageError, match="query 'late' needs since: first day"):
        QUERY.render({})


def test_an_unknown_parameter_is_refused():
    with pytest.raises(
        UsageError, match="query 'late' has no parameter 'sinc'; it has since, limit"
    ):
        QUERY.render({"sinc": "x"})


def test_a_parameter_that_the_query_does_not_declare_is_refused():
    with pytest.raises(UsageError, match="does not declare its parameter 'x'"):
        NamedQuery("q", "", "SELECT :x").render()
