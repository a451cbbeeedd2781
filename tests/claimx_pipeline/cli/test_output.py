"""How rows are printed: fitted to the terminal, as records, as CSV; quiet, and without colour."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta, timezone

import pytest

from claimx_pipeline.cli.program import command
from claimx_pipeline.errors import UsageError
from claimx_pipeline.hooks.cells import shown
from claimx_pipeline.hooks.drawing import laid_out
from claimx_pipeline.hooks.manner import manner
from claimx_pipeline.hooks.output import note, print_rows, warn
from tests.rigs.command import run
from tests.rigs.terminal import on_terminal

ID = "0123456789abcdef" * 4
WIDE = [{"id": ID, "name": f"file-{number}", "size": 10**number, "other": ID} for number in (1, 2)]
PROSE = [{"name": "ingest", "summary": "Reads raw events and asks for the enrichment of each " * 2}]


@pytest.fixture
def columns_80(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")


def lines_of(rows, columns, **options):
    options.setdefault("vertical", False)
    return laid_out(rows, columns, **options)[0]


def test_numbers_are_at_the_right_of_their_column(columns_80):
    lines = lines_of(WIDE, ["name", "size"])
    assert lines[2].endswith("  10")
    assert lines[3].endswith(" 100")
    assert len({len(line) for line in lines[2:]}) == 1


def test_what_does_not_fit_is_a_record_and_no_value_is_torn(columns_80):
    lines = lines_of(WIDE, ["id", "name", "other"])
    assert sum(ID in line for line in lines) == 4
    assert "1 of 2" in lines[0]


def test_text_wraps_between_words(columns_80):
    lines = lines_of(PROSE, ["name", "summary"])
    assert all(len(line) <= 80 for line in lines)
    assert " ".join(word for line in lines[2:] for word in line.split()).startswith("ingest Reads")
    assert "of 1" not in lines[0], "a table"


def test_spare_columns_go_before_a_table_becomes_records(columns_80):
    lines, left_out = laid_out(WIDE, ["id", "name", "other"], vertical=False, spare=["other"])
    assert left_out == ["other"]
    assert "1 of 2" not in lines[0]


def test_control_characters_do_not_reach_the_terminal(columns_80):
    assert "\x1b" not in "".join(lines_of([{"a": "\x1b[2J"}], ["a"]))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (datetime(2026, 1, 14, 16, 9, 24, 18000, UTC), "2026-01-14T16:09:24.018Z"),
        (datetime(2026, 1, 14, 16, 9, 24, 18001, UTC), "2026-01-14T16:09:24.018001Z"),
        (datetime(2026, 1, 14, 16, tzinfo=timezone(timedelta(hours=1))), "2026-01-14T15:00:00Z"),
        (datetime(2026, 1, 14, 16, tzinfo=UTC).replace(tzinfo=None), "2026-01-14T16:00:00"),
    ],
)
def test_times_have_one_form(value, text):
    assert shown(value) == text


def test_csv_can_be_read_again(capsys):
    rows = [{"a": 'x,"y"\nz', "b": None, "c": [1, 2]}]
    print_rows(rows, ["a", "b", "c"], csv=True)
    read = list(csv.reader(io.StringIO(capsys.readouterr().out)))
    assert read == [["a", "b", "c"], ['x,"y"\nz', "", "[1,2]"]]


def test_two_forms_at_once_are_refused():
    with pytest.raises(UsageError, match="--json and --csv"):
        print_rows([], [], json=True, csv=True)


def test_quiet_leaves_out_notes_and_keeps_warnings(capsys, monkeypatch):
    monkeypatch.setattr(manner, "quiet", True)
    note("beside the data")
    warn("something is wrong")
    assert capsys.readouterr().err == "something is wrong\n"


@pytest.mark.parametrize(
    ("called", "typed"),
    [
        (".venv/bin/claimx-run", ".venv/bin/claimx-run"),
        ("claimx-run", "./claimx-run"),
        ("bin dir/claimx-run", "'bin dir/claimx-run'"),
        ("/elsewhere/claimx_pipeline/__main__.py", "-m claimx_pipeline"),
    ],
)
def test_what_is_suggested_runs_as_it_is_printed(called, typed, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("sys.argv", [called])
    assert command().endswith(typed)


@pytest.mark.parametrize("width", [80, 120])
def test_on_a_terminal_empty_topics_are_counted_and_lines_fit(width, tmp_path):
    assert run("topics", "create", cwd=tmp_path).returncode == 0
    folded = on_terminal("topics", "list", cwd=tmp_path, width=width, env={"NO_COLOR": "1"})
    assert "topics are empty (--all shows them)" in folded
    assert "claimx.events.raw" not in folded
    assert "\x1b" not in folded
    every = on_terminal("topics", "list", "--all", cwd=tmp_path, width=width)
    assert "claimx.events.raw" in every
    assert "\x1b[1m" in every, "colours are on where NO_COLOR is not set"
    lines = folded.splitlines()[1:]  # the first names the broker, however long
    assert all(len(line) <= width for line in lines)
    assert "claimx.events.raw" in run("topics", "list", cwd=tmp_path).stdout, "not a terminal"


@pytest.mark.parametrize(
    ("typed", "first", "now"),
    [
        (["topics", "list"], "read by", "read_by"),
        (["worker", "list"], "what it does", "what_it_does"),
        (["worker", "show", "ingest"], "dead letters", "dead_letters"),
    ],
)
def test_json_has_each_key_without_blanks_beside_its_first_name(tmp_path, typed, first, now):
    rows = json.loads(run(*typed, "--json", cwd=tmp_path).stdout)
    assert rows
    for row in rows:
        assert row[now] == row[first]
        assert {key.replace(" ", "_") for key in row} <= set(row)
