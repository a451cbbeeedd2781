"""The bench measures what it says it does."""

import asyncio
import sys
from pathlib import Path

import pytest

from claimx_pipeline.claimx.domain import CLAIMX
from claimx_pipeline.claimx.events import decode_event
from claimx_pipeline.claimx.tables import EVENTS

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def bench(monkeypatch):
    """The bench's modules, importable for one test."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    for name in ("harness", "run"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    import harness
    import run

    yield harness, run
    for name in ("harness", "run"):
        sys.modules.pop(name, None)


def test_a_watch_that_is_stopped_twice_counts_once(bench):
    harness, _ = bench
    watch = harness.Stopwatch()
    watch.start()
    watch.stop()
    measured = watch.wall
    watch.stop()
    assert watch.wall == measured


def test_every_file_of_the_bench_is_found(bench):
    _, run = bench
    assert sorted(run.benchmarks("")) == sorted(
        file.stem for file in BENCHMARKS.glob("r*_*.py") if file.stem[1].isdigit()
    )
    assert run.benchmarks("R22") == ["r22_trace"]
    assert run.benchmarks("R1") == ["r1_consume"]
    assert run.benchmarks("R10") == ["r7_latency"]
    assert run.benchmarks("R13") == ["r13_memory", "r26_workers"]
    with pytest.raises(SystemExit, match="no benchmark prints a row R99"):
        run.benchmarks("R99")


@pytest.mark.parametrize(("ratios", "missed"), [([0.5, 0.51, 0.5], True), ([0.5, 0.9, 0.3], False)])
def test_rounds_that_disagree_miss_nothing(bench, ratios, missed):
    harness, _ = bench
    result = harness.Result("R0", "", ">= 1", "x", ratios, [1.0], [1.0])
    assert result.missed is missed


def test_what_misses_its_target_is_measured_once_more(bench):
    harness, _ = bench
    rates = iter([1.0] * 3 + [4.0] * 3)

    async def product():
        return harness.Measured(next(rates), 1.0, 1.0)

    async def bare():
        return harness.Measured(2.0, 1.0, 1.0)

    result = asyncio.run(
        harness.compare("R0", "", product=product, bare=bare, unit="x", at_least=1.0, rounds=2)
    )
    assert result.met
    assert result.ratios == [2.0, 2.0]


def test_a_gate_compares_processor_time(bench):
    harness, _ = bench

    async def product():
        return harness.Measured(1.0, 10.0, 1.0)

    async def bare():
        return harness.Measured(1.0, 1.0, 2.0)

    found = [
        asyncio.run(
            harness.compare(
                "R0",
                "",
                product=product,
                bare=bare,
                unit="x",
                at_least=1.0,
                rounds=1,
                by_cpu=by_cpu,
            )
        )
        for by_cpu in (False, True)
    ]
    assert [each.met for each in found] == [False, True]
    assert [each.ratios for each in found] == [[0.1], [2.0]]


def test_no_two_files_of_the_bench_share_a_number(bench):
    _, run = bench
    numbers = [name.partition("_")[0] for name in run.benchmarks("")]
    assert len(numbers) == len(set(numbers))
    assert set(run.GATING) <= set(run.benchmarks(""))


@pytest.fixture
def peers(bench, monkeypatch):
    """The comparison with other libraries, importable for one test."""
    names = ("r28_peers", "own_process", "bare_delta", "sample_events", "peers", "peers.event")
    for name in names:
        monkeypatch.delitem(sys.modules, name, raising=False)
    import r28_peers

    yield r28_peers
    for name in names:
        sys.modules.pop(name, None)


def test_without_the_peers_one_line_says_how_to_install_them(bench, peers, monkeypatch, capsys):
    harness, _ = bench
    monkeypatch.setattr(peers, "find_spec", lambda _: None)
    assert asyncio.run(peers.bench(harness.Conditions("", quick=True))) == []
    (line,) = capsys.readouterr().out.splitlines()
    assert "nox -s peers" in line


@pytest.mark.parametrize("number", range(3))
def test_the_peers_make_the_ids_and_messages_of_the_product(peers, number):
    orjson = pytest.importorskip("orjson")
    import sample_events
    from peers.event import row_of, task_of

    value = sample_events.value(number)
    event = decode_event(value, None)
    task, ours = task_of(orjson.loads(value)), orjson.loads(CLAIMX.messages.task(event, b"}"))
    assert task.keys() - {"created_at"} == ours.keys()
    times = ("ingested_at", "created_at")
    assert {k: v for k, v in task.items() if k not in times} == {
        k: v for k, v in ours.items() if k not in times
    }
    row = row_of(value)
    assert row.keys() == set(EVENTS.schema().names)
    assert row["event_id"] == event.event_id
