"""R23: CPU time of counting, per record on its way through a worker, per request, per call.

Absolute figures: microseconds. ``python benchmarks/r23_counting.py`` prints them alone.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable

from harness import Conditions, Result

from claimx_pipeline.clock import SystemClock
from claimx_pipeline.telemetry.health import Health
from claimx_pipeline.telemetry.metrics import Metrics

BATCH = 100
LIMIT = 0.4
"""Microseconds of CPU per event."""


def cpu_microseconds(work: Callable[[], None], times: int, per: int = 1) -> float:
    """Return the CPU time of one of *per* things that *work* is about; the best of five runs."""
    runs = []
    for _ in range(5):
        began = time.process_time_ns()
        for _ in range(times):
            work()
        runs.append((time.process_time_ns() - began) / times / per / 1000)
    return min(runs)


def measured(times: int) -> dict[str, float]:
    """Return what counting costs."""
    metrics, health = Metrics(), Health(SystemClock())
    health.expect("w")
    worker = metrics.worker("w", health)
    table, cache = worker.table("t"), metrics.requests.cache("c")
    topics = ["claimx.entities.rows"] * BATCH
    counts = {"done": BATCH, "skipped": 0, "retry": 0, "dead": 0}

    def batch() -> None:
        """Count all that is counted about a batch of records that publishes and writes."""
        worker.phase("poll", 0.001)
        worker.received(BATCH)
        worker.phase("process", 0.001)
        worker.phase("publish", 0.001)
        worker.published(topics)
        worker.phase("write", 0.001)
        table.written(written=BATCH, skipped=0, refused=0)
        table.committed(0.001, at=1.0, conflicts=0, version=1)
        worker.phase("commit", 0.001)
        worker.committed(counts)
        worker.batch(0.01)

    def request() -> None:
        metrics.requests.sent("claimx", "GET", "/export/project/{project_id}", "2xx", 0.01)

    def plugin() -> None:
        metrics.plugins.called("p", "claimx_enrichment_complete", "ok", 0.001)

    def cached() -> None:
        cache.hits += 1

    return {
        "record": cpu_microseconds(batch, times, BATCH),
        "request": cpu_microseconds(request, times),
        "plugin_call": cpu_microseconds(plugin, times),
        "cached_answer": cpu_microseconds(cached, times),
    }


async def bench(run: Conditions) -> list[Result]:
    """Measure."""
    found = [measured(run.of(2_000, 20_000)) for _ in range(run.rounds)]
    results = []
    for name in found[0]:
        each = [round_[name] for round_ in found]
        result = Result("R23", f"counting, per {name}", f"<={LIMIT}", "µs : limit")
        result.product, result.bare = each, [LIMIT for _ in each]
        result.ratios = [LIMIT / max(value, 0.001) for value in each]
        result.met = min(each) <= LIMIT
        print(result.line(), flush=True)
        results.append(result)
    return results


def main() -> None:
    """Print the result as a line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a short run")
    found = measured(2_000 if parser.parse_args().quick else 20_000)
    print(json.dumps({"counting_us": {name: round(each, 3) for name, each in found.items()}}))
    if dear := {name: each for name, each in found.items() if each > LIMIT}:
        raise SystemExit(f"counting costs more than {LIMIT} µs: {dear}")


if __name__ == "__main__":
    main()
