"""What a worker loads before it begins to poll: what it needs, and nothing of the others."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

WATCHED = """
import sys
from claimx_pipeline.runtime.polling import Polling

class Reached(BaseException):
    pass

async def collect(self, **_):
    raise Reached

Polling.collect = collect
sys.argv = ["claimx-run", "worker", sys.argv[1]]
from claimx_pipeline.cli import main
try:
    main()
except BaseException as error:
    print("reached" if "Reached" in repr(error) or "Reached" in str(error.__context__) else error)
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""
"""Runs a worker to its first poll, and prints what is loaded then."""

HELP = """
import sys
from claimx_pipeline.cli import main
sys.argv = ["claimx-run", "--help"]
try:
    main()
except SystemExit:
    print(*sorted(sys.modules))
"""

HEAVY = {"aiohttp", "deltalake", "httpx", "jsonschema_rs", "obstore", "pyarrow", "rich"}
"""Takes more than half a second of processor time and 90 MB in all."""


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> dict[str, object]:
    """Where workers run, and how: an embedded broker with all topics and tables."""
    folder = tmp_path_factory.mktemp("start")
    environment = {
        **os.environ,
        "CLAIMX__BROKER__URL": f"sqlite:///{folder / 'broker.db'}",
        "CLAIMX__TABLES__ROOT": str(folder / "tables"),
        "CLAIMX__HEALTH__PORT": "0",
    }
    how = {"cwd": folder, "env": environment, "capture_output": True, "text": True, "check": False}
    for kind in ("topics", "tables"):
        made = subprocess.run([sys.executable, "-m", "claimx_pipeline", kind, "create"], **how)
        assert made.returncode == 0, made.stderr
    return how


def loaded(installed: dict[str, object], worker: str) -> set[str]:
    """Return the packages that are loaded as *worker* polls for the first time."""
    done = subprocess.run([sys.executable, "-c", WATCHED, worker], timeout=60, **installed)
    *_, said, modules = done.stdout.strip().splitlines()
    assert said == "reached", done.stderr
    return set(modules.split())


def test_ingest_loads_nothing_that_tables_files_or_requests_need(installed):
    assert loaded(installed, "ingest") & HEAVY == set()


def test_events_loads_what_tables_need_and_no_client(installed):
    assert loaded(installed, "events") & HEAVY == {"deltalake", "pyarrow"}


def test_the_help_of_the_command_line_loads_no_worker(installed):
    done = subprocess.run([sys.executable, "-c", HELP], timeout=60, **installed)
    modules = set(done.stdout.strip().splitlines()[-1].split())
    assert (
        modules & (HEAVY | {"cattrs", "claimx_pipeline.runtime.loop", "prometheus_client"}) == set()
    )
