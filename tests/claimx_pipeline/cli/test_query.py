import json
import subprocess
import sys

import pytest
from attrs import frozen
from typer.testing import CliRunner

from claimx_pipeline.cli.query import app
from claimx_pipeline.delta.querying.queries import NamedQuery, Parameter
from claimx_pipeline.delta.store import TableStore
from claimx_pipeline.errors import UsageError
from tests.rigs.delta_tables import append_from_elsewhere, event, make_store, minutes

LATE = NamedQuery(
    "late",
    "Events from a time on",
    "SELECT event_id FROM events WHERE at >= :since ORDER BY at LIMIT :most",
    (Parameter("since", "first time"), Parameter("most", "rows at most", 10)),
)


@frozen
class QueryCommandLine:
    """The command line over a store; settings and plugins are left out."""

    table_store: TableStore
    queries: dict

    def pipeline(self):
        return self


@pytest.fixture
def command_line(tmp_path):
    store = make_store(tmp_path)
    append_from_elsewhere(store, "events", *(event(f"e{n}", minutes(n)) for n in range(3)))
    return QueryCommandLine(store, {"late": LATE})


def run(command_line, *arguments):
    result = CliRunner().invoke(app, list(arguments), obj=command_line)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0
    return result


def test_sql_is_answered_with_a_line_per_row(command_line):
    result = run(command_line, "SELECT event_id, at FROM events ORDER BY at LIMIT 1")
    assert result.stdout == "event_id\tat\ne0\t2026-01-12T12:00:00Z\n"
    assert result.stderr == "1 row\n"


def test_an_answer_may_be_json(command_line):
    result = run(command_line, "--json", "SELECT count(*) AS n, max(at) AS last FROM events")
    assert json.loads(result.stdout) == [{"n": 3, "last": "2026-01-12T12:02:00Z"}]
    assert result.stderr == ""


def test_a_named_query_takes_parameters(command_line):
    result = run(command_line, "--name", "late", "-p", "since=2026-01-12T12:01:00Z", "-p", "most=1")
    assert result.stdout == "event_id\ne1\n"


def test_the_named_queries_are_listed(command_line):
    assert run(command_line, "--list").stdout == (
        "name\tsummary\tparameters\nlate\tEvents from a time on\tsince, most\n"
    )
    assert json.loads(run(command_line, "--list", "--json").stdout)[0]["sql"] == LATE.sql


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ([], "give either SQL or --name"),
        (["SELECT 1", "--name", "late"], "give either SQL or --name"),
        (["SELECT 1", "-p", "a=1"], "--param goes with --name"),
        (["--name", "lat"], "there is no query 'lat'; did you mean 'late'. there are late"),
        (["--name", "late", "-p", "since"], "--param 'since' is not of the form NAME=VALUE"),
        (["--name", "late"], "query 'late' needs since: first time"),
        (["DROP TABLE events"], "a query begins with SELECT"),
    ],
)
def test_a_mistake_is_named(command_line, arguments, what):
    with pytest.raises(UsageError, match=what):
        run(command_line, *arguments)


@pytest.mark.parametrize("module", ["tables", "query"])
def test_a_command_imports_nothing_heavy_before_it_runs(module):
    code = (
        f"import claimx_pipeline.cli.{module}, sys;"
        "print([m for m in ('pyarrow', 'deltalake', 'sqlglot') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
