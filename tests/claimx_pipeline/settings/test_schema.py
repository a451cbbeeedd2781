import jsonschema_rs
import pytest
import yaml
from attrs import frozen

from claimx_pipeline.cli.init import template
from claimx_pipeline.settings.schema import settings_schema
from claimx_pipeline.settings.tree.settings import SettingsSection
from tests.rigs.settings_text import problems_of


@frozen(kw_only=True)
class Extra:
    """Of a plugin."""

    task_ids: tuple[int, ...] = ()
    """Which tasks."""


EXTRA = SettingsSection(name="extra", kind=Extra)
FITTING = [
    "{}",
    "broker: {url: x, replication: 2, topics: {a.b: {partitions: 3}}, kafka: }",
    "broker: {replication: '${N}'}",
    "claimx: {api: {token: '${T}', auth: '${AUTH:-bearer}', timeout_seconds: 3}}",
    "plugins: {dir: '', some: {enabled: true, config: {a: [1]}, priority: null}}",
    "connections: {c: {base_url: http://x, auth_type: basic}}",
    "extra: {task_ids: [1, '${ID}']}",
]
WRONG = [
    "broker: {urll: x}",
    "broker: {replication: 0}",
    "broker: {replication: two}",
    "broker: {url: 5}",
    "claimx: {api: {auth: digest}}",
    "claimx: {api: {max_concurrent: 1001}}",
    "claimx: {api: {timeout_seconds: 0}}",
    "plugins: {some: {enable: true}}",
    "connections: {c: {auth_type: none}}",
    "extra: {task_ids: x}",
    "other: {}",
    "health: {port: 70000}",
]


@pytest.fixture(scope="module")
def validator():
    return jsonschema_rs.validator_for(settings_schema([EXTRA]))


@pytest.mark.parametrize("text", FITTING)
def test_the_schema_admits_what_the_loader_admits(tmp_path, validator, text):
    environ = {"N": "2", "T": "x", "ID": "3"}
    assert problems_of(tmp_path, text, environ, sections=[EXTRA]) == []
    assert [str(error) for error in validator.iter_errors(yaml.safe_load(text))] == []


@pytest.mark.parametrize("text", WRONG)
def test_the_schema_refuses_what_the_loader_refuses(tmp_path, validator, text):
    assert problems_of(tmp_path, text, sections=[EXTRA])
    assert not validator.is_valid(yaml.safe_load(text))


def test_the_schema_is_one_and_describes_its_settings():
    schema = settings_schema([EXTRA])
    jsonschema_rs.meta.validate(schema)
    api = schema["$defs"]["ApiSettings"]["properties"]
    assert api["max_concurrent"]["description"] == "Requests under way at once in one process."
    assert api["max_concurrent"]["default"] == 20
    assert schema["$defs"]["Extra"]["description"] == "Of a plugin."


def test_the_template_fits_the_schema():
    validator = jsonschema_rs.validator_for(settings_schema())
    validator.validate(yaml.safe_load(template("claimx.yaml")))
