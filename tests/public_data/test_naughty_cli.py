"""The Big List of Naughty Strings through the command line: ids, filters, SQL, settings."""

import contextlib
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from claimx_pipeline.claimx.events import decode_event
from claimx_pipeline.cli.main import app
from claimx_pipeline.errors import ClaimxError, DecodeError, SettingsError
from claimx_pipeline.settings.loader import load_settings
from claimx_pipeline.settings.loading.nodes import Block, ValueOrigin, from_value
from claimx_pipeline.settings.loading.sources import SettingsSources
from claimx_pipeline.settings.show import shown_settings
from claimx_pipeline.settings.tree.settings import CORE_ENVIRONMENT
from tests.rigs.command import run

SAMPLE = 25
"""Every so many strings are given to commands that open tables or topics."""


@pytest.fixture(scope="module")
def strings(public_data) -> list[str]:
    return json.loads((public_data("blns") / "blns.json").read_text("utf-8"))


def invoked(*arguments: str) -> str:
    """Run a command in this process; return what it printed or said was wrong."""
    result = CliRunner().invoke(app, list(arguments))
    if result.exception is not None and not isinstance(result.exception, (ClaimxError, SystemExit)):
        raise result.exception
    return result.stdout if result.exit_code == 0 else str(result.exception)


@pytest.fixture(scope="module")
def filled(strings, tmp_path_factory) -> tuple[Path, set[str]]:
    """Return a folder with a table and dead letters that have the strings as ids."""
    folder = tmp_path_factory.mktemp("naughty")
    events, ids = [], set()
    for text in strings:
        event = {"eventType": "PROJECT_CREATED", "projectId": 7, "eventId": text, "x": text}
        line = json.dumps(event)
        try:
            event_id = decode_event(line.encode(), 0).event_id
        except DecodeError:
            continue
        # A blank id is none: the event's own is derived then, from when it was published too.
        if text.strip():
            ids.add(event_id)
        events.append(line)
    folder.joinpath("events.jsonl").write_text("\n".join(events))
    with contextlib.chdir(folder):
        for arguments in (("topics", "create"), ("tables", "create"), ("publish", "events.jsonl")):
            invoked(*arguments)
    done = run("worker", "events", "--until-idle", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder, ids


def test_every_id_is_stored_as_it_is_and_printed(filled, monkeypatch):
    folder, ids = filled
    monkeypatch.chdir(folder)
    found = json.loads(invoked("query", "SELECT event_id FROM claimx_events", "--json"))
    assert ids <= {each["event_id"] for each in found}
    assert "PROJECT_CREATED" in invoked("query", "SELECT * FROM claimx_events")


def test_a_string_in_sql_is_a_value_or_a_sentence(filled, strings, monkeypatch):
    folder, ids = filled
    monkeypatch.chdir(folder)
    for text in strings[::SAMPLE]:
        assert invoked("query", text, "--json") is not None
        if text in ids:
            literal = text.replace("'", "''")
            sql = f"SELECT count(*) AS n FROM claimx_events WHERE event_id = '{literal}'"
            assert json.loads(invoked("query", sql, "--json")) == [{"n": 1}]


@pytest.mark.parametrize(
    "option", ["--event-id", "--worker", "--topic", "--since", "--fingerprint"]
)
def test_a_string_as_a_filter_finds_nothing_or_is_a_sentence(filled, strings, monkeypatch, option):
    folder, _ = filled
    monkeypatch.chdir(folder)
    for text in strings[:: SAMPLE * 2]:
        assert invoked("dlq", "list", option, text, "--json") is not None


@pytest.mark.incident("STR-50")
def test_a_string_as_a_setting_is_a_value_or_a_sentence(strings):
    for text in strings[::3]:
        for variable in CORE_ENVIRONMENT:
            shown(Block({}, ValueOrigin.named("")), {variable: text})
        for section in (
            {"broker": {"topics": {text: {"name": text}}, "groups": {text: text}}},
            {"connections": {text: {"base_url": "http://h", "headers": {text: text}}}},
            {"workers": {text: {"input_topic": text}}},
            {"plugins": {text: {"config": {text: text}}}},
            {text: text},
        ):
            root = from_value(section, ValueOrigin.named("claimx.yaml:1"))
            assert isinstance(root, Block)
            shown(root, {})


def shown(root: Block, environ: dict[str, str]) -> None:
    try:
        found = load_settings(SettingsSources(root=root, environ=environ))
    except SettingsError as error:
        assert str(error)  # noqa: PT017 - either is right
    else:
        assert shown_settings(found)
