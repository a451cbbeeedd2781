"""Rows of tables: a Delta table stays at its version, and every row is read."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, write_deltalake

from claimx_pipeline.sources import SourceError
from claimx_pipeline.sources.rows import DeltaFiles, ParquetFiles, RowsReader
from tests.rigs.sources import event

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


def table(numbers, **more):
    rows = [{"event_id": f"e{n}", "day": f"d{n % 3}", "at": NOON, **more} for n in numbers]
    return pa.Table.from_pylist(rows)


def read_all(make, column=None, *, anew=False):
    """Return every value; *anew*: with another reader for every page, as after a crash."""
    reader, position, found = RowsReader(make(), column), None, []
    while True:
        records, following = reader.read(position)
        if not records:
            return found, following
        found += records
        position = json.loads(json.dumps(following))
        if anew:
            reader = RowsReader(make(), column)


def ids(records):
    return sorted(int(json.loads(record.value)["event_id"][1:]) for record in records)


@pytest.mark.parametrize("anew", [False, True])
def test_every_row_of_a_delta_table_is_read_at_its_version(tmp_path, anew):
    uri = str(tmp_path / "t")
    write_deltalake(uri, table(range(2500)), partition_by=["day"])
    reader = RowsReader(DeltaFiles(uri, None, {}), None)
    records, position = reader.read(None)
    write_deltalake(uri, table(range(2500, 2600)), mode="append")
    DeltaTable(uri).optimize.compact()
    reader, found = RowsReader(DeltaFiles(uri, None, {}), None), list(records)
    while True:
        records, position = reader.read(position)
        if not records:
            break
        found += records
        if anew:
            reader = RowsReader(DeltaFiles(uri, None, {}), None)
    assert ids(found) == [*range(2500)]
    assert position["version"] == 0
    row = json.loads(found[0].value)
    assert row == {"event_id": row["event_id"], "day": row["day"], "at": "2026-01-05T12:00:00Z"}
    assert len({record.at for record in found}) == 2500


def test_a_version_may_be_named(tmp_path):
    uri = str(tmp_path / "t")
    for number in range(3):
        write_deltalake(uri, table([number]), mode="append")
    found, position = read_all(lambda: DeltaFiles(uri, 1, {}))
    assert ids(found) == [0, 1]
    with pytest.raises(SourceError, match="version 1 .* is being read, .* name version 2"):
        RowsReader(DeltaFiles(uri, 2, {}), None).read(position)


def test_a_table_whose_files_are_not_its_rows_is_refused(tmp_path):
    uri = str(tmp_path / "t")
    mapped = {"delta.columnMapping.mode": "name", "delta.minReaderVersion": "2"}
    write_deltalake(uri, table([0]))
    log = tmp_path / "t" / "_delta_log" / f"{0:020}.json"
    actions = [json.loads(line) for line in log.read_text().splitlines()]
    for action in actions:
        if "metaData" in action:
            schema = json.loads(action["metaData"]["schemaString"])
            for at, column in enumerate(schema["fields"]):
                column["metadata"] = {
                    "delta.columnMapping.id": at,
                    "delta.columnMapping.physicalName": f"col-{at}",
                }
            action["metaData"]["schemaString"] = json.dumps(schema)
            action["metaData"]["configuration"] = mapped
        if "protocol" in action:
            action["protocol"] = {"minReaderVersion": 2, "minWriterVersion": 5}
    log.write_text("\n".join(map(json.dumps, actions)))
    with pytest.raises(SourceError, match="uses column mapping"):
        RowsReader(DeltaFiles(uri, None, {}), None).read(None)


@pytest.mark.parametrize("anew", [False, True])
def test_parquet_files_are_read_by_name_and_row(tmp_path, anew):
    for name, numbers in {"b.parquet": range(1500, 2600), "a.parquet": range(1500)}.items():
        pq.write_table(table(numbers), tmp_path / name, row_group_size=400)
    found, _ = read_all(lambda: ParquetFiles(str(tmp_path)), anew=anew)
    assert [int(json.loads(each.value)["event_id"][1:]) for each in found] == [*range(2600)]
    assert found[1500].at == "b.parquet#1"


def test_a_column_may_hold_the_event(tmp_path):
    values = [json.dumps(event(0)), None]
    pq.write_table(pa.table({"raw_data": values, "n": [1, 2]}), tmp_path / "a.parquet")
    (good, bad), _ = read_all(lambda: ParquetFiles(str(tmp_path)), "raw_data")
    assert json.loads(good.value) == event(0)
    assert "must hold the event as JSON" in bad.fault
    with pytest.raises(
        SourceError, match="has no column 'raw'; set 'column' to one of raw_data, n"
    ):
        read_all(lambda: ParquetFiles(str(tmp_path)), "raw")


def test_values_of_every_kind_are_json(tmp_path):
    row = {
        "amount": Decimal("1.50"),
        "none": float("nan"),
        "list": [1, None],
        "inner": {"at": NOON},
        "day": NOON.date(),
    }
    pq.write_table(pa.Table.from_pylist([row]), tmp_path / "a.parquet")
    (record,), _ = read_all(lambda: ParquetFiles(str(tmp_path)))
    assert json.loads(record.value) == {
        "amount": "1.50",
        "none": None,
        "list": [1, None],
        "inner": {"at": "2026-01-05T12:00:00Z"},
        "day": "2026-01-05",
    }


def test_what_is_not_a_table_is_said(tmp_path):
    (tmp_path / "a.parquet").write_text("no")
    with pytest.raises(SourceError, match="not a valid Parquet file"):
        read_all(lambda: ParquetFiles(str(tmp_path)))
    with pytest.raises(SourceError, match="there is no Delta table at"):
        read_all(lambda: DeltaFiles(str(tmp_path / "none"), None, {}))
