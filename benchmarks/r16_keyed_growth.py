"""R16: what replacing a few rows of a keyed table costs as the table grows: time, memory, bytes.

The targets are absolute: seconds, and megabytes above what the process takes when it is idle.
"""

from __future__ import annotations

import importlib.util
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from unittest.mock import patch

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable, QueryBuilder, write_deltalake
from deltalake.transaction import AddAction, RemoveAction
from entity_rows import rows, source
from harness import Conditions, Measured, Result, Stopwatch, compare, single

from claimx_pipeline.claimx.tables import ENTITY_TABLES
from claimx_pipeline.clock import SystemClock
from claimx_pipeline.delta.handle import KeptHandle
from claimx_pipeline.delta.rows import TableRow
from claimx_pipeline.delta.spec import BUCKETS, bucket_of
from claimx_pipeline.delta.store import TableStore
from claimx_pipeline.delta.writing import merge
from claimx_pipeline.delta.writing.files import TableFiles
from claimx_pipeline.delta.writing.held_positions import Claim
from claimx_pipeline.delta.writing.merge import MergeWriter
from claimx_pipeline.settings.tree.tables import TablesSettings

SPEC = ENTITY_TABLES["projects"]
TURNS = 5
LOADED = 20
"""Batches of a first load."""
BATCH = 5_000
PART = 250_000
"""Rows made at a time."""
SECONDS_PER_DAY = 86_400
MB = 1e6
MEMORY = Path("/proc/self/status")
RESET = Path("/proc/self/clear_refs")
"""Writing 5 to it sets the process's peak back to what it takes now."""


def megabytes(name: str) -> float:
    """Return *name* of the process's status in MB: what it takes, or its peak."""
    line = next(line for line in MEMORY.read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) * 1024 / MB


def store_in(folder: Path) -> TableStore:
    """Return a store with the table created."""
    store = TableStore(TablesSettings(root=str(folder)), {SPEC.name: SPEC}, SystemClock())
    store.create(SPEC.name)
    return store


def writer_of(store: TableStore) -> MergeWriter:
    """Return the blocking half of a sink, to be used in this thread."""
    writer = MergeWriter(SPEC, KeptHandle(store.location(SPEC.name)), store.clock, "bench")
    writer.acquire(())
    return writer


def many(first: int, end: int) -> pa.Table:
    """Return rows *first* to before *end* as they lie in the table; text differs in each."""
    numbers = pa.array(range(first, end), pa.int64())
    text = numbers.cast(pa.string())
    one = source(SPEC, [0])
    columns = []
    for column in one.schema:
        fixed = one[column.name][0]
        if column.name == SPEC.bucket_column:
            made = pc.add(numbers, 700_000).cast(pa.string())
        elif pa.types.is_string(column.type):
            made = pc.binary_join_element_wise(column.name, text, " ")
        elif column.name == "_bucket":
            made = pa.array([bucket_of(str(700_000 + n)) for n in range(first, end)], pa.int32())
        else:
            made = pa.repeat(fixed, end - first)
        columns.append(made)
    return pa.Table.from_arrays(columns, schema=one.schema)


def filled(folder: Path, count: int) -> TableStore:
    """Return a table of *count* rows, laid out as the product does."""
    store = store_in(folder)
    table = store.open(SPEC.name)
    files = TableFiles.of(table, store.location(SPEC.name), SPEC.identity())
    added: list[AddAction | RemoveAction] = []
    for first in range(0, count, PART):
        part = many(first, min(first + PART, count))
        for bucket in range(BUCKETS):
            mine = part.filter(pc.equal(part["_bucket"], bucket))
            added += files.write(mine.select(files.schema.names), bucket)
    table.create_write_transaction(
        added, "append", table.schema(), partition_by=list(SPEC.partitions())
    )
    return store


@contextmanager
def peak() -> Iterator[list[float]]:
    """Measure by how many MB the process grows at most in the body."""
    idle, grown = megabytes("VmRSS"), [0.0]
    RESET.write_text("5")
    yield grown
    grown[0] = megabytes("VmHWM") - idle


def merges(
    store: TableStore, stored: int, keys: int, *, seconds: float, written: float
) -> list[Result]:
    """Replace *keys* rows all over the table, several times."""
    writer = writer_of(store)
    took, worked, grown, wrote = [], [], [], []
    for turn in range(1, TURNS + 1):
        # A number that shares no factor with the stride of the buckets: all files are alike.
        numbers = [(at * stored // keys + 7 * at + turn) % stored for at in range(keys)]
        batch = writer.prepare([TableRow(SPEC.name, row) for row in rows(SPEC, numbers, turn)], ())
        before = set(store.open(SPEC.name).file_uris())
        with peak() as more:
            begun, at_work = time.perf_counter(), time.process_time()
            writer.commit(batch, Claim())
            took.append(time.perf_counter() - begun)
            worked.append(time.process_time() - at_work)
        grown += more
        fresh = set(store.open(SPEC.name).file_uris()) - before
        wrote.append(sum(Path(uri).stat().st_size for uri in fresh) / MB)
    what = f"{keys} keys all over {stored:,} rows"
    median = statistics.median
    return [
        single("R16", f"{what}: seconds", value=median(took), unit="s", at_most=seconds),
        single("R16c", f"{what}: of a core", value=median(worked), unit="s", at_most=2 * seconds),
        single("R16m", f"{what}: memory above idle", value=max(grown), unit="MB", at_most=150),
        single("R16b", f"{what}: written", value=median(wrote), unit="MB", at_most=written),
    ]


def kept_per_day(result: Result) -> Result:
    """Return what stays until vacuum if such a merge is committed each second of a day."""
    a_day = statistics.median(result.product) * SECONDS_PER_DAY / 1e3
    shown = Result("R16d", "one such merge a second: kept per day", "shown", "GB", met=True)
    shown.ratios, shown.product, shown.bare = [a_day], [a_day], [0.0]
    print(shown.line(), flush=True)
    return shown


async def scans(store: TableStore, folder: Path, rounds: int) -> list[Result]:
    """Read every row, from small files and from the one file per bucket of before.

    By the engine of ``claimx-run query``, whose time is only shown; by DuckDB if it is installed.
    """
    other = str(folder / "as-before")
    small = store.open(SPEC.name)
    write_deltalake(
        other,
        QueryBuilder().register("t", small).execute("SELECT * FROM t"),
        partition_by=list(SPEC.partitions()),
        target_file_size=100 * 2**20,
    )
    ways = [("R16q", "by claimx-run query", engine_scan, 0.0)]
    if importlib.util.find_spec("duckdb"):
        ways.append(("R16s", "by DuckDB", duckdb_scan, 1 / 1.5))
    return [
        await compare(
            id_,
            f"a scan of all columns {how}; of one file per bucket",
            product=partial(scan, small),
            bare=partial(scan, DeltaTable(other)),
            unit="scans/s",
            at_least=at_least,
            rounds=rounds,
        )
        for id_, how, scan, at_least in ways
    ]


async def engine_scan(table: DeltaTable) -> Measured:
    """Read all columns of all rows."""
    watch = Stopwatch()
    with watch.running():
        for _ in QueryBuilder().register("t", table).execute("SELECT * FROM t"):
            pass
    return watch.measured(1)


async def duckdb_scan(table: DeltaTable) -> Measured:
    """Read all columns of all rows."""
    duckdb = importlib.import_module("duckdb")
    names = [column.name for column in SPEC.schema() if column.name != "_bucket"]
    most = ", ".join(f'max("{name}")' for name in names)
    files = table.file_uris()
    watch = Stopwatch()
    with watch.running():
        duckdb.sql(f"SELECT {most} FROM read_parquet({files!r})").fetchall()
    return watch.measured(1)


async def first_load(rounds: int) -> Result:
    """Write new keys alone, and append the same rows with a bare handle."""
    parts = [range(at * BATCH, (at + 1) * BATCH) for at in range(LOADED)]

    async def product() -> Measured:
        with tempfile.TemporaryDirectory() as folder:
            writer = writer_of(store_in(Path(folder)))
            watch = Stopwatch()
            for part in parts:
                made = [TableRow(SPEC.name, row) for row in rows(SPEC, part)]
                batch = writer.prepare(made, ())
                with watch.running():
                    writer.commit(batch, Claim())
        return watch.measured(LOADED)

    async def before() -> Measured:
        """As the writer did before: the same commit, by the engine's append."""
        with tempfile.TemporaryDirectory() as folder, appending():
            writer = writer_of(store_in(Path(folder)))
            watch = Stopwatch()
            for part in parts:
                made = [TableRow(SPEC.name, row) for row in rows(SPEC, part)]
                batch = writer.prepare(made, ())
                with watch.running():
                    writer.commit(batch, Claim())
        return watch.measured(LOADED)

    return await compare(
        "R16f",
        f"first load of {LOADED * BATCH:,} keys; by the engine's append",
        product=product,
        bare=before,
        unit="batches/s",
        at_least=1.0,
        rounds=rounds,
    )


@contextmanager
def appending() -> Iterator[None]:
    """Let the writer use the engine alone, as for a table that others have laid out."""
    with patch.object(merge, "why_merged", return_value="the bench asks for it"):
        yield


async def bench(run: Conditions) -> list[Result]:
    """Measure."""
    results: list[Result] = []
    sizes: Sequence[tuple[int, float]] = [(100_000, 1.0), (1_000_000, 1.0)]
    if not run.quick:
        sizes = [*sizes, (3_000_000, 1.5)]
    for stored, seconds in sizes:
        with tempfile.TemporaryDirectory() as folder:
            store = filled(Path(folder), stored)
            results += merges(store, stored, 100, seconds=seconds, written=25)
            if stored == 1_000_000:  # noqa: PLR2004 - the size that the targets are for
                results.append(kept_per_day(results[-1]))
                results += merges(store, stored, 500, seconds=3, written=100)
                results += await scans(store, Path(folder), run.rounds)
    results.append(await first_load(run.of(1, 3)))
    return results
