"""A line that cannot be a command ends with one sentence and 2; an output that fails, with 1."""

import subprocess

import pytest

from tests.rigs.command import CLEAN, PROGRAM, run


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("simulate --events x", "--events must be a whole number; 'claimx-run simulate --help'"),
        ("simulate --events 0", "--events must be at least 1; "),
        ("simulate --port 99999", "--port must be at most 65535; "),
        ("tables views --dialect x", "--dialect: 'x' is not one of 'duckdb', 'spark', 'tsql'; "),
        ("completion x", "argument SHELL: 'x' is not one of 'bash', 'zsh', 'fish'; "),
        ("worker a --until-idl", "there is no option --until-idl; did you mean --until-idle?"),
        ("up --x", "there is no option --x; 'claimx-run up --help' shows what it takes"),
        ("tables lst", "there is no command 'lst' of 'claimx-run tables'; did you mean 'list'?"),
        ("export x", "'x' of 'claimx-run export'; there are systemd, kubernetes, compose, image"),
        ("tables import", "--from is missing; 'claimx-run tables import --help' shows"),
        ("trace", "argument ID is missing; 'claimx-run trace --help' shows what it takes"),
        ("query --name", "--name needs a value behind it; "),
        ("status a b", "'claimx-run status' takes no further argument 'a b'; "),
        ("no-such", "there is no command 'no-such'; 'claimx-run --help' lists them"),
    ],
)
def test_what_is_wrong_where_and_what_to_do(tmp_path, line, said):
    done = run(*line.split(), cwd=tmp_path)
    (shown,) = done.stderr.splitlines()
    assert shown.startswith("claimx-run: ")
    assert said in shown
    assert done.stdout == ""
    assert done.returncode == 2


@pytest.mark.parametrize("line", ["", "tables", "export"])
def test_a_group_alone_shows_its_help(tmp_path, line):
    done = run(*line.split(), cwd=tmp_path)
    assert "Usage: " in done.stderr
    assert done.returncode == 2


def shell(line: str, cwd) -> subprocess.CompletedProcess[str]:
    command = line.replace("claimx-run", " ".join(PROGRAM))
    return subprocess.run(
        ["bash", "-c", command], cwd=cwd, env=CLEAN, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("options", ["", "--json", "--csv"])
def test_an_output_that_cannot_be_written_is_said(tmp_path, options):
    done = shell(f"claimx-run worker list {options} > /dev/full", tmp_path)
    assert (
        done.stderr
        == "claimx-run: the output, or a file, cannot be written: No space left on device\n"
    )
    assert done.returncode == 1


def test_an_output_that_is_closed_is_nobody_who_looks(tmp_path):
    done = shell("claimx-run worker list >&- 2>&-", tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_working_folder_that_is_gone_is_said(tmp_path):
    done = shell("mkdir a; cd a; rmdir ../a; claimx-run worker list", tmp_path)
    assert "claimx-run: the working folder cannot be used: " in done.stderr
    assert "Traceback" not in done.stderr
    assert done.returncode == 1


@pytest.mark.parametrize(
    "line",
    ["query $X", "trace $X", "verify --project $X", "topics read $X", "publish f --topic $X"],
)
def test_an_argument_that_is_not_utf_8_is_a_sentence(tmp_path, line):
    (tmp_path / "f").write_text("{}\n")
    done = shell(f"X=$'a\\xffb'; claimx-run {line}", tmp_path)
    assert done.returncode in (1, 2)
    assert (done.stdout + done.stderr).strip()
    assert "Traceback" not in done.stderr
    assert "codec" not in done.stderr


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
@pytest.mark.parametrize("options", ["", "--json", "--csv"])
def test_letters_that_a_terminal_lacks_are_written_as_numbers(tmp_path, encoding, options):
    line = f'PYTHONIOENCODING={encoding} claimx-run query "SELECT chr(8594) AS x" {options}'
    done = shell(line, tmp_path)
    assert "u2192" in done.stdout
    assert (done.returncode, "Traceback" in done.stderr) == (0, False)
