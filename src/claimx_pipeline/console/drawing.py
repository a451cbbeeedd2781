"""Pictures as SVG text: the flow with its numbers, lines over time, bars of a result."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Final

from attrs import frozen

if TYPE_CHECKING:
    from claimx_pipeline.operations import WorkerStatus
    from claimx_pipeline.topics import Topology

COLUMN, ROW, BOX_WIDTH, BOX_HEIGHT = 250, 64, 200, 44
PLUGINS_ARE_CALLED_BY: Final = "enrichment"
MOST_POINTS: Final = 300
MOST_BARS: Final = 40


@frozen
class _Box:
    worker: WorkerStatus
    column: int
    row: int

    @property
    def x(self) -> int:
        return 10 + self.column * COLUMN

    @property
    def y(self) -> int:
        return 10 + self.row * ROW


def flow(topology: Topology, workers: Sequence[WorkerStatus]) -> str:
    """Return the workers from left to right, with rate and lag on the arrows between them."""
    drawn = [each for each in workers if each.worker != "retry"]
    arrows = _arrows(topology, [each.worker for each in drawn])
    boxes = _laid_out(arrows, drawn)
    columns = max((box.column for box in boxes.values()), default=0) + 1
    rows = max((box.row for box in boxes.values()), default=0) + 1
    width, height = columns * COLUMN - 30, rows * ROW + 4
    parts = [
        f'<svg class="flow" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'role="img" aria-label="Workers from left to right; the table below says the same">'
    ]
    parts += [_arrow(boxes[a], boxes[b]) for a, b in sorted(arrows)]
    parts += [_box(box) for box in boxes.values()]
    return "".join([*parts, "</svg>"])


def _arrows(topology: Topology, order: Sequence[str]) -> set[tuple[str, str]]:
    """Return which worker's records which later worker reads; retries and dead letters left out.

    Workers are listed in the order of the flow, so what goes back is not drawn. What a plugin
    publishes comes from the worker that calls plugins.
    """
    steps = {name: step for step, name in enumerate(order)}
    found = set()
    for topic in topology.topics:
        if topic.endswith((".dlq", ".errors")) or ".retry." in topic:
            continue
        for writer in topology.writers.get(topic, ()):
            source = PLUGINS_ARE_CALLED_BY if writer.startswith("plugin ") else writer
            for reader in topology.readers.get(topic, ()):
                if steps.get(source, len(steps)) < steps.get(reader, -1):
                    found.add((source, reader))
    return found


def _laid_out(arrows: set[tuple[str, str]], workers: Sequence[WorkerStatus]) -> dict[str, _Box]:
    """Return each worker with its column, one right of the last that it reads from."""
    found: dict[str, _Box] = {}
    rows: dict[int, int] = {}
    for each in workers:
        behind = [found[a].column for a, b in arrows if b == each.worker and a in found]
        column = max(behind, default=-1) + 1
        found[each.worker] = _Box(each, column, rows.get(column, 0))
        rows[column] = rows.get(column, 0) + 1
    return found


def _box(box: _Box) -> str:
    worker = box.worker
    rate = "" if worker.rate is None else f"{worker.rate:,.1f}/s"
    lag = f"lag {worker.lag:,}" if worker.lag else "lag 0"
    words = worker.state.replace(" ", "-")
    return (
        f'<g class="box state-{escape(words)}">'
        f"<title>{escape(worker.worker)}: {escape(worker.state)} {escape(worker.reason)}</title>"
        f'<rect x="{box.x}" y="{box.y}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="6"/>'
        f'<text x="{box.x + 10}" y="{box.y + 18}" class="name">{escape(worker.worker)}</text>'
        f'<text x="{box.x + 10}" y="{box.y + 35}">{escape(", ".join(filter(None, (rate, lag))))}'
        "</text></g>"
    )


def _arrow(a: _Box, b: _Box) -> str:
    x1, y1 = a.x + BOX_WIDTH, a.y + BOX_HEIGHT // 2
    x2, y2 = b.x, b.y + BOX_HEIGHT // 2
    bend = (x2 - x1) / 2
    return f'<path d="M{x1} {y1} C{x1 + bend} {y1} {x2 - bend} {y2} {x2} {y2}"/>'


def lines(values: Sequence[float], label: str) -> str:
    """Return values over time as a line, the newest at the right; its highest value as text."""
    step = max(1, len(values) // MOST_POINTS)
    shown = [max(values[i : i + step]) for i in range(0, len(values), step)]
    top = max(shown, default=0) or 1
    last = max(len(shown) - 1, 1)
    points = " ".join(
        f"{i * 300 / last:.1f},{58 - value * 54 / top:.1f}" for i, value in enumerate(shown)
    )
    return (
        f'<svg class="line" viewBox="0 0 300 60" role="img" aria-label="{escape(label)}">'
        f'<polyline points="{points}"/></svg>'
    )


def bars(names: Sequence[str], values: Sequence[float], label: str) -> str:
    """Return one bar for each value, with its name and the value beside it."""
    top = max((abs(value) for value in values), default=0) or 1
    rows = []
    for i, (name, value) in enumerate(zip(names[:MOST_BARS], values, strict=False)):
        y, width = i * 22, abs(value) * 180 / top
        rows.append(
            f'<text x="0" y="{y + 15}">{escape(name[:34])}</text>'
            f'<rect x="270" y="{y + 3}" width="{width:.1f}" height="16"/>'
            f'<text x="{275 + width:.1f}" y="{y + 15}">{value:,.6g}</text>'
        )
    height = min(len(values), MOST_BARS) * 22
    return (
        f'<svg class="bars" viewBox="0 0 560 {height}" role="img" aria-label="{escape(label)}">'
        f"{''.join(rows)}</svg>"
    )
