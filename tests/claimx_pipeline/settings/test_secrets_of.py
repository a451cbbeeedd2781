"""The credentials of the settings are known by their value, wherever they would be shown."""

import base64
import json

import pytest

from claimx_pipeline import Pipeline
from claimx_pipeline.connections.known_secrets import redactor_of
from claimx_pipeline.redaction import Redactor

SETTINGS = """
broker: {kafka: {password: "mark-kafka-9\\"x"}}
claimx: {api: {base_url: "https://a.example", token: "mark-token-1"}}
connections:
  one: {base_url: "https://u:mark-user-2@b.example", headers: {X-Api-Key: mark-header-3}}
  two:
    base_url: "https://c.example"
    headers: {Authorization: "Bearer mark-bearer-4", X-Team: claims}
storage: {files: {root: "s3://b/f", options: {aws_secret_access_key: mark-store-5, region: eu-west-1}}}
plugins:
  dir: ""
  mine: {config: {api_key: mark-plugin-6, url: "https://d.example/?sig=mark-query-7", plain: "${MY_TOKEN}"}}
"""

MARKS = [
    'mark-kafka-9"x',
    *("mark-token-1", "mark-user-2", "mark-header-3", "mark-bearer-4", "mark-store-5"),
    *("mark-plugin-6", "mark-query-7", "mark-variable-8"),
]


@pytest.fixture(scope="module")
def redactor(tmp_path_factory) -> Redactor:
    folder = tmp_path_factory.mktemp("settings")
    (folder / "claimx.yaml").write_text(SETTINGS)
    return redactor_of(
        Pipeline.load(
            folder / "claimx.yaml", environ={"MY_TOKEN": "mark-variable-8"}, cwd=folder
        ).loaded
    )


@pytest.mark.parametrize("mark", MARKS)
@pytest.mark.parametrize(
    "written", [str, repr, json.dumps, lambda mark: base64.b64encode(mark.encode()).decode()]
)
def test_each_is_removed_however_it_is_written(redactor, mark, written):
    assert redactor.known(f"it said {written(mark)} again") != f"it said {written(mark)} again"
    assert "mark" not in redactor.known(f"it said {written(mark)} again")


@pytest.mark.parametrize(
    "text", ["region eu-west-1", "the team is claims", "true", "https://c.example"]
)
def test_what_is_no_credential_is_shown(redactor, text):
    assert redactor.text(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "token_count=3 secretary_name=Ann",
        "author: Ann, design=blue, signature_type=drawn",
        '{"passwords_checked": 7, "keyboard": "us"}',
    ],
)
def test_a_name_that_only_contains_the_word_is_shown(redactor, text):
    assert redactor.text(text) == text


def test_a_short_one_is_removed_as_a_whole_word_only():
    assert Redactor(frozenset({"test"})).text("test of a latest testing") == "… of a latest testing"
    assert Redactor(frozenset({"abc"})).text("abc") == "abc"
