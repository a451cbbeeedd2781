"""Something is away when a worker starts: it says so, shows life, and heeds a signal."""

import contextlib
import json
import signal
import socket
import sqlite3
import time
import urllib.error
import urllib.request

import pytest

from tests.rigs.command import Running, run, stop_all

TABLES_AWAY = """\
tables:
  root: s3://lake/tables
  storage_options:
    AWS_ENDPOINT_URL: "http://{address}"
    AWS_ACCESS_KEY_ID: "${{KEY}}"
    AWS_SECRET_ACCESS_KEY: "${{KEY}}"
    AWS_REGION: us-east-1
    AWS_ALLOW_HTTP: "true"
"""
BROKER_AWAY = "broker: {{url: 'kafka://{address}', deadline_seconds: 1}}\n"


@pytest.fixture
def silence():
    """Takes connections and never answers; yields its address."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield "{}:{}".format(*server.getsockname())


@pytest.fixture
def nothing():
    """The address of a port that refuses connections for as long as the test runs."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # bound, so that nobody gets it, and not listening
        yield "{}:{}".format(*held.getsockname())


@pytest.fixture
def started():
    running: list[Running] = []
    yield running
    stop_all(running)


def start(folder, started, worker: str, settings: str) -> Running:
    folder.mkdir(exist_ok=True)
    (folder / "claimx.yaml").write_text(settings)
    running = Running.start("worker", worker, cwd=folder, env={"KEY": "k"})
    started.append(running)
    return running


def health_url(running: Running) -> str:
    line = running.wait_for("health ")
    return next(word for word in line.split() if word.startswith("http"))


def asked(url: str) -> tuple[int, dict]:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, json.load(refused)


def says(running: Running, worker: str, *texts: str) -> bool:
    status, told = asked(health_url(running))
    state = told["workers"].get(worker, "")
    return status == 503 and state.startswith("starting: ") and all(text in state for text in texts)


def ended(running: Running) -> float:
    """Return how long the process lives on after a SIGTERM; it ends with 0."""
    began = time.monotonic()
    assert running.stop(signal.SIGTERM, 60) == 0, running.lines
    return time.monotonic() - began


@pytest.mark.incident("REB-08")
@pytest.mark.incident("REB-05")
@pytest.mark.incident("SHD-01")
@pytest.mark.incident("SHD-02")
def test_a_worker_waits_for_what_is_away_and_says_so_and_ends_on_a_signal(
    tmp_path, silence, nothing, started
):
    """Storage and broker silent, and the broker's port closed; side by side, to save time."""
    storage = start(tmp_path / "a", started, "events", TABLES_AWAY.format(address=silence))
    silent = start(tmp_path / "b", started, "ingest", BROKER_AWAY.format(address=silence))
    closed = start(tmp_path / "c", started, "ingest", BROKER_AWAY.format(address=nothing))
    for running, worker, *texts in (
        (storage, "events", "table 'claimx_events' at s3://lake/", "has not answered yet"),
        (silent, "ingest", f"Kafka at {silence} did not answer within 1 s"),
        (closed, "ingest", f"Kafka at {nothing} cannot be reached"),
    ):
        running.wait_until(lambda r=running, w=worker, t=texts: says(r, w, *t))
        assert asked(health_url(running).replace("/ready", "/live"))[0] == 200
    for running in started:
        seconds = ended(running)
        assert seconds < 10, running.lines
        waits = [line for line in running.lines if " waits: " in line]
        assert len(waits) == len(set(waits)), "each reason is told once"
        assert not any("Traceback" in line for line in running.lines)


@pytest.mark.incident("REB-08")
def test_a_worker_whose_embedded_broker_is_locked_starts_once_it_is_free(tmp_path, started):
    assert run("topics", "create", cwd=tmp_path).returncode == 0
    file = next(tmp_path.rglob("broker.db"))
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        settings = "broker: {deadline_seconds: 1}\n"
        running = start(tmp_path, started, "ingest", settings)
        running.wait_until(lambda: says(running, "ingest", "the embedded broker"))
        holder.execute("ROLLBACK")
    running.wait_until(lambda: asked(health_url(running))[0] == 200)
    ended(running)


@pytest.mark.incident("SHD-02")
def test_a_second_signal_ends_a_worker_at_once(tmp_path, silence, started):
    running = start(tmp_path, started, "ingest", BROKER_AWAY.format(address=silence))
    running.wait_until(lambda: says(running, "ingest", silence))
    # Both arrive before it can do anything about the first.
    for number in (signal.SIGSTOP, signal.SIGTERM, signal.SIGINT, signal.SIGCONT):
        running.process.send_signal(number)
    assert running.process.wait(30) in {128 + signal.SIGTERM, 128 + signal.SIGINT}


@pytest.mark.incident("SHD-03")
def test_a_failed_worker_ends_with_its_reason_and_not_with_0(tmp_path):
    """No error mode that goes on answering probes: a rollout sees it fail."""
    result = run("worker", "ingest", cwd=tmp_path)
    assert result.returncode == 1
    last = json.loads(result.stderr.strip().splitlines()[-1])["message"]
    assert last.startswith("claimx-run: topic 'claimx.events.raw' does not exist; create it")
