import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from claimx_pipeline.delta.faults import TableWriteError
from claimx_pipeline.delta.location import locate
from claimx_pipeline.errors import Category, TableError
from claimx_pipeline.settings.secret import Secret
from claimx_pipeline.settings.tree.tables import TablesSettings
from tests.rigs.delta_tables import KINDS, append_from_elsewhere, make_store, stored


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


NAMES = st.text(
    st.sampled_from("aZ09 %#?[]^|\\~+&;:@'\"`{}<>*!$(),=-_.\tüé日\x7f2F"), min_size=1, max_size=8
).filter(lambda name: name.strip(".") == name)


@pytest.mark.incident("STR-13")
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(NAMES)
def test_a_folder_of_any_name_is_used_as_it_is_or_refused_in_a_sentence(tmp_path_factory, name):
    folder = tmp_path_factory.mktemp("lake")
    store = make_store(folder / name, {"kinds": KINDS}, created=False)
    refused = ""
    try:
        assert store.create("kinds")
    except TableError as error:
        refused = str(error)
    if refused:
        assert len(refused.splitlines()) == 1
        assert "tables.root leads to" in refused or "set it to a folder" in refused
        assert list(folder.iterdir()) == []
        return
    append_from_elsewhere(store, "kinds", {"id": "a"})
    assert [row["id"] for row in stored(store, "kinds")] == ["a"]
    assert [path.name for path in folder.iterdir()] == [name]
    assert not store.create("kinds")


@pytest.mark.incident("STR-13")
@pytest.mark.parametrize("name", ["Team Files", "a#b", "a?b", "Häuser", "100%", "a%zz", "日本"])
def test_what_only_looks_like_a_url_is_a_folder(tmp_path, name):
    store = make_store(tmp_path / name, {"kinds": KINDS})
    assert store.facts("kinds").version == 0
    assert (tmp_path / name / "kinds" / "_delta_log").is_dir()


@pytest.mark.incident("STR-13")
@pytest.mark.parametrize("name", ["Team%20Files", "a%2Fb", "a[b]", "a^b", "a|b", "a\\b", "a\tb"])
@pytest.mark.parametrize("own", [False, True])
def test_what_the_engine_misreads_is_refused_before_anything_is_made(tmp_path, name, own):
    place = str(tmp_path / name)
    given = {"paths": {"events": place}} if own else {"root": place}
    setting = r"tables\.paths\.events" if own else r"tables\.root"
    with pytest.raises(TableError, match=f"{setting} leads to .*, which has .*; choose another"):
        locate(TablesSettings(**given), "events")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.incident("STR-13")
@pytest.mark.parametrize("root", ["s3://b/lake?x=1", "s3://b/a#b", "az://c/a[b", "abfss://w@h/a|b"])
def test_a_url_that_would_put_all_tables_into_one_place_is_refused(root):
    with pytest.raises(TableError, match=r"tables\.root leads to .*choose another"):
        locate(TablesSettings(root=root), "events")


@pytest.mark.incident("STR-13")
def test_a_file_url_is_the_folder_that_it_means(tmp_path):
    folder = tmp_path / "Team Files"
    found = locate(TablesSettings(root=folder.as_uri()), "events")
    assert (found.uri, found.is_local) == (str(folder / "events"), True)
    with pytest.raises(TableError, match="'%20', a percent sequence"):
        locate(TablesSettings(root=(tmp_path / "Team%20Files").as_uri()), "events")


@pytest.mark.incident("STR-13")
def test_an_error_is_not_answered_with_exists(tmp_path):
    store = make_store(tmp_path, {"kinds": KINDS}, created=False)
    log = tmp_path / "kinds" / "_delta_log"
    log.mkdir(parents=True)
    (log / "_last_checkpoint").write_text('{"version":7,"size":3}')
    assert not store.exists("kinds")
    with pytest.raises(TableError, match="cannot be created at .*kinds: "):
        store.create("kinds")
    (log / "_last_checkpoint").unlink()
    assert store.facts("kinds").version == 0


BROKEN = {
    "hint": ("_last_checkpoint", '{"version":40,"size":3}'),
    "feature": (
        "00000000000000000001.json",
        '{"protocol":{"minReaderVersion":3,"minWriterVersion":7,'
        '"readerFeatures":["ofTheYear2040"],"writerFeatures":["ofTheYear2040"]}}',
    ),
    "version": (
        "00000000000000000001.json",
        '{"protocol":{"minReaderVersion":9,"minWriterVersion":9}}',
    ),
    "text": ("00000000000000000001.json", '{"metaData": '),
    "gap": ("00000000000000000007.json", '{"commitInfo":{}}'),
    "schema": ("00000000000000000001.json", '{"metaData":{"id":"x","schemaString":"{"}}'),
}
"""What makes a table one that cannot be opened: a file in its log."""


@pytest.mark.incident("STR-12")
@pytest.mark.parametrize("kind", BROKEN)
def test_a_table_that_cannot_be_opened_is_named_with_its_location(tmp_path, kind):
    store = make_store(tmp_path, {"kinds": KINDS})
    name, text = BROKEN[kind]
    (tmp_path / "kinds" / "_delta_log" / name).write_text(text)
    for call in (store.open, store.facts, store.check):
        with pytest.raises(TableError) as found:
            call("kinds")
        assert str(found.value).startswith(f"table 'kinds': cannot be opened at {tmp_path}/kinds: ")
        assert len(str(found.value).splitlines()) == 1
    assert store.exists("kinds")


@pytest.mark.incident("STR-12")
async def test_a_worker_waits_for_a_table_that_cannot_be_opened(tmp_path):
    store = make_store(tmp_path, {"kinds": KINDS})
    name, text = BROKEN["hint"]
    path = tmp_path / "kinds" / "_delta_log" / name
    path.write_text(text)
    sink = store.sink("kinds", "group")
    with pytest.raises(TableWriteError, match="cannot be opened at") as found:
        await sink.open()
    assert found.value.category is Category.TRANSIENT
    path.unlink()
    await sink.open()
    await sink.close()
