import json

import pytest
from attrs import frozen
from delta_tables import EVENTS, PROJECTS, append_from_elsewhere, event, make_store
from typer.testing import CliRunner

from claimx_pipeline.cli.tables import app
from claimx_pipeline.delta.store import TableStore
from claimx_pipeline.errors import TableError


@frozen
class TablesCommandLine:
    """The command line over a store; settings and plugins are left out."""

    table_store: TableStore

    def pipeline(self):
        return self


@pytest.fixture
def store(tmp_path):
    return make_store(tmp_path, {"events": EVENTS, "projects": PROJECTS}, created=False)


def run(store, *arguments):
    result = CliRunner().invoke(app, list(arguments), obj=TablesCommandLine(store))
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0
    return result


def test_list_shows_what_is_there_and_what_is_not(store, tmp_path):
    store.create("events")
    append_from_elsewhere(store, "events", event("a"), event("b"))
    events, projects = json.loads(run(store, "list", "--json").stdout)
    assert events["bytes"] > 0
    assert events == {
        "table": "events",
        "mode": "append",
        "rows": 2,
        "version": 1,
        "bytes": events["bytes"],
        "state": "ok",
        "place": str(tmp_path / "events"),
    }
    assert (projects["rows"], projects["state"]) == (None, "not created")


def test_list_prints_a_line_per_table(store):
    lines = run(store, "list").stdout.splitlines()
    assert lines[0] == "table\tmode\trows\tversion\tbytes\tstate\tplace"
    assert [line.split("\t")[0] for line in lines[1:]] == ["events", "projects"]


def test_create_makes_all_missing_tables_and_says_so(store, tmp_path):
    store.create("events")
    assert run(store, "create").stderr == f"created projects at {tmp_path / 'projects'}\n"
    assert store.exists("projects")
    assert run(store, "create").stderr == "every table exists already\n"


def test_create_makes_only_the_tables_named(store):
    assert json.loads(run(store, "create", "events", "--json").stdout) == {
        "dry_run": False,
        "created": ["events"],
    }
    assert not store.exists("projects")


def test_a_dry_run_creates_nothing(store, tmp_path):
    assert run(store, "create", "--dry-run").stderr == (
        f"would create events at {tmp_path / 'events'}\n"
        f"would create projects at {tmp_path / 'projects'}\n"
    )
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_name_creates_nothing(store, tmp_path):
    with pytest.raises(TableError, match="'evnts': is not declared; declared are events, projects"):
        run(store, "create", "events", "evnts")
    assert list(tmp_path.iterdir()) == []


def test_describe_shows_columns_with_their_roles(store):
    found = json.loads(run(store, "describe", "projects", "--json").stdout)
    assert (found["key"], found["partitions"], found["state"]) == (
        ["project_id"],
        ["_bucket"],
        "not created",
    )
    roles = {column["column"]: column["role"] for column in found["columns"]}
    assert roles == {
        "project_id": ["key"],
        "city": [],
        "rooms": [],
        "file_name": ["set by events"],
        "file_name_at": ["event time"],
        "answered_at": ["answer time", "bookkeeping"],
        "created_at": ["bookkeeping"],
        "updated_at": ["bookkeeping"],
        "_row_hash": ["bookkeeping"],
        "_bucket": ["partition", "bookkeeping"],
    }


def test_describe_prints_a_line_per_column_and_the_rest_beside_it(store):
    result = run(store, "describe", "events")
    assert result.stdout.splitlines()[1] == "event_id\tstring\tno\tkey\t"
    assert result.stderr.startswith("append, key event_id; not created, at ")
