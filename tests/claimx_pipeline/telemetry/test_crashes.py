"""In JSON every line is an object, whoever writes it."""

import json
import logging
import subprocess
import sys

PROGRAM = """
import asyncio, logging, sys, threading, warnings
from claimx_pipeline.redaction import Redactor
from claimx_pipeline.settings.tree.logging import LoggingSettings
from claimx_pipeline.telemetry.log import logging_of_process

class Dropped:
    def __del__(self):
        raise ValueError("in a finalizer")

async def main():
    asyncio.get_running_loop().call_soon(lambda: 1 / 0)
    await asyncio.sleep(0)

def ends():
    raise KeyError("in a thread")

scope = logging_of_process(LoggingSettings(format="json"), Redactor())
scope.__enter__()
warnings.warn("old things")
thread = threading.Thread(target=ends); thread.start(); thread.join()
made = Dropped()
del made
asyncio.run(main())
raise RuntimeError("at the end")
"""


def test_warnings_and_crashes_are_lines_like_all_others():
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 1
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    shown = [f"{line['message']} {line.get('traceback', '')}" for line in lines]
    for what in ("old things", "KeyError", "in a finalizer", "ZeroDivisionError", "at the end"):
        assert any(what in each for each in shown), what
    assert all(line["level"] in {"WARNING", "ERROR", "CRITICAL"} for line in lines)
    assert logging.getLogger("py.warnings").name in {line["logger"] for line in lines}
