"""The line at the bottom of a terminal that says how far the workers are."""

from __future__ import annotations

import io

import pytest

from claimx_pipeline.cli.live import CLEAR, LiveLine, sentence
from claimx_pipeline.operations import Progress, WorkerRun
from tests.rigs.command import run
from tests.rigs.terminal import on_terminal


def test_the_line_says_what_is_done_what_failed_and_what_is_left():
    done = [WorkerRun("ingest", 8, retried=2, dead=1), WorkerRun("events", 4, waiting=3)]
    left = Progress(lag={"ingest": 5, "events": 0}, ends={})
    said = "12 records, 6/s, 2 to be retried, 3 waiting, 1 dead; left: ingest 5"
    assert sentence(done, left, 6.0) == said


def test_other_lines_are_written_where_the_line_was(monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    below = io.StringIO()
    line = LiveLine(below)
    line.show("a line that is too long for it")
    line.write("of the log\n")
    line.write("another\n")
    assert below.getvalue() == f"{CLEAR}a line that is too {CLEAR}of the log\nanother\n"


@pytest.mark.parametrize("quiet", [False, True])
def test_a_terminal_has_the_line_while_workers_run(quiet, tmp_path):
    assert run("topics", "create", cwd=tmp_path).returncode == 0
    event = b'{"eventId":"e1","eventType":"PROJECT_CREATED","projectId":"1"}\n'
    (tmp_path / "events").write_bytes(event)
    assert run("publish", "events", cwd=tmp_path).returncode == 0
    command = [*(["--quiet"] if quiet else []), "worker", "ingest", "--until-idle"]
    seen = on_terminal(*command, cwd=tmp_path, width=80)
    assert (CLEAR in seen) is not quiet
    again = run("worker", "ingest", "--until-idle", cwd=tmp_path)
    assert "\x1b" not in again.stdout + again.stderr, "not a terminal"
