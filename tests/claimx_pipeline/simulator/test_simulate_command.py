import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from claimx_pipeline.simulator.world import World

COMMAND = [sys.executable, "-m", "claimx_pipeline", "simulate"]


@contextmanager
def running(*options: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
    """Run the command until it has said where it is; yield it with the variables it gave."""
    pipe = subprocess.PIPE
    with subprocess.Popen([*COMMAND, *options], stdout=pipe, stderr=pipe, text=True) as process:
        try:
            variables = {}
            for _ in range(4):
                name, _, value = process.stdout.readline().rstrip("\n").partition("=")
                variables[name.removeprefix("export ")] = value
            yield process, variables
        finally:
            process.kill()


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_it_serves_where_its_variables_point_and_ends_cleanly_on_sigterm():
    with running("--port", "0", "--seed", "5", "--events", "50") as (process, variables):
        event = World(5).events(50)[-1]
        url = f"{variables['CLAIMX_API_URL']}/export/project/{event.project_id}"
        headers = {"Authorization": f"Basic {variables['CLAIMX_API_TOKEN']}"}
        assert httpx.get(url, headers=headers).status_code == 200
        itel = httpx.post(
            f"{variables['ITEL_CABINET_API_BASE_URL']}/api/v1/tasks",
            json={},
            headers={"Authorization": f"Bearer {variables['ITEL_CABINET_API_TOKEN']}"},
        )
        assert itel.status_code == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        assert "served 2 requests; iTel accepted 1 submissions" in process.stderr.read()


def test_ctrl_c_ends_it_cleanly():
    with running("--port", "0") as (process, _):
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
        assert "Traceback" not in process.stderr.read()


def test_faults_are_set_by_options():
    options = ("--port", "0", "--fail-rate", "1", "--api-token", "a", "--itel-token", "b")
    with running(*options) as (_, variables):
        assert (variables["CLAIMX_API_TOKEN"], variables["ITEL_CABINET_API_TOKEN"]) == ("a", "b")
        assert httpx.get(f"{variables['CLAIMX_API_URL']}/data").status_code == 503


def test_a_taken_port_is_one_sentence_and_exit_code_1(tmp_path):
    with running("--port", "0") as (_, variables):
        port = httpx.URL(variables["CLAIMX_API_URL"]).port
        second = run("--port", str(port))
    assert second.returncode == 1
    assert second.stderr == (
        f"claimx-run: port {port} of 127.0.0.1 is taken; "
        "choose another one, or 0 for any free one\n"
    )


def test_events_are_written_and_it_ends(tmp_path):
    done = run("--seed", "5", "--events", "30", "--write-events", "events.jsonl")
    assert done.returncode == 0
    lines = (tmp_path / "events.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [event.value for event in World(5).events(30)]


def test_events_are_written_and_served_if_both_are_wanted(tmp_path):
    with running("--port", "0", "--write-events", "events.jsonl", "--serve") as (_, variables):
        assert (tmp_path / "events.jsonl").exists()
        assert httpx.get(f"{variables['CLAIMX_API_URL']}/data").status_code == 405


@pytest.mark.parametrize(
    ("options", "code", "text"),
    [
        (["--write-events", "nowhere/events.jsonl"], 1, "cannot write nowhere/events.jsonl"),
        (["--serve"], 2, "--serve goes with --write-events"),
        (["--events", "0"], 2, "--events"),
    ],
)
def test_wrong_use_is_one_sentence(options, code, text):
    done = run(*options)
    assert done.returncode == code
    assert text in done.stderr
    assert "Traceback" not in done.stderr


def test_help_does_not_load_the_server():
    code = (
        "import sys, claimx_pipeline.cli.simulate; print({'starlette','uvicorn'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def run(*options: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "COLUMNS": "200"}
    return subprocess.run(
        [*COMMAND, *options],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
        env=environment,
    )
