"""``claimx-run demo --domain xact``, as a newcomer types it."""

import json
import subprocess
import sys

from xact_domain.demonstration import content_of, world

EVENTS = 40


def test_the_demo_runs_the_domain_end_to_end(tmp_path):
    command = [sys.executable, "-m", "claimx_pipeline", "demo", "--domain", "xact", "--json"]
    command += ["--events", str(EVENTS), "--data-dir", str(tmp_path / "demo")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    links = [
        link for event in world(7, EVENTS, "") for link in event["data"].get("attachments", ())
    ]
    assert set(result["tables"]) == {"xact_events", "xact_event_log", "xact_attachments"}
    assert result["tables"]["xact_events"] == result["tables"]["xact_event_log"] == EVENTS
    assert result["tables"]["xact_attachments"] == result["files"]["count"] == len(links)
    sizes = [len(content_of(link.partition("?")[0])[1]) for link in links]
    assert result["files"]["bytes"] == sum(sizes)
    assert result["dlq"] == 0


def test_a_world_is_the_same_for_the_same_seed():
    assert world(3, 30, "http://h") == world(3, 30, "http://h") != world(4, 30, "http://h")
