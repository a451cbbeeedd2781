import json
from typing import ClassVar

import pytest
from attrs import frozen
from typer.testing import CliRunner

from claimx_pipeline.cli.tables import app
from claimx_pipeline.clock import Clock, SystemClock
from claimx_pipeline.delta.store import TableStore
from claimx_pipeline.errors import TableError, UsageError
from claimx_pipeline.settings import Settings
from tests.rigs.delta_tables import (
    EVENTS,
    PROJECTS,
    append_from_elsewhere,
    create_as_before,
    event,
    make_store,
)


@frozen
class TablesCommandLine:
    """The command line over a store; plugins are left out, and settings are the defaults."""

    table_store: TableStore
    domains: ClassVar[dict] = {}
    settings: ClassVar[Settings] = Settings()
    clock: ClassVar[Clock] = SystemClock()

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
        "domain": "",
        "table": "events",
        "mode": "append",
        "rows": 2,
        "version": 1,
        "bytes": events["bytes"],
        "log_files": 2,
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
    with pytest.raises(
        TableError,
        match="'evnts': is not declared; did you mean 'events'. declared are events, projects",
    ):
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


@pytest.fixture
def small_files(store):
    store.create("events")
    for number in range(5):
        append_from_elsewhere(store, "events", event(str(number)))
    return store


def test_maintain_tells_what_would_be_done_then_does_it(small_files):
    told = json.loads(run(small_files, "maintain", "--dry-run", "--json").stdout)
    assert told["dry_run"] is True
    (table,) = told["tables"]  # the other one does not exist
    assert (table["table"], table["files"], table["files_after"]) == ("events", 5, 1)
    assert small_files.facts("events").files == 5
    done = json.loads(run(small_files, "maintain", "--json").stdout)["tables"][0]
    assert (done["files_after"], done["compacted"], done["busy"], done["deleted"]) == (1, 1, 0, 0)
    assert small_files.facts("events").files == 1


def test_a_long_log_is_warned_of_and_bounded_only_if_asked(store, monkeypatch):
    create_as_before(store, "events")
    for number in range(45):
        append_from_elsewhere(store, "events", event(f"{number}"))
    monkeypatch.setattr("claimx_pipeline.operations.table_views.TOO_MANY", 40)
    monkeypatch.setattr("claimx_pipeline.delta.maintenance.COMMITS", 10)
    listed = run(store, "list")
    assert "events: its log has 49 files, which slow down every commit" in listed.stderr
    assert "'claimx-run tables maintain events --log-retention'" in listed.stderr
    assert json.loads(run(store, "maintain", "--json").stdout)["tables"][0]["log_deleted"] == 0
    asked = ("maintain", "--log-retention")
    dry = json.loads(run(store, *asked, "--dry-run", "--json").stdout)["tables"][0]
    assert dry["log_deleted"] > 0
    assert store.facts("events").log_files > 40
    done = run(store, *asked)
    assert "can be neither read nor restored" in done.stderr
    assert store.facts("events").log_files <= 35
    assert run(store, "list").stderr == ""
    assert store.facts("events").rows == 45


def test_compact_prints_a_line_per_table(small_files):
    lines = run(small_files, "compact", "events").stdout.splitlines()
    head = (
        "table files files_after bytes bytes_after expired compacted busy deleted checkpoint "
        "log_deleted"
    )
    assert lines[0].split("\t") == head.split()
    assert lines[1].startswith("events\t5\t1\t")


def test_vacuum_asks_before_it_takes_what_may_be_in_use(small_files):
    run(small_files, "compact")
    with pytest.raises(UsageError, match="keep 168 hours, or add --force"):
        run(small_files, "vacuum", "--retention-hours", "0")
    told = run(small_files, "vacuum", "--retention-hours", "0", "--dry-run", "--json").stdout
    assert json.loads(told)["tables"][0]["deleted"] == 5
    assert json.loads(run(small_files, "vacuum", "--json").stdout)["tables"][0]["deleted"] == 0
    forced = run(small_files, "vacuum", "--retention-hours", "0", "--force", "--json").stdout
    assert json.loads(forced)["tables"][0]["deleted"] == 5


def test_a_named_table_that_does_not_exist_is_told(store):
    with pytest.raises(TableError, match="claimx-run tables create"):
        run(store, "compact", "events")
