import pytest
from hypothesis import given
from hypothesis import strategies as st

from claimx_pipeline.delta.querying.sql import arguments, closing, tokens
from claimx_pipeline.errors import UsageError


def kinds(sql):
    return [(token.kind, token.text) for token in tokens(sql)]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("a -- b 'c\n+1", [("word", "a"), ("sign", "+"), ("number", "1")]),
        ("a /* b /* c */ ' */ d", [("word", "a"), ("word", "d")]),
        ("'it''s; --'", [("text", "'it''s; --'")]),
        ("'a\\'", [("text", "'a\\'")]),
        (r"E'a\'; b'", [("text", r"E'a\'; b'")]),
        ("$$a;'b$$", [("text", "$$a;'b$$")]),
        ("$x$ $$ $x$", [("text", "$x$ $$ $x$")]),
        ('"a""b; "', [("quoted", '"a""b; "')]),
        ("a::int", [("word", "a"), ("sign", "::"), ("word", "int")]),
        (":since", [("parameter", ":since")]),
        ("1.5e3 .5 2", [("number", "1.5e3"), ("number", ".5"), ("number", "2")]),
        ("été_1", [("word", "été_1")]),
    ],
)
def test_a_statement_is_cut_where_the_engine_cuts_it(sql, expected):
    assert kinds(sql) == expected


@pytest.mark.parametrize(
    ("sql", "what"),
    [("'a", "a ' is not closed"), ('"a', 'a " is not closed'), ("/* a", "a comment is not closed")],
)
def test_what_is_not_closed_is_an_error(sql, what):
    with pytest.raises(UsageError, match=what):
        tokens(sql)


@given(st.text(alphabet="ab1'\"`-/*$;:.(), \n\\Ee", max_size=30))
def test_tokens_are_in_order_and_their_own_text(sql):
    try:
        found = tokens(sql)
    except UsageError:
        return
    end = 0
    for token in found:
        assert token.start >= end
        assert sql[token.start : token.end] == token.text
        end = token.end


def test_a_bare_name_counts_in_lower_case_and_a_quoted_one_as_it_is():
    assert [token.name for token in tokens('Abc "A""b" `C`')] == ["abc", 'A"b', "C"]


def test_arguments_are_split_at_their_own_commas_only():
    found = tokens("f(a, g(b, c), [1, 2], 'x, y')")
    texts = [[token.text for token in found[a:b]] for a, b in arguments(found, 1)]
    assert texts == [["a"], ["g", "(", "b", ",", "c", ")"], ["[", "1", ",", "2", "]"], ["'x, y'"]]
    assert closing(found, 1) == len(found) - 1


def test_a_call_without_arguments_has_none():
    assert arguments(tokens("f()"), 1) == []


def test_a_parenthesis_that_nothing_closes_is_an_error():
    with pytest.raises(UsageError, match="a parenthesis is not closed"):
        closing(tokens("f(a"), 1)
