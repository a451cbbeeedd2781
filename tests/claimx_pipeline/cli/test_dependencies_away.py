"""Something is away when a worker starts: it says so, shows life, and heeds a signal."""

import contextlib
import json
import signal
import socket
import urllib.error
import urllib.request

import pytest
from command import Running, run, stop_all

TABLES_AWAY = """\
tables:
  root: s3://lake/tables
  storage_options:
    AWS_ENDPOINT_URL: "{url}"
    AWS_ACCESS_KEY_ID: "${{KEY}}"
    AWS_SECRET_ACCESS_KEY: "${{KEY}}"
    AWS_REGION: us-east-1
    AWS_ALLOW_HTTP: "true"
"""
BROKER_AWAY = "broker: {{url: 'kafka://{address}'}}\n"


@pytest.fixture
def silence():
    """Takes connections and never answers; yields its address."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield "{}:{}".format(*server.getsockname())


@pytest.fixture
def started():
    running: list[Running] = []
    yield running
    stop_all(running)


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


@pytest.mark.incident("REB-08")
@pytest.mark.incident("SHD-01")
@pytest.mark.incident("SHD-02")
@pytest.mark.parametrize(
    ("worker", "settings", "signals"), [("events", TABLES_AWAY, 1), ("ingest", BROKER_AWAY, 2)]
)
def test_a_silent_dependency_keeps_a_worker_neither_from_its_probes_nor_from_its_end(
    tmp_path, silence, started, worker, settings, signals
):
    """The first signal ends it within its limit, a second one at once."""
    (tmp_path / "claimx.yaml").write_text(settings.format(url=f"http://{silence}", address=silence))
    running = Running.start("worker", worker, cwd=tmp_path, env={"KEY": "k"})
    started.append(running)
    ready = health_url(running)
    assert asked(ready.replace("/ready", "/live"))[0] == 200
    status, told = asked(ready)
    assert (status, told["status"]) == (503, "not_ready")
    assert worker in told["workers"]
    running.process.send_signal(signal.SIGTERM)
    running.wait_for("stopping")
    code = running.stop(signal.SIGTERM, 30) if signals == 2 else running.process.wait(30)
    assert code == (128 + signal.SIGTERM if signals == 2 else 0)


@pytest.mark.incident("SHD-03")
def test_a_failed_worker_ends_with_its_reason_and_not_with_0(tmp_path):
    """No error mode that goes on answering probes: a rollout sees it fail."""
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as taken:
        env = {"KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{taken.getsockname()[1]}"}
        (tmp_path / "claimx.yaml").write_text("broker: {deadline_seconds: 1}\n")
        result = run("worker", "ingest", cwd=tmp_path, env=env)
    assert result.returncode == 1
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith("claimx-run: ")
    assert "did not answer within 1 s" in last
