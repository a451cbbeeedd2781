"""A project is erased: its files, rows, old versions and records, and nothing of any other."""

import asyncio
import json
from pathlib import Path

import pytest

from claimx_pipeline import OutRecord, Pipeline, operations
from claimx_pipeline.errors import UsageError
from claimx_pipeline.operations.erasing.records import ClaimRecords
from claimx_pipeline.runtime.dead_letters.large_values import ValueFiles
from tests.rigs.command import run
from tests.rigs.delta_tables import NOON, append_from_elsewhere
from tests.rigs.topics import publish, records
from tests.rigs.whole_pipeline import whole_pipeline

EVENTS = 60
RAW = "claimx.events.raw"


def files_below(folder):
    """Return the files of *folder*, each by its path below."""
    return {str(path.relative_to(folder)) for path in Path(folder).rglob("*") if path.is_file()}


def rows_of(pipeline, project):
    """Return the tables that hold rows of *project*, each with their number."""
    found = {}
    for name, spec in pipeline.tables.items():
        names = spec.schema().names
        column = spec.bucket_column or ("project_id" if "project_id" in names else None)
        if column is None or not pipeline.table_store.exists(name):
            continue
        sql = f"SELECT count(*) AS n FROM {name} WHERE CAST({column} AS VARCHAR) = '{project}'"
        if count := operations.query(pipeline, sql)["n"].to_pylist()[0]:
            found[name] = count
    return found


async def test_nothing_is_left_of_a_project_and_all_of_the_others(tmp_path):
    async with whole_pipeline(tmp_path) as rig:
        rig.start()
        await rig.publish(EVENTS)
        await rig.idle()
        await rig.stop()
        pipeline = rig.pipeline
        stored = rig.rows(
            "SELECT project_id, blob_path FROM claimx_attachments WHERE blob_path IS NOT NULL"
        )
        project = stored[0]["project_id"]
        others = {row["project_id"] for row in rig.rows("SELECT project_id FROM claimx_projects")}
        others -= {project}
        before = {each: rows_of(pipeline, each) for each in [project, *others]}
        files = files_below(tmp_path / "files")
        would = await operations.erase(pipeline, [project], dry_run=True)
        assert files_below(tmp_path / "files") == files
        assert {each: rows_of(pipeline, each) for each in before} == before
        done = await operations.erase(pipeline, [project])

    assert {each.table: each.rows for each in done.tables if each.rows} == before[project]
    assert [each.rows for each in would.tables] == [each.rows for each in done.tables]
    assert not done.errors
    assert rows_of(pipeline, project) == {}
    assert {each: rows_of(pipeline, each) for each in others} == {
        each: before[each] for each in others
    }
    left = files_below(tmp_path / "files")
    assert left == {path for path in files if project not in path}
    assert len(left) < len(files)
    # No file of a table is left but those of its newest version.
    for name in pipeline.tables:
        table = pipeline.table_store.open(name)
        live = {Path(uri).name for uri in table.file_uris()}
        folder = Path(pipeline.table_store.location(name).uri)
        there = {path.name for path in folder.rglob("*.parquet") if "_delta_log" not in str(path)}
        assert there == live, name
    by_topic = {each.topic: each for each in done.topics}
    assert by_topic[RAW].records > 0
    assert (by_topic[RAW].left == 0) == (by_topic[RAW].until is None)
    again = await operations.erase(pipeline, [project])
    assert not any(each.rows for each in again.tables)


async def test_a_person_is_found_by_name_address_or_number(tmp_path):
    async with whole_pipeline(tmp_path) as rig:
        rig.start()
        await rig.publish(EVENTS)
        await rig.idle()
        await rig.stop()
        pipeline = rig.pipeline
        holder = rig.rows(
            "SELECT * FROM claimx_contacts WHERE contact_type = 'POLICYHOLDER' "
            "AND first_name IS NOT NULL AND last_name IS NOT NULL"
        )[0]
        name = f" {holder['first_name']}  {holder['last_name'].upper()}"
        for person in (name, holder["contact_email"]):
            found = await operations.claims_of_person(pipeline, person)
            assert holder["project_id"] in found
        with pytest.raises(UsageError, match="no claim has a policyholder of that name"):
            await operations.claims_of_person(pipeline, holder["first_name"])


@pytest.mark.parametrize(
    ("value", "key", "is_about"),
    [
        ({"projectId": 7}, b"x", True),
        ({"project_id": "7"}, b"x", True),
        ({"payload": {"rows": [{"claimId": "7"}]}}, b"x", True),
        ({"payload": json.dumps({"projectId": "7"})}, b"x", True),
        ({"projectId": 77, "mediaId": 7}, b"x", False),
        ({"mediaId": 7}, b"7", True),
        ("7", b"x", False),
    ],
)
def test_a_record_is_about_a_project_by_key_or_field(value, key, is_about):
    class Given:
        pass

    record = Given()
    record.key, record.value = key, json.dumps(value).encode()
    assert ClaimRecords.of(["7"], ["project_id", "claim_id"]).match(record) is is_about


async def test_the_value_of_a_large_dead_letter_goes_with_its_file(tmp_path):
    pipeline = Pipeline.load(environ={}, cwd=tmp_path)
    await operations.create_topics(pipeline)
    files = ValueFiles(pipeline.settings.storage.files.root)
    dead = OutRecord("claimx.events.dlq", b'{"projectId": 7}', b"7", (("claimx-dlq-origin", b"x"),))
    await publish(pipeline.broker(), [await asyncio.to_thread(files.store_value, dead)])
    folder = tmp_path / pipeline.settings.storage.files.root
    assert len(files_below(folder)) == 1
    done = await operations.erase(pipeline, ["7"])
    assert done.files[-1].files == 1
    assert files_below(folder) == set()


async def test_records_go_as_far_as_nothing_else_is_before_them(tmp_path):
    (tmp_path / "claimx.yaml").write_text("broker: {topics: {claimx.events.raw: {partitions: 1}}}")
    pipeline = Pipeline.load(environ={}, cwd=tmp_path)
    await operations.create_topics(pipeline)
    numbers = [7, 7, 1, 7, 2]
    await publish(
        pipeline.broker(),
        [OutRecord(RAW, json.dumps({"projectId": n}).encode(), str(n).encode()) for n in numbers],
    )
    done = await operations.erase(pipeline, ["7"])
    (raw,) = done.topics
    assert (raw.records, raw.waiting, raw.deleted) == (3, 3, 0)
    for group in ("claimx-event-ingester-worker", "claimx-events-writer"):
        admin = pipeline.broker().admin()
        await admin.commit_offsets(group, RAW, {0: 5})
        await admin.close()
    would = await operations.erase(pipeline, ["7"], dry_run=True)
    assert len(await records(pipeline.broker(), RAW)) == 5
    done = await operations.erase(pipeline, ["7"])
    assert would.topics == done.topics
    assert (done.topics[0].deleted, done.topics[0].left, done.waiting) == (2, 1, 0)
    kept = [
        json.loads(record.value)["projectId"] for record in await records(pipeline.broker(), RAW)
    ]
    assert kept == [1, 7, 2]


async def test_the_command_looks_first_and_asks(tmp_path):
    pipeline = Pipeline.load(environ={}, cwd=tmp_path)
    pipeline.table_store.create("claimx_events")
    await operations.create_topics(pipeline)
    for number in (1, 2):
        row = {"event_id": f"e{number}", "event_type": "PROJECT_CREATED", "event_date": NOON.date()}
        row |= {"project_id": f"{number}", "ingested_at": NOON}
        append_from_elsewhere(pipeline.table_store, "claimx_events", row)
    looked = run("erase", "--project", "1", "--dry-run", "--json", cwd=tmp_path)
    assert looked.returncode == 0, looked.stderr
    (table,) = [each for each in json.loads(looked.stdout)["tables"] if each["rows"]]
    assert (table["table"], table["rows"]) == ("claimx_events", 1)
    refused = run("erase", "--project", "1", "--json", cwd=tmp_path)
    assert refused.returncode == 2
    assert "add --yes" in refused.stderr
    done = run("erase", "--project", "1", "--yes", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert rows_of(pipeline, "1") == {}
    assert rows_of(pipeline, "2") == {"claimx_events": 1}


async def test_a_file_that_was_erased_is_fetched_again_and_the_others_are_not(tmp_path):
    """The topic of stored files does not go on saying that the erased ones are stored."""
    async with whole_pipeline(tmp_path) as rig:
        rig.start()
        await rig.publish(EVENTS)
        await rig.idle()
        files = files_below(tmp_path / "files")
        project = rig.rows("SELECT project_id FROM claimx_attachments")[0]["project_id"]
        await operations.erase(rig.pipeline, [project])
        gone = files - files_below(tmp_path / "files")
        assert gone
        asked = len(fetched(rig))
        await rig.publish(EVENTS)
        await rig.idle()
        await rig.stop()
        assert files_below(tmp_path / "files") == files
        again = fetched(rig)[asked:]
        assert len(again) == len(gone)


async def test_events_that_come_again_have_files_fetched_only_if_one_asks_for_it(tmp_path):
    async with whole_pipeline(tmp_path) as rig:
        rig.start()
        await rig.publish(EVENTS)
        await rig.idle()
        files = len(files_below(tmp_path / "files"))
        first = len(fetched(rig))
        assert first == files
        lines = [json.dumps(event.value).encode() for event in rig.world.events(EVENTS)]
        await operations.publish_events(rig.pipeline, lines)
        await rig.idle()
        assert len(fetched(rig)) == first
        await operations.publish_events(rig.pipeline, lines, fetch_again=True)
        await rig.idle()
        await rig.stop()
        assert len(fetched(rig)) >= 2 * first


def fetched(rig):
    """Return the requests that had a file as their answer."""
    return [
        each for each in rig.simulator.requests.find("/media") if each.path.startswith("/media/s3")
    ]


async def test_rows_go_while_workers_write_and_come_back_only_by_what_is_on_its_way(tmp_path):
    """The workers go on through the erasure; the other projects are as without it."""
    async with whole_pipeline(tmp_path) as rig:
        rig.start()
        await rig.publish(10)
        await rig.idle()
        project = rig.rows("SELECT project_id FROM claimx_projects")[0]["project_id"]
        publishing = asyncio.create_task(rig.publish(EVENTS // 2))
        await operations.erase(rig.pipeline, [project])
        await publishing
        await rig.idle()
        await rig.stop()
        expected = {str(each.project_id) for each in rig.world.events(EVENTS // 2)} - {project}
        found = {row["project_id"] for row in rig.rows("SELECT project_id FROM claimx_projects")}
        assert expected <= found
        done = await operations.erase(rig.pipeline, [project])
        assert done.waiting == 0
        assert rows_of(rig.pipeline, project) == {}
        assert await rig.dead() == {}
