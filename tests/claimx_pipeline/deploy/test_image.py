"""What the Dockerfile says is done in a clean folder, since a test has no container engine."""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.rigs.command import CLEAN, Running, stop_all
from tests.rigs.deployments import DEPLOY
from tests.rigs.dockerfile import arguments, lines, run_lines, words
from tests.rigs.kafka_server import free_port

DOCKERFILE = DEPLOY / "image" / "Dockerfile"
LARGEST_MB = 450
"""What the two distributions and all that they need may take on the disk."""


def test_it_runs_as_a_user_without_rights_and_keeps_no_build_tools():
    said = list(lines(DOCKERFILE))
    stages = [each for each in said if each.word == "FROM"]
    assert len(stages) == 2
    last = said[len(said) - said[::-1].index(stages[-1]) :]
    (user,) = [each.rest for each in last if each.word == "USER"]
    assert user == "${OWNER}:${OWNER}"
    assert int(arguments(DOCKERFILE)["OWNER"]) > 1000
    assert not [each for each in last if each.word == "RUN" and "pip" in each.rest]


def test_it_runs_a_supported_python():
    version = re.search(r"python:(3\.\d+)-slim", arguments(DOCKERFILE)["PYTHON_IMAGE"])[1]
    project = (DEPLOY.parents[1] / "pyproject.toml").read_text()
    assert f"Python :: {version}" in project


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The folder that the RUN lines have filled."""
    folder = tmp_path_factory.mktemp("image")
    shutil.copytree(os.environ["DEPLOY_WHEELS"], folder / "wheels")
    # The Python that runs the test takes the part of the image's.
    programs = folder / "programs"
    programs.mkdir()
    (programs / "python").symlink_to(sys.executable)
    python = Path(sys.executable).parent
    env = {**CLEAN, **{name: os.environ[name] for name in os.environ if name.startswith("PIP_")}}
    env["PATH"] = f"{python}{os.pathsep}{CLEAN['PATH']}"
    args = {
        "PREFIX": str(folder / "opt"),
        "STATE": str(folder / "state"),
        "OWNER": str(os.getuid()),
    }
    assert len(run_lines(DOCKERFILE, folder, env, **args)) == 5
    return folder


@pytest.mark.deploy
def test_both_distributions_are_installed_and_little_else(built):
    program = built / "opt" / "bin" / "claimx-run"
    listed = subprocess.run(
        [program, *words(DOCKERFILE, "CMD")], cwd=built, env=CLEAN, capture_output=True, text=True
    )
    assert listed.returncode == 0, listed.stderr
    assert {"ingest", "itel-api"} <= {line.split("\t")[0] for line in listed.stdout.splitlines()}
    files = [
        each for each in (built / "opt").rglob("*") if each.is_file() and not each.is_symlink()
    ]
    size = sum(each.stat().st_size for each in files) / 1e6
    print(f"{size:.0f} MB in {len(files)} files")
    assert size < LARGEST_MB
    assert not list((built / "opt").rglob("site-packages/pip"))


@pytest.mark.deploy
def test_the_demo_runs_with_what_is_left(built):
    demo = [built / "opt" / "bin" / "claimx-run", "demo", "--events", "20"]
    done = subprocess.run(demo, cwd=built / "state", env=CLEAN, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert ", 0 dead letters" in done.stdout


@pytest.mark.deploy
def test_the_health_check_passes_while_a_worker_runs_and_fails_without_one(built, tmp_path):
    port = free_port()
    (tmp_path / "claimx.yaml").write_text(f"health: {{port: {port}}}\n")
    check = [word.replace(":8080", f":{port}") for word in words(DOCKERFILE, "HEALTHCHECK")]
    env = {**CLEAN, "PATH": f"{built / 'opt' / 'bin'}{os.pathsep}{CLEAN['PATH']}"}

    def healthy():
        return subprocess.run(check, env=env, capture_output=True).returncode == 0

    assert not healthy()
    (entry,) = words(DOCKERFILE, "ENTRYPOINT")
    program = str(built / "opt" / "bin" / entry)
    subprocess.run([program, "topics", "create"], cwd=tmp_path, env=env, check=True)
    running = Running.of([program, "worker", "ingest"], cwd=tmp_path, env=env)
    try:
        running.wait_until(healthy, 60)
        assert running.stop(signal.SIGTERM, 30) == 0
    finally:
        stop_all([running])
