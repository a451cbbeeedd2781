"""The shell completes commands, options and names, asked as the shell itself asks."""

import os
import pty
import select
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from claimx_pipeline.cli.completion import SCRIPTS
from tests.rigs.command import CLEAN, run

SCRIPT = str(Path(sys.executable).parent / "claimx-run")
ASKED = {**CLEAN, "PATH": f"{Path(sys.executable).parent}:{CLEAN['PATH']}"}


def in_bash(folder: Path, typed: str, until: str) -> str:
    """Return what a person sees in bash who types *typed*, up to where *until* comes."""
    (folder / "rc").write_text("PS1='> '\nbind 'set enable-bracketed-paste off'\n")
    with (folder / "rc").open("a") as rc:
        rc.write(run("completion", "bash", cwd=folder).stdout)
    ours, theirs = pty.openpty()
    command = [shutil.which("bash") or "bash", "--noprofile", "--rcfile", str(folder / "rc"), "-i"]
    environ = {**ASKED, "TERM": "dumb"}
    with subprocess.Popen(
        command, cwd=folder, env=environ, stdin=theirs, stdout=theirs, stderr=theirs
    ) as shell:
        os.close(theirs)
        try:
            read_until(ours, "> ")
            os.write(ours, typed.encode())
            return read_until(ours, until)
        finally:
            shell.kill()
            os.close(ours)


def read_until(terminal: int, text: str) -> str:
    """Return what *terminal* shows, once that holds *text*."""
    seen = ""
    while text not in seen:
        ready, _, _ = select.select([terminal], [], [], 60)
        assert ready, f"{text!r} never came after {seen!r}"
        seen += os.read(terminal, 4096).decode()
    return seen


def asked(shell: str, line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Return the answer to what the script of *shell* asks."""
    words = line.split(" ")
    environ = {
        **ASKED,
        "_CLAIMX_RUN_COMPLETE": f"complete_{shell}",
        "_TYPER_COMPLETE_ARGS": line,
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        "COMP_WORDS": "\n".join(words),
        "COMP_CWORD": str(len(words) - 1),
    }
    return subprocess.run(
        [SCRIPT], cwd=folder, env=environ, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("claimx-run work\t", "worker "),
        ("claimx-run worker enri\t", "enrichment "),
        ("claimx-run tables sh\t", "show "),
    ],
)
def test_bash_completes_what_is_typed_when_the_key_is_pressed(tmp_path, typed, completed):
    assert completed in in_bash(tmp_path, typed, completed)


@pytest.mark.plugin
@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("claimx-run worker ", "ingest"),
        ("claimx-run worker ", "claimx"),
        ("claimx-run worker ingest e", "events"),
        ("claimx-run offsets rewind ", "enrichment"),
        ("claimx-run tables show claimx_ev", "claimx_events"),
        ("claimx-run tables compact ", "claimx_projects"),
        ("claimx-run topics read claimx.ev", "claimx.events.raw"),
        ("claimx-run topics delete ", "claimx.events.raw"),
        ("claimx-run publish a.json --topic ", "claimx.events.raw"),
        ("claimx-run query --name tas", "task-history"),
        ("claimx-run plugins show ", "itel_cabinet_trigger"),
        ("claimx-run topics list --domain ", "claimx"),
        ("claimx-run topics list --d", "--domain"),
        ("claimx-run dlq list --worker ", "entities"),
    ],
)
def test_names_are_those_of_the_settings(tmp_path, line, word):
    done = asked("bash", line, tmp_path)
    assert (word in done.stdout.split("\n"), done.stderr) == (True, "")
    start = line.rpartition(" ")[2]
    assert all(each.startswith(start) for each in done.stdout.split())


def test_a_name_is_not_offered_twice(tmp_path):
    words = asked("bash", "claimx-run worker ingest ", tmp_path).stdout.split()
    assert ("events" in words, "ingest" in words) == (True, False)


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_are_answered_in_their_own_form(tmp_path, shell):
    assert "enrichment" in asked(shell, "claimx-run worker enri", tmp_path).stdout
    assert "_CLAIMX_RUN_COMPLETE" in SCRIPTS[shell]
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=SCRIPTS[shell], text=True, check=True)


@pytest.mark.parametrize("line", ["claimx-run nonsense ", "claimx-run worker "])
def test_what_is_wrong_is_not_said_while_one_types(tmp_path, line):
    (tmp_path / "claimx.yaml").write_text("broker: {url: [}\n")
    done = asked("bash", line, tmp_path)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "", "")
