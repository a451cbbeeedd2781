"""Settings that Python code gives instead of a file."""

import pytest

from claimx_pipeline import Pipeline
from claimx_pipeline.errors import SettingsError


def test_settings_are_given_as_mappings_and_no_file_is_read(tmp_path):
    (tmp_path / "claimx.yaml").write_text("workers: {events: {batch_size: 7}}\n")
    given = {
        "broker": {"url": f"sqlite:///{tmp_path / 'b.db'}", "prefix": "note."},
        "tables": {"root": tmp_path / "tables"},
        "workers": {"events": {"linger_seconds": 0.5}},
    }
    pipeline = Pipeline.load(settings=given, cwd=tmp_path, environ={})
    assert pipeline.settings.broker.prefix == "note."
    assert pipeline.settings.tables.root == str(tmp_path / "tables")
    assert pipeline.settings.workers["events"].linger_seconds == 0.5
    assert pipeline.settings.workers["events"].batch_size != 7


def test_what_is_wrong_with_them_is_named_by_its_path():
    with pytest.raises(SettingsError, match=r"(?s)given settings.*broker.*did you mean 'url'"):
        Pipeline.load(settings={"broker": {"urll": "sqlite:///b.db"}}, environ={})
    with pytest.raises(SettingsError, match="broker.deadline_seconds"):
        Pipeline.load(settings={"broker": {"deadline_seconds": "soon"}}, environ={})


def test_a_file_beside_them_is_refused(tmp_path):
    with pytest.raises(SettingsError, match="give one of the two"):
        Pipeline.load(tmp_path / "claimx.yaml", settings={}, environ={})


def test_without_an_environment_it_is_that_of_the_process(monkeypatch):
    monkeypatch.setenv("CLAIMX_API_URL", "http://127.0.0.1:9/from-here")
    found = [Pipeline.load(settings={}, environ=each) for each in (None, {})]
    urls = [each.settings.claimx.api.base_url for each in found]
    assert urls[0] == "http://127.0.0.1:9/from-here"
    assert urls[1] != urls[0]


LOOP: dict = {}
LOOP["claimx"] = LOOP


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"claimx": {"api": {"token": b"x"}}}, "claimx.api.token: is an object of the class 'byt"),
        ({"claimx": {"api": {"token": object()}}}, "claimx.api.token: is an object of the class"),
        ({"plugins": {"a": {"priority": float("nan")}}}, "plugins.a.priority: is nan; give a fin"),
        ({"media": {"development_hosts": [{1}]}}, "media.development_hosts[0]: is an object of"),
        (LOOP, "the given settings: are nested too deeply"),
    ],
)
def test_what_no_file_could_hold_is_refused(given, said):
    with pytest.raises(SettingsError) as refused:
        Pipeline.load(settings=given, environ={})
    assert said in str(refused.value)
