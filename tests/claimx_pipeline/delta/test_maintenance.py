"""Compaction, checkpoints and vacuum, alone and beside writers."""

import asyncio
import threading

import pytest
from attrs import evolve
from deltalake.exceptions import CommitFailedError

from claimx_pipeline.clock import SystemClock
from claimx_pipeline.delta.faults import TableWriteError
from claimx_pipeline.delta.maintenance import Maintenance, size_of
from claimx_pipeline.errors import Category, TableError, UsageError
from tests.rigs.delta_tables import (
    NOON,
    PROJECTS,
    acquired,
    append_from_elsewhere,
    event,
    make_store,
    minutes,
    place,
    rows_of,
    said,
    send,
    send_range,
    sources,
    stored,
)


@pytest.fixture
def store(tmp_path):
    return make_store(tmp_path, clock=SystemClock())


def looking_after(store, name, *, dry_run=False):
    return Maintenance(store.location(name), dry_run, store.spec(name))


def fill(store, days=2, files=5):
    for number in range(files):
        at = [minutes(day * 24 * 60 + number) for day in range(days)]
        append_from_elsewhere(
            store, "events", *(event(f"{number}-{when.day}", when) for when in at)
        )


def test_compaction_leaves_one_file_per_partition_and_the_same_contents(store):
    fill(store)
    before = said(store, "events")
    done = looking_after(store, "events").compact()
    assert (done.before.files, done.after.files, done.compacted, done.busy) == (10, 2, 2, 0)
    assert size_of(store.open("events")).files == 2
    assert said(store, "events") == before
    assert looking_after(store, "events").compact().compacted == 0


@pytest.mark.parametrize("work", ["compact", "maintain", "vacuum"])
def test_a_dry_run_says_what_would_happen_and_leaves_every_file_alone(store, tmp_path, work):
    fill(store)
    if work == "vacuum":
        looking_after(store, "events").compact()
    kept = sorted(tmp_path.rglob("*"))
    arguments = [0] if work == "vacuum" else []
    told = getattr(looking_after(store, "events", dry_run=True), work)(*arguments)
    assert sorted(tmp_path.rglob("*")) == kept
    done = getattr(looking_after(store, "events"), work)(*arguments)
    assert (told.after.files, told.compacted) == (done.after.files, done.compacted)
    assert told.deleted == done.deleted == (10 if work == "vacuum" else 0)


def test_few_small_files_are_not_worth_a_commit_to_maintain(store):
    fill(store, files=3)
    version = store.open("events").version()
    done = looking_after(store, "events").maintain()
    assert (done.compacted, done.after.files) == (0, 6)
    assert done.checkpoint == version


def test_maintain_writes_a_checkpoint_and_deletes_nothing_of_the_last_week(store, tmp_path):
    fill(store)
    done = looking_after(store, "events").maintain()
    assert (done.compacted, done.deleted) == (2, 0)
    log = tmp_path / "events" / "_delta_log"
    assert (log / f"{done.checkpoint:020}.checkpoint.parquet").exists()
    store.open("events").restore(3)
    assert len(stored(store, "events")) == 6


def test_vacuum_takes_what_no_version_needs_and_orphans_only_if_told(store, tmp_path):
    fill(store)
    looking_after(store, "events").compact()
    orphan = tmp_path / "events" / "day=2026-01-12" / "part-00000-left-behind.parquet"
    orphan.write_bytes(b"PAR1")
    assert looking_after(store, "events").vacuum(0).deleted == 10
    assert orphan.exists()
    assert looking_after(store, "events").vacuum(0, orphans=True).deleted == 1
    assert not orphan.exists()
    assert len(stored(store, "events")) == 10


def test_a_table_that_is_not_there_and_a_negative_age_are_refused(tmp_path, store):
    with pytest.raises(UsageError, match="-1 hours"):
        looking_after(store, "events").vacuum(-1)
    missing = make_store(tmp_path / "none", created=False)
    with pytest.raises(TableError, match="tables create"):
        looking_after(missing, "events").compact()


@pytest.mark.parametrize("theirs", ["ours", "OPTIMIZE"])
def test_a_compaction_that_another_has_overtaken_doubles_no_row(store, monkeypatch, theirs):
    """Deltalake's own is committed on top of another one that removed the same files."""
    for key in ("1000015", "1000022"):
        append_from_elsewhere(store, "projects", {"project_id": key, "_bucket": 3})
    stale = [store.open("projects")]
    opened = type(store.location("projects")).open

    def open_stale(self):
        return stale.pop() if stale else opened(self)

    if theirs == "ours":
        assert looking_after(store, "projects").compact().compacted == 1
    else:
        store.open("projects").optimize.compact()
    monkeypatch.setattr(type(store.location("projects")), "open", open_stale)
    assert looking_after(store, "projects")._sort(PROJECTS, 3)
    assert stale == []
    assert len(stored(store, "projects")) == 2


def test_an_optimize_of_others_that_a_compaction_has_overtaken_is_refused(store):
    name = "projects"
    for key in ("1000015", "1000022"):
        append_from_elsewhere(store, name, {"project_id": key, "_bucket": 3})
    stale = store.open(name)
    assert looking_after(store, name).compact().compacted == 1
    with pytest.raises(CommitFailedError):
        stale.optimize.compact()
    assert len(stored(store, name)) == 2


@pytest.mark.parametrize("theirs", ["ours", "OPTIMIZE"])
def test_two_compactions_at_once_of_an_append_table_double_no_row(store, monkeypatch, theirs):
    """Both have opened the same version; a writer appends between their commits."""
    fill(store, days=1, files=4)
    stale = [store.open("events")]
    opened = type(store.location("events")).open

    def open_stale(self):
        return stale.pop() if stale else opened(self)

    if theirs == "ours":
        assert looking_after(store, "events").compact().compacted == 1
    else:
        store.open("events").optimize.compact()
    append_from_elsewhere(store, "events", event("late", NOON))
    monkeypatch.setattr(type(store.location("events")), "open", open_stale)
    assert looking_after(store, "events")._join((("day", "2026-01-12"),))
    assert stale == []
    ids = sorted(row["event_id"] for row in stored(store, "events"))
    assert ids == ["0-12", "1-12", "2-12", "3-12", "late"]


def test_a_partition_of_null_is_compacted_as_well(store):
    for number in range(3):
        append_from_elsewhere(store, "events", {"event_id": str(number), "at": NOON})
    assert looking_after(store, "events").compact().after.files == 1
    assert len(stored(store, "events")) == 3


class Beside:
    """Compacts, writes checkpoints and vacuums in a thread of its own until told to stop."""

    def __init__(self, store, name, rounds):
        self.joined = 0
        self._rounds, self._done = rounds, 0
        self._store, self._name = store, name
        self._stop = threading.Event()

    def _work(self):
        while not self._stop.is_set():
            self.joined += looking_after(self._store, self._name).compact().compacted
            looking_after(self._store, self._name).maintain()
            looking_after(self._store, self._name).vacuum(0)
            self._done += 1

    def goes_on(self):
        """Return whether there is more to wait for."""
        return self._done < self._rounds and not self._working.done()

    async def __aenter__(self):
        self._working = asyncio.create_task(asyncio.to_thread(self._work))
        return self

    async def __aexit__(self, *_):
        self._stop.set()
        await self._working


async def until_written(write):
    """Write as the runtime does: what another try can help is tried again."""
    while True:
        try:
            return await write()
        except TableWriteError as error:
            # A file was deleted under the eyes of who read it: no safe age was kept here.
            if error.category is not Category.TRANSIENT:
                raise


async def test_appends_beside_maintenance_lose_and_double_nothing(store):
    """Batches overlap, and every third comes again: offsets and keys leave out what is there."""
    sink = await acquired(store, "events", place())
    batches = 0
    async with Beside(store, "events", 4) as beside:
        while beside.goes_on() or batches < 30:
            first = batches * 5
            await until_written(lambda first=first: send_range(sink, first, first + 8))
            if batches % 3 == 0:
                # The same events under later offsets: only their keys give them away.
                again = [
                    event(f"0-{offset}", minutes(offset)) for offset in range(first, first + 8)
                ]
                late = range(first + 8, first + 16)
                await until_written(
                    lambda again=again, late=late: sink.write(
                        rows_of("events", *again), sources(late), {place(): 0}
                    )
                )
            batches += 1
    await sink.close()
    assert beside.joined
    found = sorted(row["event_id"] for row in stored(store, "events"))
    assert found == sorted(f"0-{offset}" for offset in range((batches - 1) * 5 + 8))


@pytest.mark.parametrize("bucketed", [True, False])
async def test_merges_beside_maintenance_lose_and_double_nothing(tmp_path, bucketed):
    spec = PROJECTS if bucketed else evolve(PROJECTS, bucket_column=None)
    store = make_store(tmp_path, {"projects": spec}, clock=SystemClock())
    sink = await acquired(store, "projects")
    latest, batches = {}, 0
    async with Beside(store, "projects", 3) as beside:
        while beside.goes_on() or batches < 20:
            values = [
                {"project_id": str(number), "rooms": batches, "answered_at": minutes(batches)}
                for number in range(batches % 7, 40 + min(batches, 20), 7)
            ]
            await until_written(lambda values=values: send(sink, *values))
            latest |= {row["project_id"]: row["rooms"] for row in values}
            batches += 1
    await sink.close()
    assert beside.joined
    found = stored(store, "projects")
    assert len(found) == len(latest)
    assert {row["project_id"]: row["rooms"] for row in found} == latest


async def test_a_writer_keeps_its_log_short(store, tmp_path):
    """Opening a table reads all commits since its last checkpoint."""
    sink = await acquired(store, "events", place())
    for first in range(0, 90, 2):
        await send_range(sink, first, first + 2)
    await sink.close()
    found = sorted((tmp_path / "events" / "_delta_log").glob("*.checkpoint.parquet"))
    versions = [int(each.name.split(".")[0]) for each in found]
    assert versions
    assert store.open("events").version() - versions[-1] <= 20
