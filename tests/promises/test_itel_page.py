"""The cabinet plugin's page names what there is, and its settings are settings."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from claimx_pipeline import Pipeline
from itel_cabinet_plugin.form.conditions import OPERATORS
from itel_cabinet_plugin.queries import queries
from itel_cabinet_plugin.settings import SECTION, ItelSettings
from tests.fakes.itel_production import SUBMIT_WHEN, TASK_IDS

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "itel-cabinet.md"

ENVIRON = {
    "CLAIMX_API_URL": "http://claimx.test",
    "CLAIMX_API_TOKEN": "t",
    "ITEL_CABINET_API_BASE_URL": "http://itel.test",
    "ITEL_CABINET_API_TOKEN": "t",
    "ITEL_CABINET_API_CARRIER_ID": "carrier",
    "ITEL_CABINET_API_SUBSCRIPTION_ID": "subscription",
    "ITEL_CABINET_API_CLIENT_ID": "me",
    "ITEL_CABINET_API_CLIENT_CREDENTIAL": "client-s3cret",
    "ITEL_CABINET_API_TOKEN_URL": "https://login.test/token",
    "ITEL_CABINET_API_SCOPE": "orv",
}


@pytest.fixture(scope="module")
def page() -> str:
    return PAGE.read_text(encoding="utf-8")


def test_every_query_is_in_the_table_and_no_other(page):
    told = re.findall(r"^\| `([a-z-]+)` \|", page.partition("## Questions")[2], re.MULTILINE)
    assert [name for name in told if name != "itel-api"] == [query.name for query in queries()]


def test_the_conditions_of_production_can_be_copied(page, tmp_path):
    block, _ = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    (tmp_path / "claimx.yaml").write_text(block)
    pipeline = Pipeline.load(environ=ENVIRON, cwd=tmp_path)
    itel = pipeline.settings.section(SECTION, ItelSettings)
    assert itel.task_ids == TASK_IDS
    assert itel.submit_when == SUBMIT_WHEN
    told = re.findall(r"`(\w+)(?:: \w+)?`", page.partition("| operator |")[2].partition("`all`")[0])
    assert set(told) == set(OPERATORS)


def test_the_vendors_settings_can_be_copied(page, tmp_path):
    _, block = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    (tmp_path / "claimx.yaml").write_text(block)
    pipeline = Pipeline.load(environ=ENVIRON, cwd=tmp_path)
    worker = pipeline.workers["itel-api"]
    pipeline.require([worker])
    assert worker.check(pipeline.settings) == []
    assert set(worker.needs) > {"connections.itel_vendor", "connections.itel_cabinet_api"}
    assert pipeline.settings.section(SECTION, ItelSettings).payloads == {"v1", "vendor"}
    assert "client-s3cret" not in repr(pipeline.settings)
    # As the page says: under the plugin's own connection the token is switched off.
    moved = block.replace("connection: itel_vendor", "endpoint: ''")
    moved = moved.replace("itel_vendor:", "itel_cabinet_api:\n    auth_token: null")
    (tmp_path / "claimx.yaml").write_text(moved)
    environ = {name: value for name, value in ENVIRON.items() if name != "ITEL_CABINET_API_TOKEN"}
    pipeline = Pipeline.load(environ=environ, cwd=tmp_path)
    pipeline.require([pipeline.workers["itel-api"]])
    connection = pipeline.settings.connections["itel_cabinet_api"]
    assert (connection.auth_type, connection.auth_token) == ("oauth2", None)
