import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claimx_pipeline.delta.querying.sql import name, parameters, tokens, tree, where, words
from claimx_pipeline.errors import UsageError


def texts(sql):
    return [sql[token.start : token.end + 1] for token in tokens(sql)]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("a -- b 'c\n+1", ["a", "+", "1"]),
        ("a -- b\r;c\nd", ["a", "d"]),
        ("a /* b /* c */ ' */ d", ["a", "d"]),
        ("SELECT /*+ ' */ a", ["SELECT", "a"]),
        ("'it''s; --'", ["'it''s; --'"]),
        ("'a\\' b", ["'a\\'", "b"]),
        (r"E'a\'; b' c", [r"E'a\'; b'", "c"]),
        ("$$a;'b$$ c", ["$$a;'b$$", "c"]),
        ("$x$ $$ $x$ c", ["$x$ $$ $x$", "c"]),
        ("a$$ ; b$$", ["a$$", ";", "b$$"]),
        ('"a""b; " c', ['"a""b; "', "c"]),
        ("`a; '` c", ["`a; '`", "c"]),
        ("a::int", ["a", "::", "int"]),
        ("{#a ; b#}", ["{", "#", "a", ";", "b#", "}"]),
        ("SHOW a ; b", ["SHOW", "a", ";", "b"]),
        ("été_1", ["été_1"]),
    ],
)
def test_a_statement_is_cut_where_the_engine_cuts_it(sql, expected):
    assert texts(sql) == expected


@pytest.mark.parametrize(
    ("sql", "what"),
    [
        ("a,\n  'b", "a ' is not closed in the query: line 2, column 3"),
        ('a "b', 'a " is not closed in the query: line 1, column 3'),
        ("a\n$x$ b", r"a \$x\$ is not closed in the query: line 2, column 1"),
        ("a '", "a quote is not closed in the query: line 1, column 3"),
        ("a\n/* b", "a comment is not closed in the query: line 2, column 1"),
        ("$a-b$ ; $a-b$", r"begins with \$\$ or \$name\$: line 1, column 1"),
    ],
)
def test_what_is_not_closed_is_an_error_with_its_line_and_column(sql, what):
    with pytest.raises(UsageError, match=what):
        tokens(sql)


@given(st.text(alphabet="ab1'\"`-/*$;:.(), \n\r\\Ee#@{}é", max_size=30))
def test_tokens_are_in_order_and_what_lies_between_them_is_no_word(sql):
    try:
        found = tokens(sql)
    except UsageError:
        return
    end = 0
    for token in found:
        assert end <= token.start <= token.end < len(sql)
        between = sql[end : token.start].strip()
        assert between == "" or between.startswith(("--", "/*"))
        end = token.end + 1


def test_words_are_upper_case_and_never_those_of_a_text_or_a_quoted_name():
    sql = "Select 'drop' AS \"set\", `use`, $$copy$$ FROM a Order  By x"
    found = [word for token in tokens(sql) for word in words(token)]
    assert found == ["SELECT", "AS", "FROM", "A", "ORDER", "BY", "X"]


def test_a_bare_name_counts_in_lower_case_and_a_quoted_one_as_it_is():
    assert name("AbcÉ", quoted=False) == "abcÉ", "the engine lowers ASCII letters alone"
    assert name("AbcÉ", quoted=True) == "AbcÉ"


def test_a_colon_begins_a_parameter_unless_it_belongs_to_an_operand():
    sql = "SELECT ':no', a::date, l[1:n], {'k':v}, :yes FROM t WHERE a>:limit AND b IN (:été)"
    found = list(parameters(tokens(sql)))
    assert [parameter for parameter, _, _ in found] == ["yes", "limit", "été"]
    assert [sql[start:end] for _, start, end in found] == [":yes", ":limit", ":été"]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1 WHERE",
        "SELECT [1] @> [1]",
        "SELECT a FROM t |> LIMIT 1",
        "SELECT " + "(" * 3000 + "1" + ")" * 3000,
        "SELECT 1; SELECT 2",
        "",
    ],
)
def test_what_sqlglot_can_not_read_has_no_tree(sql):
    assert tree(tokens(sql), sql) is None


def test_line_and_column_count_from_one():
    assert where("ab\ncd", 0) == "line 1, column 1"
    assert where("ab\ncd", 4) == "line 2, column 2"


def test_named_queries_are_declared_without_importing_sqlglot():
    code = (
        "import sys; from claimx_pipeline import NamedQuery;"
        "NamedQuery('a', 'b', 'SELECT 1'); print('sqlglot' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
