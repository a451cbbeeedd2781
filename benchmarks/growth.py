"""Draws how costs grow: ``python benchmarks/growth.py`` writes pictures into the documentation.

``--measure`` measures first and keeps the figures in ``results/growth.json``, from which they are
drawn. Seconds are those of a core, which a busy machine changes least.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import harness

harness.support()

from entity_rows import rows  # noqa: E402 - the same
from growth_picture import Curve, picture  # noqa: E402 - the same
from r16_keyed_growth import MB, SPEC, appending, filled, peak, writer_of  # noqa: E402 - the same

from claimx_pipeline.claimx.tables import ENTITY_TABLES  # noqa: E402 - support() comes first
from claimx_pipeline.clock import SystemClock  # noqa: E402 - the same
from claimx_pipeline.delta.handle import KeptHandle  # noqa: E402 - the same
from claimx_pipeline.delta.log_files import KEPT_COMMITS  # noqa: E402 - the same
from claimx_pipeline.delta.rows import TableRow  # noqa: E402 - the same
from claimx_pipeline.delta.store import TableStore  # noqa: E402 - the same
from claimx_pipeline.delta.writing.held_positions import Claim  # noqa: E402 - the same
from claimx_pipeline.delta.writing.merge import MergeWriter  # noqa: E402 - the same
from claimx_pipeline.settings.tree.tables import TablesSettings  # noqa: E402 - the same

DATA = Path(__file__).parent / "results" / "growth.json"
DOCS = Path(__file__).parents[1] / "docs" / "explanation"
SIZES, MERGED_SIZES = (100_000, 300_000, 1_000_000, 3_000_000), (100_000, 300_000, 1_000_000)
KEYS, TURNS = 100, 3
COMMITS, STEP = 2_000, 200
Points = dict[str, list[list[float]]]


def of_one(store: TableStore, stored: int, way: AbstractContextManager[None]) -> list[float]:
    """Return seconds of a core, MB above idle and MB written of replacing rows all over a table."""
    cpu, grown, wrote = [], [], []
    with way:
        writer = writer_of(store)
        for turn in range(1, TURNS + 1):
            numbers = [(at * stored // KEYS + 7 * at + turn) % stored for at in range(KEYS)]
            changed = [TableRow(SPEC.name, row) for row in rows(SPEC, numbers, turn)]
            batch = writer.prepare(changed, ())
            before = set(store.open(SPEC.name).file_uris())
            with peak() as more:
                began = time.process_time()
                writer.commit(batch, Claim())
                cpu.append(time.process_time() - began)
            grown += more
            fresh = set(store.open(SPEC.name).file_uris()) - before
            wrote.append(sum(Path(uri).stat().st_size for uri in fresh) / MB)
    return [statistics.median(cpu), max(grown), statistics.median(wrote)]


def by_rows() -> dict[str, Points]:
    """Measure at each size, by files and by the engine's MERGE."""
    found: dict[str, Points] = {each: {} for each in ("cpu", "memory", "written")}
    for name, sizes in (("files", SIZES), ("MERGE", MERGED_SIZES)):
        for stored in sizes:
            with tempfile.TemporaryDirectory() as folder:
                store = filled(Path(folder), stored)
                way = appending() if name == "MERGE" else nullcontext()
                for measure, value in zip(found, of_one(store, stored, way), strict=True):
                    found[measure].setdefault(name, []).append([stored, value])
                    print(name, stored, measure, round(value, 3), flush=True)
    return found


def by_commits(*, kept: bool) -> list[list[float]]:
    """Measure commits to a table whose log is kept short, or grows as the engine leaves it."""
    spec = ENTITY_TABLES["task_templates"]
    with tempfile.TemporaryDirectory() as folder:
        store = TableStore(TablesSettings(root=folder), {spec.name: spec}, SystemClock())
        store.create(spec.name)
        if not kept:
            table = store.open(spec.name)
            table.alter.set_table_properties({KEPT_COMMITS: "1000000"}, raise_if_not_exists=False)
        writer = MergeWriter(spec, KeptHandle(store.location(spec.name)), store.clock, "bench")
        writer.acquire(())
        took, points = [], []
        for number in range(COMMITS):
            row = {"task_id": number % 50, "name": f"{number}"}
            batch = writer.prepare([TableRow(spec.name, row)], ())
            began = time.process_time()
            writer.commit(batch, Claim())
            took.append(1000 * (time.process_time() - began))
            if (number + 1) % STEP == 0:
                points.append([number + 1, statistics.median(took[-STEP:])])
        return points


def measure() -> None:
    """Measure all and keep it."""
    found = {"machine": harness.machine(), "rows": by_rows()}
    found["commits"] = {
        "log kept short": by_commits(kept=True),
        "log that grows": by_commits(kept=False),
    }
    DATA.parent.mkdir(exist_ok=True)
    DATA.write_text(json.dumps(found, indent=1) + "\n")


PICTURES = {
    "cpu": ("growth-seconds", "Seconds of a core to replace 100 rows", "rows in the table"),
    "memory": ("growth-memory", "MB above idle to replace 100 rows", "rows in the table"),
    "written": ("growth-bytes", "MB written to replace 100 rows", "rows in the table"),
}


def draw() -> None:
    """Write the pictures."""
    found = json.loads(DATA.read_text())
    for name, (file, title, across) in PICTURES.items():
        curves = [Curve(label, points) for label, points in found["rows"][name].items()]
        (DOCS / f"{file}.svg").write_text(picture(title, across, curves))
    curves = [Curve(label, points) for label, points in found["commits"].items()]
    title = "Milliseconds of a core for one commit"
    (DOCS / "growth-commits.svg").write_text(picture(title, "commits so far", curves))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--measure", action="store_true", help="measure before drawing")
    if parser.parse_args().measure:
        measure()
    draw()
