"""Tables that ask for more than deltalake can write."""

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError

from claimx_pipeline.delta.faults import TableWriteError
from claimx_pipeline.delta.features import WRITABLE, unwritable
from claimx_pipeline.errors import Category, TableError
from tests.rigs.changed_tables import commit_raw, switch_on
from tests.rigs.delta_tables import acquired, event, make_store, place, send

OTHERS = (
    "allowColumnDefaults",
    "catalogManaged",
    "checkpointProtection",
    "clustering",
    "collations-preview",
    "coordinatedCommits-preview",
    "domainMetadata",
    "icebergCompatV1",
    "icebergCompatV2",
    "identityColumns",
    "inCommitTimestamp",
    "materializePartitionColumns",
    "ofTheYear2040",
    "rowTracking",
    "typeWidening",
    "variantShredding-preview",
)
ALSO_FOR_READERS = {
    "columnMapping",
    "deletionVectors",
    "timestampNtz",
    "v2Checkpoint",
    "variantType",
    "variantType-preview",
}


def row_of(table):
    return event("a") if table == "events" else {"project_id": "a"}


@pytest.mark.incident("STR-11")
@pytest.mark.parametrize("feature", [*sorted(WRITABLE), *OTHERS])
def test_the_list_of_features_is_what_deltalake_can_do(tmp_path, feature):
    store = make_store(tmp_path)
    switch_on(store, "kinds_appended", feature, reader=feature in ALSO_FOR_READERS)
    data = pa.Table.from_pylist([{"id": "a"}], schema=store.spec("kinds_appended").schema())
    uri = store.location("kinds_appended").uri
    try:
        write_deltalake(DeltaTable(uri), data, mode="append")
    except DeltaError:
        written = False
    else:
        written = True
    assert written is (feature in WRITABLE)


@pytest.mark.parametrize("version", range(2, 7))
def test_older_protocols_are_what_deltalake_can_do(tmp_path, version):
    store = make_store(tmp_path)
    protocol = {"minReaderVersion": 1, "minWriterVersion": version}
    commit_raw(store, "kinds_appended", {"protocol": protocol})
    table = store.open("kinds_appended")
    data = pa.Table.from_pylist([{"id": "a"}], schema=store.spec("kinds_appended").schema())
    if unwritable(table):
        with pytest.raises(CommitFailedError):
            write_deltalake(table, data, mode="append")
    else:
        write_deltalake(table, data, mode="append")


@pytest.mark.incident("STR-11")
@pytest.mark.parametrize("table", ["events", "projects"])
@pytest.mark.parametrize(
    "features", [("rowTracking", "domainMetadata"), ("clustering",), ("inCommitTimestamp",)]
)
async def test_a_feature_switched_on_under_a_worker_is_named_at_once(tmp_path, table, features):
    store = make_store(tmp_path)
    sink = await acquired(store, table, place())
    switch_on(store, table, *features)
    before = store.clock.monotonic()
    with pytest.raises(TableWriteError) as live:
        await send(sink, row_of(table))
    assert store.clock.monotonic() - before < 1
    assert all(feature in str(live.value) for feature in features)
    assert "other writers" not in str(live.value)
    assert len(str(live.value).splitlines()) == 1
    # The worker waits, is not ready, and goes on by itself once its owner has dropped them.
    assert live.value.category is Category.TRANSIENT
    with pytest.raises(TableError, match=features[0]):
        store.check(table)
    switch_on(store, table)
    assert (await send(sink, row_of(table))).written == 1


@pytest.mark.incident("STR-11")
async def test_a_table_that_only_grows_is_refused_for_a_keyed_one(tmp_path):
    store = make_store(tmp_path)
    store.open("projects").alter.set_table_properties({"delta.appendOnly": "true"})
    with pytest.raises(TableError, match=r"rows of it are replaced, and delta\.appendOnly is set"):
        store.check("projects")
    store.open("events").alter.set_table_properties({"delta.appendOnly": "true"})
    assert store.check("events") == ()


@pytest.mark.incident("STR-11")
@pytest.mark.parametrize("table", ["events", "projects"])
async def test_a_commit_that_fails_without_another_one_is_no_conflict(tmp_path, table, monkeypatch):
    store = make_store(tmp_path)
    sink = await acquired(store, table, place())

    def fails(*_, **__):
        raise CommitFailedError("the log is read-only")

    if table == "events":
        monkeypatch.setattr("claimx_pipeline.delta.writing.append.write_deltalake", fails)
    else:
        monkeypatch.setattr(DeltaTable, "create_write_transaction", fails)
    with pytest.raises(TableWriteError, match="the log is read-only") as found:
        await send(sink, row_of(table))
    assert "other writers" not in str(found.value)
    assert found.value.category is Category.TRANSIENT


@pytest.mark.incident("STR-11")
@pytest.mark.parametrize("work", ["compact", "vacuum", "maintain"])
def test_maintenance_names_the_feature_and_does_not_say_busy(tmp_path, work):
    from claimx_pipeline.delta.maintenance import Maintenance

    store = make_store(tmp_path)
    data = pa.Table.from_pylist([{"id": "a"}], schema=store.spec("kinds_appended").schema())
    for _ in range(5):
        write_deltalake(store.open("kinds_appended"), data, mode="append")
    switch_on(store, "kinds_appended", "rowTracking")
    if work == "vacuum":
        assert Maintenance(store.location("kinds_appended")).vacuum().deleted == 0
        return
    with pytest.raises(TableError, match="rowTracking"):
        getattr(Maintenance(store.location("kinds_appended")), work)()
