"""A newcomer's mistakes: one sentence, the right exit code, and nothing left on disk."""

import json
import socket

import pytest

from tests.rigs.command import Running, run, stop_all

API = {"CLAIMX_API_URL": "http://127.0.0.1:9", "CLAIMX_API_TOKEN": "t"}


def only_line(result) -> str:
    """Return the one sentence that was printed."""
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, result.stderr
    assert "Traceback" not in result.stdout + result.stderr
    return lines[0]


@pytest.mark.incident("SHD-03")
def test_no_token_names_both_variables_and_the_demo(tmp_path):
    result = run("worker", "enrichment", cwd=tmp_path)
    assert result.returncode == 2
    line = only_line(result)
    assert "CLAIMX_API_URL" in line
    assert "CLAIMX_API_TOKEN" in line
    assert "claimx-run demo" in line
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("kafak://127.0.0.1:9092", "start it with kafka:// or sqlite://"),
        ("127.0.0.1:9092", "start it with kafka:// or sqlite://"),
        ("kafka://", "kafka"),
    ],
)
def test_a_wrong_broker_url_is_named(tmp_path, url, told):
    config = tmp_path / "settings.yaml"
    config.write_text(f'broker:\n  url: "{url}"\n  deadline_seconds: 5\n')
    result = run("--config", str(config), "worker", "ingest", cwd=tmp_path)
    assert result.returncode in (1, 2)
    assert told in only_error(result)
    assert list(tmp_path.iterdir()) == [config]


def test_a_broker_that_is_not_there_is_named_and_waited_for(tmp_path):
    """It may be a wrong URL, or a broker that starts after its workers."""
    config = tmp_path / "settings.yaml"
    config.write_text(
        "broker: {url: 'kafka://127.0.0.1:1', deadline_seconds: 5}\nhealth: {port: 0}\n"
    )
    worker = Running.start("--config", str(config), "worker", "ingest", cwd=tmp_path)
    try:
        told = worker.wait_for("worker ingest waits: ")
        assert "127.0.0.1:1 cannot be reached" in told
        assert "broker.url" in told
    finally:
        stop_all([worker])
    assert list(tmp_path.iterdir()) == [config]


def only_error(result) -> str:
    """Return the one line that says why a command ended; the log of workers is JSON here."""
    assert "Traceback" not in result.stderr, result.stderr
    lines = result.stderr.splitlines()
    said = [json.loads(line)["message"] if line.startswith("{") else line for line in lines]
    errors = [line for line in said if line.startswith("claimx-run: ")]
    assert len(errors) == 1, result.stderr
    return str(errors[0])


def test_an_unknown_key_is_named_with_file_line_and_the_nearest_one(tmp_path):
    config = tmp_path / "claimx.yaml"
    config.write_text("broker:\n  ulr: sqlite:///x.db\n")
    result = run("worker", "ingest", cwd=tmp_path)
    assert result.returncode == 2
    line = only_line(result)
    assert "claimx.yaml:2" in line
    assert "ulr" in line
    assert "url" in line
    assert list(tmp_path.iterdir()) == [config]


@pytest.mark.incident("DEL-08")
def test_a_table_path_with_an_unset_variable_creates_nothing(tmp_path):
    config = tmp_path / "claimx.yaml"
    config.write_text("tables:\n  root: ${LAKE}/tables\n")
    for command in (["worker", "events"], ["tables", "create"], ["up"]):
        result = run(*command, cwd=tmp_path, env=API)
        assert result.returncode == 2, (command, result.stderr)
        assert "LAKE" in result.stderr
        assert list(tmp_path.iterdir()) == [config]


@pytest.mark.incident("DEL-08")
def test_a_missing_table_is_named_with_the_command_that_creates_it(tmp_path):
    result = run("worker", "events", cwd=tmp_path)
    assert result.returncode == 1
    assert "claimx-run tables create" in only_error(result)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_topic_is_named_with_the_command_that_creates_it(tmp_path):
    result = run("worker", "ingest", cwd=tmp_path)
    assert result.returncode == 1
    assert "claimx-run topics create" in only_error(result)
    assert list(tmp_path.iterdir()) == []


def test_an_explicit_port_that_is_taken_is_named(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        config = tmp_path / "claimx.yaml"
        config.write_text(f"health:\n  port: {port}\n")
        result = run("worker", "ingest", cwd=tmp_path)
    assert result.returncode == 2
    assert f"port {port}" in only_line(result)
    assert list(tmp_path.iterdir()) == [config]


def test_an_unknown_worker_is_named_with_the_nearest_one(tmp_path):
    result = run("worker", "enrichmnt", cwd=tmp_path)
    assert result.returncode == 2
    assert "did you mean 'enrichment'" in only_line(result)


def test_worker_settings_for_a_worker_that_is_not_there(tmp_path):
    (tmp_path / "claimx.yaml").write_text("workers:\n  ingst: {batch_size: 5}\n")
    result = run("worker", "--list", cwd=tmp_path)
    assert result.returncode == 2
    assert "workers.ingst" in only_line(result)


def test_a_traceback_is_shown_only_when_asked_for(tmp_path):
    assert "Traceback" in run("--debug", "worker", "nobody", cwd=tmp_path).stderr
    assert "Traceback" not in run("worker", "nobody", cwd=tmp_path).stderr


def test_an_unknown_command_or_option_is_a_usage_error(tmp_path):
    assert run("wrok", cwd=tmp_path).returncode == 2
    assert run("worker", "--fast", cwd=tmp_path).returncode == 2


def test_help_comes_at_once_and_imports_nothing_heavy(tmp_path):
    import subprocess
    import sys

    code = (
        "import sys; sys.argv = ['claimx-run', '--help']\n"
        "from claimx_pipeline.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'deltalake', 'pyarrow', 'httpx', 'aiohttp', 'aiokafka', 'cattrs', 'starlette'}\n"
        "heavy |= {'sqlglot'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert result.stderr.strip() == "[]"
    assert "demo" in result.stdout


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["wroker", "ingest"], "there is no command 'wroker'; did you mean 'worker'?"),
        (["zzz"], "there is no command 'zzz'; 'claimx-run --help' lists them"),
        (["worker", "evnts"], "did you mean 'events'?"),
        (["worker", "ingest", "--strict"], "add --until-idle"),
        (["topics", "show", "claimx.event.raw"], "did you mean 'claimx.events.raw'?"),
        (["topics", "read", "claimx.event.raw"], "did you mean 'claimx.events.raw'?"),
        (["query", "--name", "events-by-outcom"], "did you mean 'events-by-outcome'?"),
        (["dlq", "list", "--topic", "claimx.event.dlq"], "did you mean 'claimx.events.dlq'?"),
        (["tables", "show", "claimx_evnts"], "did you mean 'claimx_events'?"),
        (["tables", "compact", "claimx_events", "claimx_evnts"], "did you mean 'claimx_events'?"),
        (["tables", "list", "--domain", "claimy"], "did you mean 'claimx'?"),
        (["tables", "list", "--json", "--csv"], "give one of them"),
    ],
)
def test_a_misspelt_name_is_refused_with_the_one_that_was_meant(tmp_path, typed, said):
    result = run(*typed, cwd=tmp_path)
    assert result.returncode == 2
    assert result.stdout == ""
    assert said in only_line(result)
    assert list(tmp_path.iterdir()) == []
