import pytest

from claimx_pipeline.delta.querying.queries import NamedQuery, Parameter
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
