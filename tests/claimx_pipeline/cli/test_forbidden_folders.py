"""A file or folder that the user may not look into is one sentence, never a traceback."""

import pytest

from tests.rigs.command import ORDINARY, run

API = "claimx: {api: {base_url: 'http://127.0.0.1:9', token: t}}\n"
EVENTS = "the embedded broker 'locked/broker.db' cannot be used: Permission denied"


@pytest.fixture
def folder(tmp_path):
    """A folder of settings, with a folder in it that nobody but its owner may look into."""
    locked = tmp_path / "locked"
    for each in (locked / "plugins" / "own", tmp_path / "plugins" / "own"):
        each.mkdir(parents=True)
        (each / "config.yaml").write_text("module: own\nclass: Own\n")
    (locked / "claimx.yaml").write_text(API)
    (tmp_path / "of-plugins.yaml").write_text(f"{API}plugins: {{dir: locked/plugins}}\n")
    (tmp_path / "of-one-plugin.yaml").write_text(
        f"{API}plugins: {{dir: plugins, own: {{required: true}}}}\n"
    )
    (tmp_path / "of-all.yaml").write_text(
        f"{API}broker: {{url: 'sqlite:///locked/broker.db'}}\ntables: {{root: locked/tables}}\n"
        "storage: {files: {root: locked/files}, cache: {root: locked/cache}}\n"
    )
    (tmp_path / "of-a-token.yaml").write_text(
        "claimx: {api: {base_url: 'http://127.0.0.1:9', token_file: locked/token}}\n"
    )
    (tmp_path / "of-authorities.yaml").write_text(f"{API}network: {{ca_file: locked/ca.pem}}\n")
    locked.chmod(0)
    (tmp_path / "plugins" / "own").chmod(0)
    yield tmp_path
    locked.chmod(0o700)
    (tmp_path / "plugins" / "own").chmod(0o700)


@pytest.mark.parametrize(
    ("settings", "command", "shown"),
    [
        ("locked/claimx", "config check", "--config: 'locked/claimx.yaml' cannot be read: Perm"),
        ("of-plugins", "config check", "of-plugins.yaml:2: plugins.dir: "),
        ("of-plugins", "plugins list", "plugins.dir: "),
        ("of-plugins", "worker ingest", "of-plugins.yaml:2: plugins.dir: "),
        ("of-one-plugin", "config check", "plugins/own/config.yaml cannot be read: Permission"),
        ("of-one-plugin", "plugins list", "plugins/own/config.yaml cannot be read: Permission"),
        ("of-all", "config check", "storage.files.root: "),
        ("of-all", "topics list", EVENTS),
        ("of-all", "status", EVENTS),
        ("of-all", "worker ingest", EVENTS),
        ("of-all", "tables list", "locked/tables/claimx_attachment_metadata: Permission denied"),
        ("of-all", "doctor", "locked/tables) cannot be looked at: Permission denied"),
        pytest.param(
            *("of-a-token", "config check", "locked/token: Permission denied"),
            marks=pytest.mark.plugin,  # its form parser asks the API by name
        ),
        ("of-authorities", "config check", "network.ca_file: 'locked/ca.pem' cannot be used: Perm"),
        ("of-a-token", "publish locked/events.jsonl", "cannot be read: Permission denied"),
        ("of-a-token", "backfill locked/events.jsonl", "cannot be read: Permission denied"),
        ("of-a-token", "demo --events 1 --data-dir locked/demo", "locked/demo cannot be used: Per"),
        ("of-a-token", "init locked", "path 'locked' is not readable"),
    ],
)
def test_the_file_and_the_reason_are_named(folder, settings, command, shown):
    done = run("--config", f"{settings}.yaml", *command.split(), cwd=folder, before=ORDINARY)
    said = " ".join((done.stdout + done.stderr).split())
    assert shown in said
    assert "Traceback" not in said
    assert "Errno" not in said
    assert done.returncode == (0 if command == "plugins list" else done.returncode or 7)
