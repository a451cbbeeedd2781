from pathlib import Path

import pytest

from claimx_pipeline.errors import SettingsError
from claimx_pipeline.settings.loader import load_settings
from claimx_pipeline.settings.loading.sources import read_sources


def read(config, cwd):
    return read_sources(config, environ={}, cwd=cwd)


def test_without_a_file_there_is_nothing(tmp_path):
    assert read(None, tmp_path).files == ()


def test_the_file_in_the_working_folder_is_read(tmp_path):
    (tmp_path / "claimx.yaml").write_text("broker: {prefix: x}")
    sources = read(None, tmp_path)
    assert sources.files == ("claimx.yaml",)
    assert load_settings(sources).origins["broker.prefix"] == "claimx.yaml:1"


@pytest.mark.incident("CFG-01")
def test_a_named_file_is_found_from_any_folder(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    file = tmp_path / "my.yaml"
    file.write_text("broker: {prefix: x}")
    assert load_settings(read(file, tmp_path / "elsewhere")).settings.broker.prefix == "x"
    assert load_settings(read(Path("my.yaml"), tmp_path)).settings.broker.prefix == "x"


def test_a_folder_is_read_in_the_order_of_names_and_the_later_file_wins(tmp_path):
    folder = tmp_path / "conf"
    folder.mkdir()
    (folder / "20-b.yaml").write_text("broker: {prefix: b}")
    (folder / "10-a.yaml").write_text("broker: {prefix: a, replication: 3}")
    (folder / "30-c.yml").write_text("broker: {prefix: c}")
    (folder / ".hidden.yaml").write_text("broker: {prefix: hidden}")
    (folder / "..data").mkdir()
    loaded = load_settings(read(Path("conf"), tmp_path))
    assert (loaded.settings.broker.prefix, loaded.settings.broker.replication) == ("b", 3)
    assert loaded.origins["broker.prefix"] == "conf/20-b.yaml:1"
    assert [str(warning) for warning in loaded.warnings] == [
        "conf/30-c.yml: is not read; its name must end in .yaml"
    ]


def test_a_yml_file_that_is_passed_over_is_a_warning(tmp_path):
    (tmp_path / "claimx.yml").write_text("broker: {prefix: x}")
    assert [str(warning) for warning in read(None, tmp_path).warnings] == [
        "claimx.yml: is not read; its name must end in .yaml"
    ]


def test_what_cannot_be_read_is_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    for config, what in [("nope.yaml", "does not exist"), ("empty", "no \\*.yaml file")]:
        with pytest.raises(SettingsError, match=what):
            read(Path(config), tmp_path)


def test_every_broken_file_is_named_at_once(tmp_path):
    (tmp_path / "a.yaml").write_bytes(b"\xff")
    (tmp_path / "b.yaml").write_text("a: [")
    (tmp_path / "c.yaml").mkdir()
    with pytest.raises(SettingsError) as caught:
        read(tmp_path, tmp_path)
    assert len(caught.value.problems) == 2


def test_a_byte_order_mark_is_not_part_of_the_first_key(tmp_path):
    (tmp_path / "claimx.yaml").write_text("broker: {prefix: x}", encoding="utf-8-sig")
    assert load_settings(read(None, tmp_path)).settings.broker.prefix == "x"


def test_the_environment_is_not_in_the_repr(tmp_path):
    sources = read_sources(None, environ={"X": "hunter2"}, overrides={"a": "hunter2"}, cwd=tmp_path)
    assert "hunter2" not in repr(sources)
