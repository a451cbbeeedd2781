"""A predecessor's environment becomes settings; nothing of it is dropped without a word."""

import pytest

from claimx_pipeline import Pipeline, operations
from claimx_pipeline.claimx.predecessor.variables import VARIABLES
from tests.rigs.command import run
from tests.rigs.settings_text import problems_of

OLD = {
    "CLAIMX_API_BASE_PATH": "https://claimx.example.test/service/cxedirest",
    "CLAIMX_API_TOKEN": "s3cret-token",
    "CLAIMX_API_CONCURRENCY": "7",
    "CLAIMX_DELTA_PROJECTS_TABLE": "abfss://x@y.example.test/Tables/dbo/claimx_projects",
    "CLAIMX_API_CONCURENCY": "8",
    "CACHE_DIR": "/var/cache/claimx$1",
    "ONELAKE_BASE_PATH": "/lake/files",
    "LOCAL_KAFKA_BOOTSTRAP_SERVERS": "kafka.example.test:9092",
    "CLAIMX_EVENTS_TOPIC": "pipeline.claimx.internal",
    "RETRY_DELAYS": "300, 600",
    "AZURE_CLIENT_SECRET": "another-secret",
    "EVENTHUB_DEDUP_TTL_SECONDS": "86400",
    "ENABLE_DELTA_WRITES": "true",
    "EDITOR": "vi",
}


def test_the_environment_becomes_a_settings_file_that_loads(tmp_path):
    done = run("init", "--from-env", cwd=tmp_path, env=OLD)
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "claimx.yaml").read_text()
    assert "s3cret-token" not in text
    assert "another-secret" not in text
    assert "EDITOR" not in text
    settings = Pipeline.load(environ=OLD, cwd=tmp_path).settings
    assert settings.claimx.api.base_url == OLD["CLAIMX_API_BASE_PATH"]
    assert settings.claimx.api.token.reveal() == "s3cret-token"
    assert settings.claimx.api.max_concurrent == 7
    assert settings.storage.cache.root == "/var/cache/claimx$1"
    assert settings.storage.files.root == "/lake/files"
    assert settings.broker.url == "kafka://kafka.example.test:9092"
    assert settings.broker.topics["claimx.events.raw"].name == "pipeline.claimx.internal"
    assert settings.retry.delays_seconds == (300.0, 600.0)
    assert settings.storage.options["AZURE_CLIENT_SECRET"].reveal() == "another-secret"


def test_what_has_no_setting_is_said_with_what_is_there_instead(tmp_path):
    said = run("init", "--from-env", cwd=tmp_path, env=OLD).stderr
    assert "--from $CLAIMX_DELTA_PROJECTS_TABLE --table claimx_projects" in said
    assert "CLAIMX_API_CONCURENCY: not known" in said
    assert "it read CLAIMX_API_CONCURRENCY: set claimx.api.max_concurrent" in said
    assert "EVENTHUB_DEDUP_TTL_SECONDS: nothing here; positions are kept" in said
    assert "ENABLE_DELTA_WRITES: nothing here; tables are written by" in said
    assert "CLAIMX_API_TOKEN: claimx.api.token; is read from the environment as before" in said


def test_a_variable_of_the_predecessor_is_named_with_its_setting(tmp_path):
    warnings = Pipeline.load(environ=OLD, cwd=tmp_path).warnings
    said = {each.where: each.what for each in warnings}
    assert "set claimx.api.max_concurrent" in said["environment CLAIMX_API_CONCURRENCY"]
    assert "set storage.cache.root" in said["environment CACHE_DIR"]


def test_a_settings_file_is_not_overwritten(tmp_path):
    (tmp_path / "claimx.yaml").write_text("logging: {level: DEBUG}\n")
    done = run("init", "--from-env", cwd=tmp_path, env=OLD)
    assert done.returncode == 1
    assert (tmp_path / "claimx.yaml").read_text() == "logging: {level: DEBUG}\n"


@pytest.mark.parametrize(
    "variable",
    [each for each in VARIABLES if each.setting],
    ids=lambda each: each.name,
)
def test_the_setting_that_a_variable_has_become_exists(variable, tmp_path):
    """A key that the settings do not know is refused; what is wrong with a value is not the point."""
    name = variable.name
    pipeline = Pipeline.load(environ={}, cwd=tmp_path)
    made = operations.settings_from_environment(pipeline, {name: "1"})
    problems = problems_of(tmp_path, made.text, {name: "1"})
    assert not [each for each in problems if "unknown key" in each], problems
