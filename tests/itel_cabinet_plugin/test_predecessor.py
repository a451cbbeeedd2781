"""The predecessor's tables of forms and photos come over, and are shown as they were."""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from claimx_pipeline import Pipeline, operations
from claimx_pipeline.delta.querying.reading import read

pytestmark = pytest.mark.plugin

AT = datetime(2026, 2, 1, 9, tzinfo=UTC)
TIME = pa.timestamp("us", tz="UTC")
FORMS = pa.schema(
    [
        ("assignment_id", pa.int64()),
        ("task_id", pa.int64()),
        ("project_id", pa.string()),
        ("event_id", pa.string()),
        ("lower_cabinets_damaged", pa.bool_()),
        ("lower_cabinets_lf", pa.int32()),
        ("lower_face_frames_doors_drawers_available", pa.string()),
        ("lower_face_frames_doors_drawers_damaged", pa.bool_()),
        ("date_assigned", TIME),
        ("created_at", TIME),
        ("updated_at", TIME),
    ]
)
PHOTOS = pa.schema(
    [
        ("assignment_id", pa.int64()),
        ("project_id", pa.int64()),
        ("event_id", pa.string()),
        ("question_key", pa.string()),
        ("media_id", pa.int64()),
        ("url", pa.string()),
        ("display_order", pa.int32()),
        ("created_at", TIME),
        ("is_active", pa.bool_()),
        ("media_type", pa.string()),
    ]
)


@pytest.fixture
def pipeline(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Pipeline.load(environ={}, overrides={"tables.root": str(tmp_path / "tables")})


def stored(pipeline, table):
    return read(pipeline.table_store.open(table), "SELECT * FROM t ORDER BY assignment_id")


async def test_forms_are_imported_with_choices_as_their_words(pipeline, tmp_path):
    whole = {
        "assignment_id": 1,
        "task_id": 32615,
        "project_id": "700100",
        "event_id": "e",
        "lower_cabinets_damaged": True,
        "lower_cabinets_lf": 7,
        "lower_face_frames_doors_drawers_available": "True",
        "lower_face_frames_doors_drawers_damaged": False,
        "date_assigned": AT,
        "created_at": AT,
        "updated_at": AT,
    }
    # What a task that is not completed had there, with nulls for nearly all.
    stub = {"assignment_id": 2, "task_id": 32615, "updated_at": AT}
    offsite = {**whole, "assignment_id": 3, "lower_face_frames_doors_drawers_available": "Offsite"}
    rows = pa.Table.from_pylist([whole, stub, offsite], schema=FORMS)
    write_deltalake(tmp_path / "old", rows)
    table = "claimx_itel_forms"
    done = await operations.import_table(pipeline, str(tmp_path / "old"), table)
    assert (done.counts.written, done.counts.refused) == (3, 0)
    first, second, third = stored(pipeline, table)
    assert first["lower_cabinets_lf"] == 7.0
    assert first["lower_face_frames_doors_drawers_available"] == "Yes"
    assert first["lower_face_frames_doors_drawers_damaged"] == "No"
    assert third["lower_face_frames_doors_drawers_available"] == "Offsite"
    assert second["ingested_at"] == AT
    compared = await operations.compare_tables(pipeline, str(tmp_path / "old"), table)
    assert compared.same
    (_, view) = operations.old_table_views(pipeline, table, dialect="duckdb")
    assert """WHEN 'Yes' THEN 'True'""" in view
    assert 'CAST(trunc("lower_cabinets_lf") AS INTEGER) AS "lower_cabinets_lf"' in view


async def test_photos_are_imported_with_their_paths(pipeline, tmp_path):
    photo = {
        "assignment_id": 1,
        "project_id": 700100,
        "event_id": "e",
        "question_key": "overview_photos",
        "media_id": 500001,
        "url": "forms/700100/1/photo.jpg",
        "display_order": 1,
        "created_at": AT,
        "is_active": True,
        "media_type": "image/jpeg",
    }
    rows = pa.Table.from_pylist([photo, photo], schema=PHOTOS)
    write_deltalake(tmp_path / "old", rows)
    table = "claimx_itel_attachments"
    done = await operations.import_table(pipeline, str(tmp_path / "old"), table)
    assert (done.counts.written, done.counts.doubles) == (2, 1)
    (row,) = stored(pipeline, table)
    assert (row["media_id"], row["project_id"]) == ("500001", "700100")
    assert row["blob_path"] == "forms/700100/1/photo.jpg"
