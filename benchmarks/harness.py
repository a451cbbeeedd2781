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

    def start(self) -> None:
        """Begin."""
        self.began, self.cpu_at_start = time.perf_counter(), _cpu_seconds()

    def stop(self) -> None:
        """End."""
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

    @property
    def rounds(self) -> int:
        """Rounds that count."""
        return self.of(2, 5)

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

    def line(self) -> str:
        """Return the result as a row of the table."""
        ratio = (
            f"{statistics.median(self.ratios):.2f} ({min(self.ratios):.2f}-{max(self.ratios):.2f})"
        )
        product, bare = statistics.median(self.product), statistics.median(self.bare)
        mark = "yes" if self.met else "NO"
        speeds = f"{product:,.0f} : {bare:,.0f} {self.unit}"
        return f"{self.id:<5} {self.what:<58} {ratio:<18} {self.target:<9} {mark:<4} {speeds}"


HEAD = f"{'id':<5} {'what':<58} {'ratio (min-max)':<18} {'target':<9} {'met':<4} product : bare"

Way = Callable[[], Awaitable[Measured]]


async def compare(  # noqa: PLR0913 - the parts of a row
    id_: str, what: str, *, product: Way, bare: Way, unit: str, at_least: float, rounds: int
) -> Result:
    """Run *bare* and *product* in turn; the ratio is of rates, more is better."""
    result = Result(id_, what, f">= {at_least:g}", unit)
    for number in range(rounds + 1):
        slow, fast = await bare(), await product()
        if number == 0:
            continue
        result.ratios.append(fast.rate / slow.rate)
        result.product.append(fast.rate)
        result.bare.append(slow.rate)
        result.product_cpu.append(fast.cpu / fast.units)
        result.bare_cpu.append(slow.cpu / slow.units)
    result.met = statistics.median(result.ratios) >= at_least
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
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "load": os.getloadavg(),
        "versions": {name: metadata.version(name) for name in packages},
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
