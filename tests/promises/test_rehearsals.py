"""The rehearsals of the runbook, as real processes that type the commands of its page."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.promises.how_to import Terminal, blocks
from tests.rigs.sources import lines

PAGE = "how-to/operate/rehearse.md"
OLD_VERSION = "b208532"
"""The commit that ``tests/golden`` was made with."""
ROOT = Path(__file__).parents[2]
(KILL, AGAIN, BESIDE, ALONE, BACK, PREFIX, DELAYS, ROTATE, LOOK, ROOM) = blocks(PAGE)


@pytest.fixture
def terminal(tmp_path):
    for number, name in enumerate(("events", "more", "last")):
        numbers = range(100 * number, 100 * number + 100)
        (tmp_path / f"{name}.jsonl").write_text(lines(numbers))
    return Terminal(tmp_path)


def counted(terminal) -> dict[str, int]:
    sql = "SELECT count(*) AS n, count(DISTINCT event_id) AS ids FROM claimx_events"
    (row,) = json.loads(terminal.type(f"claimx-run query '{sql}' --json"))
    return row


def test_a_worker_that_is_killed_loses_and_doubles_nothing(terminal):
    terminal.type(KILL)
    terminal.type(AGAIN)
    assert counted(terminal) == {"n": 100, "ids": 100}


def old_sources(folder: Path) -> Path:
    """Return the code of the earlier version; the test is skipped where there is no history."""
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("the code of the earlier version is in the history of a checkout")
    archive = subprocess.run(
        [git, "archive", "--format=tar", OLD_VERSION, "src"], cwd=ROOT, capture_output=True
    )
    if archive.returncode != 0:
        pytest.skip("this checkout has no history that long")
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive.stdout, check=True)
    return folder / "src"


def program(folder: Path, name: str, *sources: Path) -> Path:
    """Return a program that runs the command line from *sources*, else as it is installed."""
    file = folder / name
    path = os.pathsep.join(map(str, sources))
    file.write_text(f'#!/bin/sh\nPYTHONPATH={path} exec {sys.executable} -m claimx_pipeline "$@"\n')
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    return file


def end(folder: Path) -> None:
    """End what a rehearsal has left, if it was cut short."""
    for file in folder.glob("*.pid"):
        try:
            os.kill(int(file.read_text()), signal.SIGKILL)
        except (ProcessLookupError, ValueError):
            continue


@pytest.mark.plugin
def test_two_versions_run_side_by_side_and_back_again(terminal, tmp_path):
    sources = old_sources(tmp_path)
    plugin = sources / "itel_cabinet_plugin" / "src"
    old = program(tmp_path, "old-claimx-run", sources, plugin)
    new = program(tmp_path, "new-claimx-run")
    terminal.type(f"export OLD={old} NEW={new}")
    listed = [terminal.type(f'"{each}" worker --list') for each in (old, new)]
    assert "maintenance" not in listed[0]
    assert "maintenance" in listed[1], "these are two versions"
    terminal.type('"$OLD" topics create\n"$OLD" tables create')
    try:
        for block in (BESIDE, ALONE, BACK):
            terminal.type(block)
    finally:
        end(tmp_path)
    assert counted(terminal) == {"n": 300, "ids": 300}


def test_a_prefix_and_the_delays_of_retries_are_changed(terminal):
    terminal.type(KILL)
    assert "created new.claimx.events.raw" in terminal.type(PREFIX)
    assert counted(terminal) == {"n": 200, "ids": 200}
    listed = terminal.type(DELAYS)
    assert "claimx.enrichment.retry.1m" in listed
    assert "claimx.enrichment.retry.5m" in listed


def unshared() -> bool:
    """Return whether this machine lets a user mount a small disk of his own."""
    unshare = shutil.which("unshare")
    if unshare is None:
        return False
    asked = [unshare, "-rm", "sh", "-c", "mount -t tmpfs -o size=64k tmpfs /mnt"]
    return subprocess.run(asked, capture_output=True).returncode == 0


@pytest.mark.skipif(not unshared(), reason="no small disk can be mounted here")
@pytest.mark.parametrize(
    ("what", "shown"), [("tables", "waiting"), ("broker", "cannot be used now")]
)
def test_a_full_disk_is_waited_for_and_nothing_is_lost_or_doubled(terminal, tmp_path, what, shown):
    place = {"tables": {"root": "small/tables"}, "broker": {"url": "sqlite:///./small/broker.db"}}
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        health = {"port": probe.getsockname()[1]}
    (tmp_path / "claimx.yaml").write_text(json.dumps({what: place[what], "health": health}))
    (tmp_path / "small").mkdir()
    fill = "dd if=/dev/zero of=small/ballast bs=1k 2> /dev/null || true"
    script = f"""
    set -e
    mount -t tmpfs -o size=6m tmpfs small
    claimx-run topics create
    claimx-run tables create
    claimx-run publish events.jsonl
    {fill}
    claimx-run worker ingest events > worker.log 2>&1 & echo $! > worker.pid
    until grep -q waits worker.log; do sleep 0.2; done
    {LOOK}
    {ROOM}
    kill "$(cat worker.pid)"
    while kill -0 "$(cat worker.pid)" 2> /dev/null; do sleep 0.2; done
    claimx-run query 'SELECT count(*) AS n, count(DISTINCT event_id) AS ids FROM claimx_events' \\
        --json > counted.json
    """
    try:
        said = terminal.type(f"unshare -rm bash <<'SCRIPT'\n{script}\nSCRIPT")
    finally:
        end(tmp_path)
    assert "100%" in said
    assert shown in said
    assert json.loads((tmp_path / "counted.json").read_text()) == [{"n": 100, "ids": 100}]
