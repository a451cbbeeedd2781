"""Files of keyed tables and of logs, on what speaks S3."""

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from claimx_pipeline.delta import handle
from claimx_pipeline.delta.location import TableLocation
from claimx_pipeline.delta.log_files import KEPT_COMMITS, LogFiles
from claimx_pipeline.delta.maintenance import Maintenance
from claimx_pipeline.delta.writing.merging import Merging
from tests.rigs.delta_tables import PROJECTS, make_store, minutes, stored, write, writer_of
from tests.rigs.keyed_tables import in_bucket, project
from tests.rigs.object_stores import s3


@pytest.fixture(scope="module")
def bucket():
    with s3() as found:
        yield found


@pytest.fixture
def store(bucket, request):
    root = f"{bucket.root}/{request.node.name}"
    return make_store(root, {"projects": PROJECTS}, storage_options=bucket.secrets())


def test_rows_are_replaced_and_files_laid_out(store, monkeypatch):
    monkeypatch.setattr(Merging, "write", None)
    writer, keys = writer_of(store, "projects"), in_bucket(3, 5_000)
    write(writer, *(project(key, city="Bern") for key in keys[::2]))
    write(writer, *(project(key, city="Bern") for key in keys[1::2]))
    assert write(writer, project(keys[7], minutes(1), city="Basel")).written == 1
    assert write(writer_of(store, "projects"), project(keys[8], minutes(1), city="Chur")).written
    work = Maintenance(store.location("projects"), spec=PROJECTS)
    assert work.compact().after.files == 3
    writer.reload()
    assert write(writer, project(keys[9], minutes(1), city="Genf")).written == 1
    found = {row["project_id"]: row["city"] for row in stored(store, "projects")}
    assert len(found) == store.facts("projects").rows == 5_000
    assert [found[key] for key in keys[7:10]] == ["Basel", "Chur", "Genf"]


@pytest.mark.parametrize("part", ["2026-01-12", "a b/ü%", None], ids=["day", "text", "null"])
def test_small_files_are_joined(bucket, request, part):
    folder = f"{bucket.root}/joined-{request.node.callspec.id}"
    location = TableLocation("t", folder, bucket.secrets())
    for number in range(4):
        rows = pa.table({"part": pa.array([part], pa.string()), "number": [number]})
        write_deltalake(
            location.uri,
            rows,
            mode="append",
            partition_by=["part"],
            storage_options=location.revealed(),
        )
    assert Maintenance(location).compact().after.files == 1
    found = location.open().to_pyarrow_table().sort_by("number").to_pylist()
    assert found == [{"part": part, "number": number} for number in range(4)]


def test_the_log_is_cut(store, monkeypatch):
    kept = {KEPT_COMMITS: "20"}
    store.open("projects").alter.set_table_properties(kept, raise_if_not_exists=False)
    monkeypatch.setattr(handle, "TRIM_AFTER", 10)
    writer = writer_of(store, "projects")
    for number in range(150):
        write(writer, project("1", minutes(number), city=str(number)))
    assert len(LogFiles(store.location("projects")).names()) < 150
    assert [row["city"] for row in stored(store, "projects")] == ["149"]
