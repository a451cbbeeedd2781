"""The units really run: what systemd would start becomes ready, and ends in time on SIGTERM."""

import json
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from claimx_pipeline import Pipeline, operations
from tests.rigs.command import CLEAN, Running, stop_all
from tests.rigs.deployments import example_environment, services
from tests.rigs.kafka_server import free_port
from tests.rigs.unit_file import UnitFile

QUICK = {"itel-tracking-worker"}
"""Run each time; the others by the session ``deploy``."""

PROGRAM = Path(sys.executable).parent / "claimx-run"


@pytest.fixture
def units(tmp_path):
    """A machine's folders with exported units, settings and variables, on the embedded broker."""
    etc, state, logs = (tmp_path / name for name in ("etc", "state", "logs"))
    for folder in (state, logs):
        folder.mkdir()
    paths = {"settings": str(etc), "state": str(state), "logs": str(logs)}
    pipeline = Pipeline.load(environ={}, cwd=tmp_path)
    operations.export_deployment(pipeline, "systemd", etc, program=str(PROGRAM), **paths)
    environ = example_environment(
        etc / "claimx.env.example",
        KAFKA_BOOTSTRAP_SERVERS=None,
        ITEL_CABINET_API_BASE_URL="https://itel.example.com",
    )
    lines = [f"{name}={value}\n" for name, value in environ.items()]
    (etc / "claimx.env").write_text("".join(lines))
    return etc


@pytest.fixture
def create(units):
    """Let the unit that comes before the workers create topics and tables."""
    unit = UnitFile.read(units / "claimx-create.service")
    for command in unit.commands():
        done = subprocess.run(
            command, cwd=unit.one("WorkingDirectory"), env=environment(unit), capture_output=True
        )
        assert done.returncode == 0, done.stderr


def environment(unit, **more):
    return {**CLEAN, **unit.environment(), **more}


def asked(port, path):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)
    except OSError:
        return 0, {}


def started(unit, **more):
    """Start what the unit starts, its output collected."""
    cwd = Path(unit.one("WorkingDirectory"))
    return Running.of(unit.commands()[0], cwd=cwd, env=environment(unit, **more))


@pytest.mark.plugin
@pytest.mark.parametrize(
    ("service", "name"),
    [
        pytest.param(*each, marks=[] if each[0] in QUICK else [pytest.mark.deploy])
        for each in services().items()
    ],
)
@pytest.mark.usefixtures("create")
def test_what_a_unit_starts_becomes_ready_and_ends_on_sigterm(service, name, units):
    unit = UnitFile.read(units / f"{service}.service")
    port = free_port()  # the unit's own may be taken on a machine that runs other tests
    running = started(unit, CLAIMX_HEALTH_PORT=str(port))
    try:
        running.wait_until(lambda: asked(port, "/health/ready")[0] == 200, 60)
        assert asked(port, "/health/live")[0] == 200
        assert asked(port, "/health/ready")[1]["workers"] == {name: "ready"}
        began = time.monotonic()
        assert unit.one("KillSignal") == "SIGTERM"
        assert running.stop(signal.SIGTERM, float(unit.one("TimeoutStopSec"))) == 0
        assert time.monotonic() - began < float(unit.one("TimeoutStopSec"))
    finally:
        stop_all([running])


def test_wrong_settings_end_with_the_code_that_is_not_started_again(units):
    unit = UnitFile.read(units / "claimx-ingest-worker.service")
    (units / "claimx.yaml").write_text("broker: {url: nowhere}\n")
    done = subprocess.run(unit.commands()[0], cwd=units, env=environment(unit), capture_output=True)
    assert str(done.returncode) in unit.one("RestartPreventExitStatus").split()
    assert list((units.parent / "state").iterdir()) == []
