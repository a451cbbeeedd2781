"""R5: what a batch costs that goes into the seven entity tables, by what it changes."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable, write_deltalake
from entity_rows import SPECS, in_one_bucket, make_table, rows, source
from harness import Conditions, Measured, Result, Stopwatch, compare

from claimx_pipeline.claimx.tables import ENTITY_TABLES
from claimx_pipeline.clock import SystemClock
from claimx_pipeline.delta.rows import TableRow
from claimx_pipeline.delta.spec import TableSpec
from claimx_pipeline.delta.store import TableStore
from claimx_pipeline.delta.writing.sink import TableSink
from claimx_pipeline.settings.tree.tables import TablesSettings

PROJECTS = ENTITY_TABLES["projects"]

ROWS = 100
TURNS = 3
THREADS = 4


@contextmanager
def copied(template: Path) -> Iterator[Path]:
    """Give a copy of the prepared tables."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(shutil.copytree(template, Path(folder) / "tables"))


async def sinks_in(folder: Path, specs: Sequence[TableSpec]) -> dict[str, TableSink]:
    """Return the product's sinks, open."""
    store = TableStore(
        TablesSettings(root=str(folder)), {spec.name: spec for spec in specs}, SystemClock()
    )
    sinks = {spec.name: store.sink(spec.name, "bench") for spec in specs}
    for sink in sinks.values():
        await sink.open()
        await sink.acquire(())
    return sinks


async def product(
    template: Path, specs: Sequence[TableSpec], numbers: Sequence[int], *, changing: bool
) -> Measured:
    """Write batches table by table, as the runtime does, once all keys have been seen."""
    with copied(template) as folder:
        sinks = await sinks_in(folder, specs)
        watch = Stopwatch()
        for turn in range(TURNS + 1):
            batches = {
                spec.name: [
                    TableRow(spec.name, row) for row in rows(spec, numbers, turn if changing else 0)
                ]
                for spec in specs
            }
            if turn:
                watch.start()
            for name, sink in sinks.items():
                await sink.write(batches[name], (), {})
            if turn:
                watch.stop()
        for sink in sinks.values():
            await sink.close()
    return watch.measured(TURNS)


async def bare_appends(template: Path, specs: Sequence[TableSpec]) -> Measured:
    """Append as many rows to kept handles."""
    with copied(template) as folder:
        tables = {spec.name: DeltaTable(str(folder / spec.name)) for spec in specs}
        watch = Stopwatch()
        for turn in range(TURNS + 1):
            made = {spec.name: source(spec, range(ROWS), turn) for spec in specs}
            if turn:
                watch.start()
            for name, table in tables.items():
                await asyncio.to_thread(write_deltalake, table, made[name], mode="append")
            if turn:
                watch.stop()
    return watch.measured(TURNS)


async def bare_merges(
    template: Path, specs: Sequence[TableSpec], numbers: Sequence[int], *, tuned: bool
) -> Measured:
    """Merge the same rows, the tables on threads; *tuned* names the buckets."""
    with copied(template) as folder, ThreadPoolExecutor(THREADS) as threads:
        tables = {spec.name: DeltaTable(str(folder / spec.name)) for spec in specs}
        watch = Stopwatch()
        for turn in range(TURNS + 1):
            made = {spec.name: source(spec, numbers, turn) for spec in specs}
            if turn:
                watch.start()
            done = [
                threads.submit(merge, tables[spec.name], made[spec.name], spec, tuned=tuned)
                for spec in specs
            ]
            await asyncio.gather(*map(asyncio.wrap_future, done))
            if turn:
                watch.stop()
    return watch.measured(TURNS)


def merge(table: DeltaTable, rows: pa.Table, spec: TableSpec, *, tuned: bool) -> None:
    """Merge *rows* by key."""
    conditions = [f't."{name}" = s."{name}"' for name in spec.identity()]
    if tuned and spec.bucket_column:
        buckets = sorted(set(rows["_bucket"].to_pylist()))
        conditions.insert(0, f"t._bucket IN ({', '.join(map(str, buckets))})")
    (
        table.merge(
            rows,
            " AND ".join(conditions),
            source_alias="s",
            target_alias="t",
            streamed_exec=False,
        )
        .when_matched_update_all(predicate="t._row_hash <> s._row_hash")
        .when_not_matched_insert_all()
        .execute()
    )


def added_bytes(table: DeltaTable) -> dict[str, int]:
    """Return the files of a table and their sizes."""
    files = pa.table(table.get_add_actions(flatten=True))
    return dict(zip(files["path"].to_pylist(), files["size_bytes"].to_pylist(), strict=True))


async def amplification(template: Path, numbers: Sequence[int], *, where: str) -> Result:
    """Return how many bytes one merge writes for each byte of the rows it brings."""
    result = Result("R5w", f"write amplification, {ROWS} rows {where}", "shown", "bytes", met=True)
    with copied(template) as folder:
        (sink,) = (await sinks_in(folder, [PROJECTS])).values()
        place = str(folder / PROJECTS.name)
        before = added_bytes(DeltaTable(place))
        await sink.write(
            [TableRow(PROJECTS.name, row) for row in rows(PROJECTS, numbers, 1)], (), {}
        )
        written = [
            size for path, size in added_bytes(DeltaTable(place)).items() if path not in before
        ]
        await sink.close()
        alone = make_table(folder / "alone", PROJECTS, 0)
        write_deltalake(alone, source(PROJECTS, numbers, 1), mode="append")
        new = sum(added_bytes(alone).values())
    result.ratios, result.product, result.bare = [sum(written) / new], [sum(written)], [new]
    print(result.line(), flush=True)
    return result


async def measure(*, rounds: int, stored: int, stored_many: int) -> list[Result]:
    """Measure on tables of *stored* rows, and one of *stored_many*."""
    scattered = [number * stored // ROWS for number in range(ROWS)]
    local = in_one_bucket(ROWS)
    with tempfile.TemporaryDirectory() as made, tempfile.TemporaryDirectory() as many:
        template, large = Path(made), Path(many)
        for spec in SPECS:
            make_table(template, spec, stored)
        make_table(large, PROJECTS, stored_many)
        common: dict[str, Any] = {"unit": "batches/s", "rounds": rounds}
        return [
            await compare(
                "R5a",
                "seven tables, nothing changed; seven bare appends",
                product=lambda: product(template, SPECS, scattered, changing=False),
                bare=lambda: bare_appends(template, SPECS),
                at_least=3.0,
                **common,
            ),
            await compare(
                "R5b",
                f"seven tables, 100 changed of {stored:,}; bare merges on threads",
                product=lambda: product(template, SPECS, scattered, changing=True),
                bare=lambda: bare_merges(template, SPECS, scattered, tuned=False),
                at_least=1 / 1.1,
                **common,
            ),
            await compare(
                "R5c",
                f"100 rows of one bucket into {stored_many:,}; bare tuned merge",
                product=lambda: product(large, [PROJECTS], local, changing=True),
                bare=lambda: bare_merges(large, [PROJECTS], local, tuned=True),
                at_least=1 / 1.2,
                **common,
            ),
            await amplification(template, scattered, where=f"all over {stored:,}"),
            await amplification(large, local, where=f"of one bucket into {stored_many:,}"),
        ]


async def bench(run: Conditions) -> list[Result]:
    """Measure."""
    return await measure(
        rounds=run.rounds, stored=run.of(20_000, 100_000), stored_many=run.of(200_000, 1_000_000)
    )
