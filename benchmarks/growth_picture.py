"""Draws curves on two logarithmic axes as SVG, readable on light and dark pages."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape

from attrs import frozen

WIDTH, HEIGHT = 640, 360
LEFT, RIGHT, TOP, BOTTOM = 64, 168, 40, 52
COLOURS = ("#1f77b4", "#d62728", "#2ca02c")
STYLE = (
    "text{font:13px sans-serif;fill:#333}.axis{stroke:#888}.grid{stroke:#8884}"
    "@media(prefers-color-scheme:dark){text{fill:#ddd}}"
)


@frozen
class Curve:
    """One line of the picture."""

    label: str
    points: Sequence[Sequence[float]]


@frozen
class Axis:
    """A logarithmic axis from *low* to *high*, drawn from *start* to *end*."""

    low: float
    high: float
    start: float
    end: float

    @classmethod
    def around(cls, values: Sequence[float], start: float, end: float) -> Axis:
        """Return the axis on which all *values* are."""
        low, high = math.log10(min(values)), math.log10(max(values))
        return cls(math.floor(low * 2) / 2, max(math.ceil(high * 2) / 2, low + 0.5), start, end)

    def at(self, value: float) -> float:
        """Return where *value* is."""
        share = (math.log10(value) - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 1)

    def marks(self) -> Iterator[float]:
        """Yield round values between the ends."""
        for power in range(math.floor(self.low), math.ceil(self.high) + 1):
            for digit in (1, 2, 5):
                value = digit * 10.0**power
                if self.low <= math.log10(value) <= self.high:
                    yield value


def picture(title: str, across: str, curves: Sequence[Curve]) -> str:
    """Return the picture of *curves*."""
    points = [point for curve in curves for point in curve.points]
    x = Axis.around([point[0] for point in points], LEFT, WIDTH - RIGHT)
    y = Axis.around([point[1] for point in points], HEIGHT - BOTTOM, TOP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        f"<title>{escape(title)} by {escape(across)}</title><style>{STYLE}</style>",
        f'<text x="{LEFT}" y="22" font-weight="bold">{escape(title)}</text>',
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 10}" text-anchor="middle">'
        f"{escape(across)}</text>",
        *_grid(x, y),
    ]
    for number, curve in enumerate(curves):
        colour = COLOURS[number % len(COLOURS)]
        path = " ".join(f"{x.at(point[0])},{y.at(point[1])}" for point in curve.points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [
            f'<circle cx="{x.at(point[0])}" cy="{y.at(point[1])}" r="3" fill="{colour}"/>'
            for point in curve.points
        ]
        last = curve.points[-1]
        value = f"{last[1]:.3g}"
        parts.append(
            f'<text x="{x.at(last[0]) + 8}" y="{y.at(last[1]) + 4}">{escape(curve.label)}: '
            f"{value}</text>"
        )
    return "\n".join([*parts, "</svg>"]) + "\n"


def _grid(x: Axis, y: Axis) -> Iterator[str]:
    for value in x.marks():
        at = x.at(value)
        yield f'<line class="grid" x1="{at}" x2="{at}" y1="{y.start}" y2="{y.end}"/>'
        yield f'<text x="{at}" y="{y.start + 18}" text-anchor="middle">{_round(value)}</text>'
    for value in y.marks():
        at = y.at(value)
        yield f'<line class="grid" x1="{x.start}" x2="{x.end}" y1="{at}" y2="{at}"/>'
        yield f'<text x="{x.start - 6}" y="{at + 4}" text-anchor="end">{_round(value)}</text>'
    yield f'<line class="axis" x1="{x.start}" x2="{x.end}" y1="{y.start}" y2="{y.start}"/>'


def _round(value: float) -> str:
    for size, mark in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{mark}"
    return f"{value:g}"
