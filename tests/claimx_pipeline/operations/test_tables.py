"""Tables from Python: created, listed, described, maintained, asked."""

from pathlib import Path

import pytest

from claimx_pipeline import UsageError, operations
from claimx_pipeline.errors import TableError

RAW = "claimx.events.raw"


@pytest.fixture
async def written(ready):
    """Four commits to the table of events, one event each."""
    for number in range(4):
        event = {"eventId": f"e{number}", "eventType": "X", "projectId": "1"}
        await operations.publish(ready, RAW, [event])
        await operations.run_until_idle(ready, "events")
    return ready


async def test_missing_tables_are_created_once_and_a_dry_run_creates_none(pipeline):
    planned = await operations.create_tables(pipeline, "claimx_events", dry_run=True)
    assert [each.table for each in planned] == ["claimx_events"]
    assert not Path(planned[0].location).exists()
    assert await operations.create_tables(pipeline, "claimx_events") == planned
    assert Path(planned[0].location).is_dir()
    rest = {each.table for each in await operations.create_tables(pipeline)}
    assert rest == set(pipeline.tables) - {"claimx_events"}
    assert await operations.create_tables(pipeline) == []


async def test_a_name_that_is_not_declared_creates_nothing(pipeline):
    with pytest.raises(TableError, match="'claimx_evnts': is not declared"):
        await operations.create_tables(pipeline, "claimx_events", "claimx_evnts")
    assert not any(each.created for each in await operations.list_tables(pipeline))


async def test_listing_says_how_much_there_is(written):
    found = {each.table: each for each in await operations.list_tables(written)}
    assert set(found) == set(written.tables)
    events = found["claimx_events"]
    assert (events.created, events.mode, events.rows) == (True, "append", 4)
    assert events.bytes > 0
    assert found["claimx_projects"].rows == 0


async def test_a_description_has_every_column_with_its_roles(pipeline):
    found = await operations.describe_table(pipeline, "claimx_events")
    assert (found.listed.created, found.listed.rows, list(found.key)) == (False, None, ["event_id"])
    roles = {column.column: column.roles for column in found.columns}
    assert "key" in roles["event_id"]
    assert set(found.partitions) == {name for name, has in roles.items() if "partition" in has}


async def test_small_files_are_joined_and_a_dry_run_says_so_first(written):
    (planned,) = await operations.compact_tables(written, "claimx_events", dry_run=True)
    assert (planned.before.files, planned.after.files, planned.compacted) == (4, 1, 1)
    (done,) = await operations.maintain_tables(written, "claimx_events")
    assert (done.before.files, done.after.files, done.compacted) == (4, 1, 1)
    assert done.checkpoint is not None
    assert operations.query(written, "SELECT event_id FROM claimx_events").num_rows == 4


async def test_without_names_only_tables_that_exist_are_maintained(pipeline):
    await operations.create_tables(pipeline, "claimx_events")
    (done,) = await operations.maintain_tables(pipeline)
    assert done.table == "claimx_events"
    with pytest.raises(TableError):
        await operations.maintain_tables(pipeline, "claimx_projects")


async def test_files_that_may_be_in_use_are_deleted_only_by_force(written):
    await operations.compact_tables(written, "claimx_events")
    with pytest.raises(UsageError, match="keep 168 hours"):
        await operations.vacuum_tables(written, "claimx_events", hours=0)
    (planned,) = await operations.vacuum_tables(written, "claimx_events", hours=0, dry_run=True)
    (done,) = await operations.vacuum_tables(written, "claimx_events", hours=0, force=True)
    assert (planned.deleted, done.deleted) == (4, 4)
    (nothing,) = await operations.vacuum_tables(written, "claimx_events")
    assert nothing.deleted == 0


async def test_a_named_query_is_asked_with_its_parameters(written):
    name = next(name for name, query in written.queries.items() if not query.parameters)
    assert operations.named_query(written, name).column_names
    with pytest.raises(UsageError, match="there is no query 'late'; there are "):
        operations.named_query(written, "late")
    with pytest.raises(UsageError, match="has no parameter 'x'"):
        operations.named_query(written, name, {"x": 1})


async def test_a_query_only_reads(ready):
    with pytest.raises(UsageError, match="begins with SELECT"):
        operations.query(ready, "DROP TABLE claimx_events")
