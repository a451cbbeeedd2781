"""``topics read`` and ``publish --topic``, as typed."""

import json
import signal

from tests.rigs.command import Running, run, stop_all

RAW = "claimx.events.raw"


def test_records_of_ones_own_are_shown_before_they_are_published_and_read_by_a_condition(tmp_path):
    assert run("topics", "create", cwd=tmp_path).returncode == 0
    (tmp_path / "mine.jsonl").write_text('{"data": {"id": 7}}\n{"data": {"id": 8}}\nnothing\n')
    typed = ("publish", "mine.jsonl", "--topic", RAW, "--key-from", "data.id", "--header", "x=1")
    refused = run(*typed, cwd=tmp_path)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "2 records to claimx.events.raw; say so with --yes" in refused.stderr
    shown = run(*typed, "--dry-run", cwd=tmp_path)
    assert shown.returncode == 1, "a line was left out"
    assert "read by ingest, events" in shown.stderr
    assert '{"data": {"id": 7}}' in shown.stderr
    assert "mine.jsonl:3: is not valid JSON" in shown.stderr
    done = run(*typed, "--yes", "--json", cwd=tmp_path)
    said = json.loads(done.stdout)
    assert (said["published"], said["records"], len(said["refused"])) == (2, 2, 1)
    read = run("topics", "read", RAW, "--where", "data.id>7", "--json", cwd=tmp_path)
    (line,) = read.stdout.splitlines()
    found = json.loads(line)
    assert (found["key"], found["value"]) == ("8", {"data": {"id": 8}})
    assert found["headers"] == [{"name": "x", "value": "1", "encoding": "utf-8"}]
    plain = run("topics", "read", RAW, "--from", "-1", "--where", "key=7", cwd=tmp_path).stdout
    assert 'key 7\n  x: 1\n  {"data":{"id":7}}\n' in plain


def test_a_followed_topic_ends_at_a_signal_with_what_was_read(tmp_path):
    assert run("topics", "create", cwd=tmp_path).returncode == 0
    running = Running.start("topics", "read", RAW, "--follow", cwd=tmp_path)
    try:
        (tmp_path / "one.jsonl").write_text('{"n": 1}\n')
        run("publish", "one.jsonl", "--topic", RAW, "--yes", cwd=tmp_path)
        running.wait_for('{"n":1}')
        assert running.stop(signal.SIGINT) == 0
        running.wait_for("1 record")
    finally:
        stop_all([running])


def test_options_for_records_are_refused_for_events(tmp_path):
    (tmp_path / "one.jsonl").write_text("{}\n")
    done = run("publish", "one.jsonl", "--key", "k", cwd=tmp_path)
    assert (done.returncode, "add --topic" in done.stderr) == (2, True)
    done = run("publish", "one.jsonl", "--domain", "claimx", "--topic", RAW, cwd=tmp_path)
    assert (done.returncode, "give one of them" in done.stderr) == (2, True)


def test_a_topic_is_shown_as_it_is_and_as_the_settings_want_it(tmp_path):
    before = json.loads(run("topics", "show", RAW, "--json", cwd=tmp_path).stdout)
    assert (before["state"], before["partitions"]) == ("not created", None)
    assert run("topics", "create", cwd=tmp_path).returncode == 0
    after = json.loads(run("topics", "show", RAW, "--json", cwd=tmp_path).stdout)
    assert (after["state"], after["cleanup_policy"]) == ("ok", "delete")
    assert after["partitions"] == after["partitions_wanted"] == before["partitions_wanted"]
    assert after["retention_hours"] == after["retention_hours_wanted"]
    assert "ingest" in after["read_by"]
    assert "partitions wanted" in run("topics", "show", RAW, cwd=tmp_path).stdout


def test_topics_are_deleted_with_a_word_that_says_so(tmp_path):
    assert run("topics", "create", cwd=tmp_path).returncode == 0
    refused = run("topics", "delete", RAW, cwd=tmp_path)
    assert (refused.returncode, "add --yes" in refused.stderr) == (2, True)
    looked = run("topics", "delete", RAW, "--dry-run", cwd=tmp_path)
    assert (looked.returncode, RAW in looked.stdout) == (0, True)
    plan = json.loads(run("topics", "delete", RAW, "--dry-run", "--json", cwd=tmp_path).stdout)
    assert [each["topic"] for each in plan["would_delete"]] == [RAW]
    done = run("topics", "delete", RAW, "--yes", "--json", cwd=tmp_path)
    assert json.loads(done.stdout) == {"deleted": [RAW]}
    again = run("topics", "delete", RAW, "--yes", cwd=tmp_path)
    assert (again.returncode, "there is no topic" in again.stderr) == (2, True)
    listed = json.loads(run("topics", "list", "--json", cwd=tmp_path).stdout)
    (raw,) = [each for each in listed if each["topic"] == RAW]
    assert (raw["state"], raw["retention_hours"] is not None) == ("not created", True)
    assert {"retention_hours", "cleanup_policy", "partitions_wanted"} <= raw.keys()
