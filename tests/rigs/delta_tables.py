"""Real Delta tables in a folder, and the specs that tests use for them."""

import threading
from datetime import UTC, datetime, timedelta

import pyarrow as pa
from attrs import evolve, frozen
from deltalake import DeltaTable, Schema, write_deltalake

from claimx_pipeline.broker.protocol import TopicPartition
from claimx_pipeline.delta.contents import contents
from claimx_pipeline.delta.querying.reading import micros_in, read
from claimx_pipeline.delta.rows import TableRow
from claimx_pipeline.delta.schemas import configuration
from claimx_pipeline.delta.spec import (
    BOOL,
    DATE,
    DOUBLE,
    INT,
    LONG,
    STRING,
    TIMESTAMP,
    Column,
    TableSpec,
)
from claimx_pipeline.delta.store import TableStore
from claimx_pipeline.delta.writing.held_positions import Claim
from claimx_pipeline.settings.tree.tables import TablesSettings
from tests.fakes.hasty_clock import HastyClock

NOON = datetime(2026, 1, 12, 12, tzinfo=UTC)

EVENTS = TableSpec(
    name="events",
    summary="Events",
    mode="append",
    key=("event_id",),
    event_time="at",
    partition_by=("day",),
    columns=(
        Column("event_id", STRING, nullable=False),
        Column("note", STRING),
        Column("at", TIMESTAMP),
        Column("day", DATE),
        Column("made_at", TIMESTAMP, bookkeeping=True),
    ),
)

PROJECTS = TableSpec(
    name="projects",
    summary="Projects",
    mode="merge",
    key=("project_id",),
    bucket_column="project_id",
    answer_time="answered_at",
    event_columns={"file_name": "file_name_at"},
    columns=(
        Column("project_id", STRING, nullable=False),
        Column("city", STRING),
        Column("rooms", LONG),
        Column("file_name", STRING),
        Column("file_name_at", TIMESTAMP),
        Column("answered_at", TIMESTAMP, bookkeeping=True),
        Column("created_at", TIMESTAMP, bookkeeping=True),
        Column("updated_at", TIMESTAMP, bookkeeping=True),
    ),
)

TEMPLATES = TableSpec(
    name="templates",
    summary="Templates: no bucket, no answer time",
    mode="merge",
    key=("task_id",),
    columns=(Column("task_id", LONG, nullable=False), Column("title", STRING)),
)

KINDS = TableSpec(
    name="kinds",
    summary="A column of every type",
    mode="merge",
    key=("id",),
    columns=(
        Column("id", STRING, nullable=False),
        Column("text", STRING),
        Column("long", LONG),
        Column("int", INT),
        Column("double", DOUBLE),
        Column("flag", BOOL),
        Column("at", TIMESTAMP),
        Column("day", DATE),
    ),
)
KINDS_APPENDED = evolve(KINDS, name="kinds_appended", mode="append", dedupe=False)

SPECS = {spec.name: spec for spec in (EVENTS, PROJECTS, TEMPLATES, KINDS, KINDS_APPENDED)}


def make_store(folder, specs=None, *, created=True, clock=None, **settings):
    """Return a store over *folder*, its tables created."""
    settings = TablesSettings(root=str(folder), **settings)
    store = TableStore(settings, specs or SPECS, clock or HastyClock())
    if created:
        for name in store.specs:
            store.create(name)
    return store


def create_as_before(store, name):
    """Create a table as version 0.1 did: its log keeps every commit."""
    spec = store.spec(name)
    DeltaTable.create(
        store.location(name).uri,
        schema=Schema.from_arrow(spec.schema()),
        partition_by=list(spec.partitions()) or None,
        configuration=configuration(spec),
    )


def rows_of(table, *values, time_in_key=False):
    return [TableRow(table, value, time_in_key) for value in values]


def event(name, at=NOON, **values):
    return {"event_id": name, "at": at, "day": at.date(), **values}


def stored(store, name):
    """Return all rows of a table."""
    return read(store.open(name), "SELECT * FROM t")


def said(store, name):
    """Return the contents of a table."""
    return contents(store.open(name), store.spec(name))


def minutes(count):
    return NOON + timedelta(minutes=count)


def micros_of(value):
    return micros_in(pa.array([value], TIMESTAMP.arrow))[0]


GROUP = "group"


def writer_of(store, name):
    """Return the blocking half of a sink, to be used in this thread."""
    return store.sink(name, GROUP).make_writer()


def prepare(writer, *values, time_in_key=False):
    """Return rows that come from no topic, ready to be committed."""
    return writer.prepare(rows_of(writer.spec.name, *values, time_in_key=time_in_key), ())


def commit(writer, prepared):
    return writer.commit(prepared, Claim()).result


def write(writer, *values, time_in_key=False):
    return commit(writer, prepare(writer, *values, time_in_key=time_in_key))


@frozen
class Source:
    """Where a row comes from; as much of a record as a table looks at."""

    topic: str
    partition: int
    offset: int


def place(partition=0, topic="t"):
    return TopicPartition(topic, partition)


def sources(offsets, partition=0, topic="t"):
    return [Source(topic, partition, offset) for offset in offsets]


async def acquired(store, name, *places, **options):
    """Return an open sink that owns *places*."""
    sink = store.sink(name, GROUP, **options)
    await sink.open()
    await sink.acquire(places)
    return sink


async def send_range(sink, first, last, partition=0):
    """Write one event for each offset from *first* to before *last*, as a batch."""
    offsets = range(first, last)
    values = [event(f"{partition}-{offset}", minutes(offset)) for offset in offsets]
    after = {place(partition): last}
    return await sink.write(rows_of(sink.table, *values), sources(offsets, partition), after)


async def send(sink, *values):
    """Write rows that come from no topic."""
    return await sink.write(rows_of(sink.table, *values), (), {})


def append_from_elsewhere(store, name, *values):
    """Commit rows past any writer, as another process would."""
    table = store.open(name)
    write_deltalake(
        table, pa.Table.from_pylist(list(values), schema=store.spec(name).schema()), mode="append"
    )


class Gate:
    """Blocks whoever passes until it is opened."""

    def __init__(self):
        self.entered = threading.Event()
        self.opened = threading.Event()

    def wait(self):
        self.entered.set()
        self.opened.wait(30)
