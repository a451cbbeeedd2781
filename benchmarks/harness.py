"""Two ways to do one thing, in turn, in one run: the ratio of their speeds.

The machine's speed drifts; a ratio of neighbours does not. The first round warms up
and is not counted.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from attrs import asdict, define, field, frozen


@frozen
class Measured:
    """One way, once: how much work in how many seconds, wall and processor."""

    units: float
    wall: float
    cpu: float
    first_commit: float = 0.0
    """Seconds until the first commit, where that is measured."""

    @property
    def rate(self) -> float:
        """Units per second."""
        return self.units / self.wall


@define
class Stopwatch:
    """Measures what happens between ``start`` and ``stop``, setting up left out."""

    began: float = 0.0
    cpu_at_start: float = 0.0
    wall: float = 0.0
    cpu: float = 0.0
    _runs: bool = False

    def start(self) -> None:
        """Begin."""
        self.began, self.cpu_at_start = time.perf_counter(), _cpu_seconds()
        self._runs = True

    def stop(self) -> None:
        """End; nothing if it has ended before."""
        if not self._runs:
            return
        self._runs = False
        self.wall += time.perf_counter() - self.began
        self.cpu += _cpu_seconds() - self.cpu_at_start

    @contextmanager
    def running(self) -> Iterator[None]:
        """Measure the body."""
        self.start()
        try:
            yield
        finally:
            self.stop()

    def measured(self, units: float) -> Measured:
        """Return the measurement of *units* of work."""
        return Measured(units, self.wall, self.cpu)


@frozen
class Conditions:
    """What a benchmark is run with."""

    url: str
    """A real Kafka."""
    quick: bool
    """Few rounds and little data: a look, not a measurement."""

    gated: bool = False
    """What is missed fails the run, so it is judged by processor time: a shared machine's clock
    says how busy it is."""

    @property
    def rounds(self) -> int:
        """Rounds that count."""
        return self.of(3 if self.gated else 2, 5)

    def of(self, quick: int, full: int) -> int:
        """Return the one that applies."""
        return quick if self.quick else full


@define
class Result:
    """The ratio of the product to the bare loop, over all counted rounds."""

    id: str
    what: str
    target: str
    unit: str
    ratios: list[float] = field(factory=list)
    product: list[float] = field(factory=list)
    bare: list[float] = field(factory=list)
    product_cpu: list[float] = field(factory=list)
    bare_cpu: list[float] = field(factory=list)
    met: bool = False

    @property
    def spread(self) -> float:
        """How far the rounds are apart, as a part of their median."""
        middle = abs(statistics.median(self.ratios))
        return (max(self.ratios) - min(self.ratios)) / middle if middle else 0.0

    @property
    def missed(self) -> bool:
        """Whether the target is missed for sure: rounds that disagree are only printed."""
        return not self.met and self.spread <= MOST_SPREAD

    def line(self) -> str:
        """Return the result as a row of the table."""
        ratio = (
            f"{statistics.median(self.ratios):.2f} ({min(self.ratios):.2f}-{max(self.ratios):.2f})"
        )
        product, bare = statistics.median(self.product), statistics.median(self.bare)
        mark = "yes" if self.met else "NO" if self.missed else "?"
        speeds = " : ".join(map(shown, (product, bare) if bare else (product,))) + f" {self.unit}"
        return f"{self.id:<5} {self.what:<58} {ratio:<18} {self.target:<9} {mark:<4} {speeds}"


def shown(figure: float) -> str:
    """Return a figure as the table has it: whole, or with two digits that count if it is small."""
    return f"{figure:,.0f}" if figure >= 10 else f"{figure:.2g}"  # noqa: PLR2004 - two digits


MOST_SPREAD = 0.15

HEAD = f"{'id':<5} {'what':<58} {'ratio (min-max)':<18} {'target':<9} {'met':<4} product : bare"

Way = Callable[[], Awaitable[Measured]]


async def compare(  # noqa: PLR0913 - the parts of a row
    id_: str,
    what: str,
    *,
    product: Way,
    bare: Way,
    unit: str,
    at_least: float,
    rounds: int,
    by_cpu: bool = False,
) -> Result:
    """Run *bare* and *product* in turn; the ratio is of rates, more is better.

    What misses its target is measured once more, and the second time counts.

    Args:
        id_: Name of the row.
        what: What it says.
        product: One measurement of the product.
        bare: One of what it is compared with.
        unit: Of the rates.
        at_least: The ratio that is wanted.
        rounds: How many count; one more warms up.
        by_cpu: The ratio is of what a second of processor time does.
    """
    for tries_left in (1, 0):
        result = Result(id_, what, f">= {at_least:g}", unit)
        for number in range(rounds + 1):
            slow, fast = await bare(), await product()
            if number:
                _note(result, fast, slow, by_cpu=by_cpu)
        result.met = statistics.median(result.ratios) >= at_least
        if result.met or not tries_left:
            break
    print(result.line(), flush=True)
    return result


def _note(result: Result, fast: Measured, slow: Measured, *, by_cpu: bool) -> None:
    """Add one round."""
    mine, others = fast.cpu / fast.units, slow.cpu / slow.units
    result.ratios.append(others / mine if by_cpu else fast.rate / slow.rate)
    result.product.append(fast.rate)
    result.bare.append(slow.rate)
    result.product_cpu.append(mine)
    result.bare_cpu.append(others)


Timed = Callable[[], Awaitable[float]]


async def compare_times(  # noqa: PLR0913 - the parts of a row
    id_: str,
    what: str,
    *,
    product: Timed,
    bare: Timed,
    at_most: float,
    rounds: int,
) -> Result:
    """Run *bare* and *product* in turn; the ratio is of the seconds they return, less is better."""
    result = Result(id_, what, f"<= {at_most:g}", "ms")
    for number in range(rounds + 1):
        slow, fast = await bare(), await product()
        if number:
            result.ratios.append(fast / slow)
            result.product.append(fast * 1000)
            result.bare.append(slow * 1000)
    result.met = statistics.median(result.ratios) <= at_most
    print(result.line(), flush=True)
    return result


def single(  # noqa: PLR0913 - the parts of a row
    id_: str, what: str, *, value: float, unit: str, at_most: float, bare: float = 0.0
) -> Result:
    """Return a result that is one figure: *value*, or its ratio to *bare* if there is one."""
    ratio = value / bare if bare else value
    result = Result(id_, what, f"<= {at_most:g}", unit, [ratio], [value], [bare])
    result.met = ratio <= at_most
    print(result.line(), flush=True)
    return result


def machine() -> dict[str, Any]:
    """Return what the figures were measured on."""
    packages = ("aiokafka", "deltalake", "pyarrow", "httpx", "aiohttp", "msgspec", "orjson")
    optional = ("quixstreams", "faststream", "confluent-kafka")
    installed = {each.name for each in metadata.distributions()}
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "load": os.getloadavg(),
        "versions": {
            name: metadata.version(name)
            for name in (*packages, *(each for each in optional if each in installed))
        },
    }


def save(results: list[Result], folder: Path) -> Path:
    """Write the results as JSON beside the printed table."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{datetime.now(UTC):%Y%m%dT%H%M%S}.json"
    content = {"machine": machine(), "results": [asdict(result) for result in results]}
    file.write_text(json.dumps(content, indent=2) + "\n")
    return file


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def support() -> None:
    """Make the tests' helpers importable: a real Kafka is started the same way."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
