"""The demo: what a newcomer runs first, and the main job end to end."""

import hashlib
import json
from pathlib import Path

import pytest

from claimx_pipeline import Pipeline
from claimx_pipeline.claimx.tables import ENTITY_TABLES
from claimx_pipeline.delta.contents import contents
from claimx_pipeline.delta.querying.query import run_query
from claimx_pipeline.media.cache_mark import MARK
from claimx_pipeline.simulator.world import World
from tests.rigs.command import run

EVENTS, SEED = 200, 7


def demo(folder: Path, *options: str) -> dict:
    result = run(
        "demo",
        "--events",
        str(EVENTS),
        "--seed",
        str(SEED),
        "--data-dir",
        "d",
        "--json",
        *options,
        cwd=folder,
    )
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def pipeline_of(folder: Path) -> Pipeline:
    return Pipeline.load(folder / "d" / "claimx.yaml", environ={}, cwd=folder)


def keys(pipeline: Pipeline, kind: str) -> list[tuple]:
    spec = ENTITY_TABLES[kind]
    found = run_query(pipeline.table_store, f"SELECT {', '.join(spec.key)} FROM {spec.name}")
    return [tuple(row.values()) for row in found.to_pylist()]


@pytest.fixture(scope="module")
def embedded(tmp_path_factory) -> tuple[Path, dict]:
    folder = tmp_path_factory.mktemp("embedded")
    return folder, demo(folder)


@pytest.mark.parametrize("kind", ENTITY_TABLES)
def test_every_entity_table_holds_exactly_the_keys_of_the_world(embedded, kind):
    folder, _ = embedded
    found = keys(pipeline_of(folder), kind)
    assert len(found) == len(set(found)), "a key has two rows"
    assert set(found) == World(SEED).expected(EVENTS)[kind]


@pytest.mark.incident("DEL-11")
def test_every_event_is_a_row_once_and_logged_once(embedded):
    folder, result = embedded
    assert result["events"] == EVENTS
    assert result["tables"]["claimx_events"] == EVENTS
    assert result["tables"]["claimx_event_log"] == EVENTS
    pipeline = pipeline_of(folder)
    distinct = run_query(
        pipeline.table_store, "SELECT count(DISTINCT event_id) AS n FROM claimx_events"
    )
    assert distinct.column("n")[0].as_py() == EVENTS


@pytest.mark.incident("LAT-16")
def test_every_file_is_copied_as_it_is(embedded):
    folder, result = embedded
    expected = World(SEED).expected_files(EVENTS)
    rows = run_query(
        pipeline_of(folder).table_store,
        "SELECT media_id, status, error, blob_path, bytes_downloaded, checksum, content_type "
        "FROM claimx_attachments",
    ).to_pylist()
    assert len(rows) == len(expected) > 0, "one row per file"
    files = folder / "d" / "files"
    pipeline = pipeline_of(folder)
    photos = []  # those of forms belong to a plugin
    if "claimx_itel_attachments" in pipeline.tables:
        asked = "SELECT blob_path FROM claimx_itel_attachments"
        photos = run_query(pipeline.table_store, asked).to_pylist()
    copied = sum((files / photo["blob_path"]).stat().st_size for photo in photos)
    assert result["files"]["count"] == len(expected) + len(photos), "no two files share a path"
    for row in rows:
        content = expected[row["media_id"]]
        stored = (files / row["blob_path"]).read_bytes()
        assert stored == content.read(0, content.size)
        assert (row["status"], row["error"]) == ("completed", "")
        assert row["bytes_downloaded"] == len(stored)
        assert row["checksum"] == hashlib.sha256(stored).hexdigest()
        assert row["content_type"] == content.content_type
    own = sum(content.size for content in expected.values())
    assert result["files"]["bytes"] == own + copied
    left = [path for path in (folder / "d" / "cache").rglob("*") if path.is_file()]
    assert [path.name for path in left] == [MARK], "a file that is stored leaves the cache"


def test_nothing_is_dead(embedded):
    assert embedded[1]["dlq"] == 0


@pytest.mark.plugin
def test_itel_got_every_completed_form_once(embedded):
    completed = {assignment for assignment, _ in World(SEED).expected_submissions(EVENTS)}
    assert embedded[1]["itel"]["submissions"] == len(completed) > 0


@pytest.mark.plugin
@pytest.mark.incident("PLG-02")
def test_every_event_of_a_cabinet_task_is_tracked(embedded):
    folder, result = embedded
    world = World(SEED)
    world.set_clock(world.end(EVENTS))
    tracked = [
        event
        for event in world.events(EVENTS)
        if event.assignment_id and world.task(event.assignment_id).template_id == 32513
    ]
    assert result["tables"]["itel_cabinet_task_tracking"] == len(tracked) > 0
    rows = run_query(
        pipeline_of(folder).table_store,
        "SELECT task_status, count(*) AS n FROM itel_cabinet_task_tracking GROUP BY 1",
    ).to_pylist()
    assert {row["task_status"] for row in rows} == {"ASSIGNED", "COMPLETED"}


def test_the_result_is_shown_for_a_person(tmp_path):
    result = run("demo", "--events", "40", "--data-dir", "d", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "events published" in result.stderr, "progress"
    for shown in (
        "claimx_projects",
        "claimx.events.raw",
        "0 dead letters",
        "files of claims copied",
        "SELECT",
        "Ask your own",
    ):
        assert shown in result.stdout


def test_a_folder_that_is_not_empty_is_refused(tmp_path):
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "mine.txt").write_text("precious")
    for options in ([], ["--again"]):
        result = run("demo", "--data-dir", "d", *options, cwd=tmp_path)
        assert result.returncode == 2
        assert "d is not empty" in result.stderr or "not made by a demo" in result.stderr
        assert (tmp_path / "d" / "mine.txt").read_text() == "precious"


def test_an_earlier_demo_is_replaced_when_asked(tmp_path):
    for options in ([], ["--again"]):
        result = run("demo", "--events", "10", "--data-dir", "d", "--json", *options, cwd=tmp_path)
        assert result.returncode == 0, result.stderr
        assert json.loads(result.stdout)["tables"]["claimx_events"] == 10


def test_the_demo_does_not_look_at_the_users_own_settings(tmp_path):
    (tmp_path / "claimx.yaml").write_text("claimx: {api: {base_url: 'http://192.0.2.1'}}\n")
    result = run(
        "demo",
        "--events",
        "10",
        "--data-dir",
        "d",
        "--json",
        cwd=tmp_path,
        env={"CLAIMX_API_URL": "http://192.0.2.1", "CLAIMX_DATA_DIR": "elsewhere"},
    )
    assert result.returncode == 0, result.stderr
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.kafka
def test_on_kafka_the_contents_are_the_same(embedded, kafka_url, tmp_path):
    folder, result = embedded
    on_kafka = demo(tmp_path, "--broker", kafka_url)
    assert on_kafka["tables"] == result["tables"]
    assert on_kafka["itel"] == result["itel"]
    here, there = pipeline_of(folder), pipeline_of(tmp_path)
    for table in here.tables.keys() - {"itel_cabinet_submissions"}:  # requests have names
        spec = here.tables[table]
        ours, theirs = here.table_store.open(table), there.table_store.open(table)
        assert contents(ours, spec) == contents(theirs, spec), table
