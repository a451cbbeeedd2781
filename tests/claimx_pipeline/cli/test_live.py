"""The line at the bottom of a terminal that says how far the workers are."""

from __future__ import annotations

import io
import re

import pytest

from claimx_pipeline.cli.live import CLEAR, LiveLine, following, sentence
from claimx_pipeline.hooks.manner import manner
from claimx_pipeline.operations import Progress, WorkerRun
from tests.rigs import predecessor
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


class Hand:
    """A clock that a test sets."""

    def __init__(self):
        self.at = 0.0

    def monotonic(self):
        return self.at


def test_elsewhere_a_command_writes_a_line_when_an_interval_has_passed(capsys):
    clock = Hand()
    with following(clock) as say:
        for at in (0, 4, 9.9, 10, 11, 19.9, 25):
            clock.at = at
            say(f"at {at}")
    assert capsys.readouterr().err == "at 10\nat 25\n"


def test_quiet_commands_write_none(capsys, monkeypatch):
    monkeypatch.setattr(manner, "quiet", True)
    clock = Hand()
    with following(clock) as say:
        clock.at = 100
        say("never")
    assert capsys.readouterr().err == ""


EVENT = '{{"eventId":"e{0}","eventType":"PROJECT_CREATED","projectId":"{0}"}}\n'


def seen(folder, *command):
    """Return the lines that were replaced on the terminal, and what was left of it."""
    written = on_terminal(*command, cwd=folder, width=80)
    shown = [each.partition("\n")[0] for each in written.split(CLEAR)[1:]]
    elsewhere = run(*command, cwd=folder)
    assert CLEAR not in elsewhere.stdout + elsewhere.stderr, "not a terminal"
    return [each for each in shown if each]


@pytest.fixture
def prepared(tmp_path):
    assert run("topics", "create", cwd=tmp_path).returncode == 0
    assert run("tables", "create", cwd=tmp_path).returncode == 0
    (tmp_path / "events").write_text("".join(EVENT.format(n) for n in range(1500)))
    (tmp_path / "broken").write_text('{"a": 1}\n' * 3)
    return tmp_path


def test_publishing_shows_how_far_it_is(prepared):
    shown = seen(prepared, "publish", "events")
    assert shown[:2] == ["published 1,000 of 1,500 events", "published 1,500 of 1,500 events"]
    records = seen(prepared, "publish", "events", "--topic", "claimx.events.raw", "--yes")
    assert "published 1,500 of 1,500 records" in records


def test_compacting_shows_the_table_at_hand(prepared):
    shown = seen(prepared, "tables", "compact", "claimx_events", "claimx_tasks")
    assert shown[:2] == ["table claimx_events, 1 of 2", "table claimx_tasks, 2 of 2"]


def test_a_replay_shows_how_far_it_is(prepared):
    raw = ("--topic", "claimx.events.raw", "--yes")
    assert run("publish", "broken", *raw, cwd=prepared).returncode == 0
    assert run("worker", "events", "--until-idle", cwd=prepared).returncode == 0
    assert "replayed 3 of 3 dead letters" in seen(prepared, "dlq", "replay", "--yes")


def test_an_import_shows_how_far_it_is(prepared):
    predecessor.make(prepared / "former", 40, ("claimx_projects",))
    former = str(prepared / "former" / "claimx_projects")
    shown = seen(prepared, "tables", "import", "--from", former, "--table", "claimx_projects")
    assert [each for each in shown if re.match(r"\d+ rows, part \d+ of \d+", each)]
