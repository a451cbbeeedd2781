"""Pictures as SVG text: the flow with its numbers, lines over time, bars of a result."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Final

from attrs import frozen

if TYPE_CHECKING:
    from claimx_pipeline.operations import WorkerStatus
    from claimx_pipeline.topics import Topology

ARROW, BOX_WIDTH, BOX_HEIGHT, ROW = 116, 150, 44, 64
COLUMN: Final = ARROW + BOX_WIDTH
TREE_WIDTH, TREE_ROW, INDENT = 340, 50, 14
LONGEST_NAME: Final = 18
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
        return self.column * COLUMN + ARROW

    @property
    def y(self) -> int:
        return 10 + self.row * ROW


def flow(topology: Topology, workers: Sequence[WorkerStatus]) -> str:
    """Return the workers from left to right, with rate and lag on the arrows that lead to each."""
    drawn = [each for each in workers if each.worker != "retry"]
    arrows = _arrows(topology, [each.worker for each in drawn])
    boxes = _laid_out(arrows, drawn)
    columns = max((box.column for box in boxes.values()), default=0) + 1
    rows = max((box.row for box in boxes.values()), default=0) + 1
    width, height = columns * COLUMN + 10, rows * ROW + 4
    parts = [
        f'<svg class="flow" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'role="img" aria-label="Workers from left to right; the table below says the same">'
    ]
    parts += [_arrow(boxes[a], boxes[b]) for a, b in sorted(arrows)]
    parts += [_entry(box) for box in boxes.values() if box.column == 0]
    parts += [_box(box) + _numbers(box) for box in boxes.values()]
    return "".join([*parts, "</svg>"])


def tree(topology: Topology, workers: Sequence[WorkerStatus]) -> str:
    """Return the flow for a narrow page: each worker below the one that it reads from."""
    drawn = [each for each in workers if each.worker != "retry"]
    arrows = _arrows(topology, [each.worker for each in drawn])
    boxes = _laid_out(arrows, drawn)
    parents = {
        b: max((a for a, to in arrows if to == b), key=lambda a: boxes[a].column, default=None)
        for b in boxes
    }
    order: list[str] = []

    def visit(name: str) -> None:
        order.append(name)
        for other in boxes:
            if parents[other] == name:
                visit(other)

    for name in boxes:
        if parents[name] is None:
            visit(name)
    rows = {name: row for row, name in enumerate(order)}
    parts = [
        f'<svg class="tree" viewBox="0 0 {TREE_WIDTH} {len(order) * TREE_ROW}" role="img" '
        'aria-label="Workers from top to bottom; the list below says the same">'
    ]
    for name in order:
        parent = parents[name]
        x, y = boxes[name].column * INDENT + 2, rows[name] * TREE_ROW + 2
        if parent is not None:
            from_y = rows[parent] * TREE_ROW + 2 + BOX_HEIGHT
            corner = x - INDENT + 6
            parts.append(f'<path d="M{corner} {from_y} V{y + BOX_HEIGHT // 2} H{x}"/>')
        parts.append(_tree_box(boxes[name].worker, x, y))
    return "".join([*parts, "</svg>"])


def _tree_box(worker: WorkerStatus, x: int, y: int) -> str:
    width = TREE_WIDTH - x - 2
    return (
        f'<g class="box state-{escape(worker.state.replace(" ", "-"))}">'
        f'<rect x="{x}" y="{y}" width="{width}" height="{BOX_HEIGHT}" rx="6"/>'
        f'<text x="{x + 8}" y="{y + 18}" class="name">{escape(_short(worker.worker))}</text>'
        f'<text x="{x + 8}" y="{y + 36}">{escape(worker.state)}</text>'
        f'<text x="{x + width - 8}" y="{y + 18}" class="end">{escape(_rate(worker))}</text>'
        f'<text x="{x + width - 8}" y="{y + 36}" class="end">lag {worker.lag:,}</text></g>'
    )


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"


def _rate(worker: WorkerStatus) -> str:
    return "" if worker.rate is None else f"{worker.rate:,.1f}/s"


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
    words = worker.state.replace(" ", "-")
    name = escape(_short(worker.worker))
    return (
        f'<g class="box state-{escape(words)}">'
        f"<title>{escape(worker.worker)}: {escape(worker.state)} {escape(worker.reason)}</title>"
        f'<rect x="{box.x}" y="{box.y}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="6"/>'
        f'<text x="{box.x + 10}" y="{box.y + 18}" class="name">{name}</text>'
        f'<text x="{box.x + 10}" y="{box.y + 36}">{escape(worker.state)}</text></g>'
    )


def _numbers(box: _Box) -> str:
    """Return rate and lag where the arrow reaches the box."""
    x, middle = box.x - 8, box.y + BOX_HEIGHT // 2
    return (
        f'<text x="{x}" y="{middle - 6}" class="end over">{escape(_rate(box.worker))}</text>'
        f'<text x="{x}" y="{middle + 17}" class="end over">lag {box.worker.lag:,}</text>'
    )


def _entry(box: _Box) -> str:
    """Return the arrow of what comes from outside."""
    y = box.y + BOX_HEIGHT // 2
    return f'<path d="M{box.x - ARROW + 6} {y} H{box.x}"/>'


def _arrow(a: _Box, b: _Box) -> str:
    x1, y1 = a.x + BOX_WIDTH, a.y + BOX_HEIGHT // 2
    x2, y2 = b.x, b.y + BOX_HEIGHT // 2
    turn = x2 - ARROW + 10
    bend = ARROW // 4
    return (
        f'<path d="M{x1} {y1} H{turn - 10} C{turn + bend // 2} {y1} {turn - bend // 2} {y2} '
        f'{turn + bend} {y2} H{x2}"/>'
    )


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
    """Return one bar for each value, with its name above it and the value beside it."""
    top = max((abs(value) for value in values), default=0) or 1
    rows = []
    for i, (name, value) in enumerate(zip(names[:MOST_BARS], values, strict=False)):
        y, width = i * 38, abs(value) * 240 / top
        rows.append(
            f'<text x="0" y="{y + 13}">{escape(name[:44])}</text>'
            f'<rect x="0" y="{y + 18}" width="{width:.1f}" height="12"/>'
            f'<text x="{width + 5:.1f}" y="{y + 29}">{value:,.6g}</text>'
        )
    height = min(len(values), MOST_BARS) * 38
    return (
        f'<svg class="bars" viewBox="0 0 340 {height}" role="img" aria-label="{escape(label)}">'
        f"{''.join(rows)}</svg>"
    )
