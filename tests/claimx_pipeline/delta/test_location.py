import pytest

from claimx_pipeline.delta.location import locate
from claimx_pipeline.errors import TableError
from claimx_pipeline.settings.secret import Secret
from claimx_pipeline.settings.tree.tables import TablesSettings


def test_a_table_lies_under_the_root(tmp_path):
    assert locate(TablesSettings(root=str(tmp_path)), "events").uri == str(tmp_path / "events")


def test_a_relative_root_becomes_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert locate(TablesSettings(root="./lake"), "events").uri == str(tmp_path / "lake" / "events")


def test_a_table_may_have_a_place_of_its_own(tmp_path):
    settings = TablesSettings(root=str(tmp_path), paths={"events": "s3://lake/raw/ev"})
    assert locate(settings, "events").uri == "s3://lake/raw/ev"
    assert locate(settings, "tasks").uri == str(tmp_path / "tasks")


@pytest.mark.parametrize(
    "root", ["s3://b/t", "abfss://w@onelake.dfs.fabric.microsoft.com/l", "az://c"]
)
def test_a_url_is_kept_as_it_is(root):
    found = locate(TablesSettings(root=f"{root}/"), "events")
    assert (found.uri, found.is_local) == (f"{root}/events", False)


@pytest.mark.incident("DEL-08")
@pytest.mark.parametrize("place", ["${CLAIMX_DATA_DIR}", "/data/${X}/tables"])
def test_an_unresolved_root_is_refused_by_the_setting_s_name(place):
    with pytest.raises(TableError, match=r"tables\.root is '.*'; set it to a folder or a URL"):
        locate(TablesSettings(root=place), "events")


@pytest.mark.incident("DEL-08")
@pytest.mark.parametrize("place", ["${CLAIMX_EVENTS_TABLE_PATH}", "s3://b/${X}"])
def test_an_unresolved_place_of_a_table_is_refused(place):
    with pytest.raises(TableError, match=r"tables\.paths\.events is '.*'; set it"):
        locate(TablesSettings(root="x", paths={"events": place}), "events")


def test_an_unknown_scheme_is_refused():
    with pytest.raises(TableError, match="unknown scheme 'ftp'; known: .*abfss"):
        locate(TablesSettings(root="ftp://host/x"), "events")


def test_storage_options_do_not_print():
    options = {"aws_secret_access_key": Secret("hush")}
    found = locate(TablesSettings(root="s3://b/t", storage_options=options), "events")
    assert "hush" not in f"{found} {found!r}"
    assert found.revealed() == {"aws_secret_access_key": "hush"}
