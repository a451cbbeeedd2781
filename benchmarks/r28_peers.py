"""R28: the workers ``ingest`` and ``events`` beside programs on Quix Streams and FastStream.

All read the same events on one Kafka, each in a process of its own, by turns. The peers do the
same work at least once, in the way their libraries document for throughput; the product keeps all
of its promises. The product compresses by zstd, the peers nothing, as is the default of each; Quix
Streams by zstd has a row of its own. Processor time is per event between two
numbers of events, so starting cancels out; a rate is between the first commit seen and the last.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from bare_delta import BareTable
from deltalake import DeltaTable
from harness import Conditions, Measured, Result
from own_process import OUT, Command, Made, Program, Source, filled, per_event

from claimx_pipeline import Pipeline
from claimx_pipeline.broker.protocol import Admin
from claimx_pipeline.claimx.tables import EVENTS

NEEDED = {
    "quixstreams": "Quix Streams",
    "faststream": "FastStream",
    "confluent_kafka": "confluent-kafka",
}
SETTINGS = """\
broker: {{url: "{url}", prefix: "{prefix}"}}
tables: {{root: {folder}/tables}}
storage: {{files: {{root: {folder}/files}}, cache: {{root: {folder}/cache}}}}
plugins: {{dir: ""}}
health: {{port: 0}}
workers: {{{worker}: {{consumer_group: {group}{options}}}}}
"""

TASKS = "claimx.enrichment.pending"
TABLE = f"tables/{EVENTS.name}"

Rounds = Mapping[str, Sequence[Measured]]
"""What each contestant took, round by round."""


def worker(name: str, source: Source, folder: Path, group: str, options: str = "") -> list[str]:
    """Return the command of the product's worker *name*, its settings written and tables made."""
    config = folder / "claimx.yaml"
    config.write_text(
        SETTINGS.format(
            url=source.url,
            prefix=source.prefix,
            folder=folder,
            worker=name,
            group=group.removeprefix(source.prefix),
            options=options,
        )
    )
    pipeline = Pipeline.load(config, environ={}, cwd=folder)
    for table in pipeline.workers[name].tables:
        pipeline.table_store.create(table)
    return ["-m", "claimx_pipeline", "worker", name]


def product_ingest(source: Source, folder: Path, group: str) -> list[str]:
    """Run ``ingest`` as it is."""
    return worker("ingest", source, folder, group)


def product_events(source: Source, folder: Path, group: str) -> list[str]:
    """Run ``events``, exactly once and with dedupe, with batches as large as the peer's."""
    return worker("events", source, folder, group, ", batch_size: 5000")


def ingest_by(program: str, *more: str) -> Command:
    """Return how a peer's program about ``ingest`` is run."""

    def command(source: Source, _folder: Path, group: str) -> list[str]:
        return ["-m", f"peers.{program}", source.servers, source.topic, source.out, group, *more]

    return command


def quix_delta(source: Source, folder: Path, group: str) -> list[str]:
    """Run Quix Streams with a sink into a table like the product's."""
    table = folder / TABLE
    table.parent.mkdir()
    BareTable(table)
    return ["-m", "peers.quix_delta", source.servers, source.topic, str(table), group]


def published(topic: str) -> Made:
    """Return how messages in a topic are counted."""

    async def made(admin: Admin, source: Source, _folder: Path) -> int:
        return sum((await admin.end_offsets(f"{source.prefix}{topic}")).values())

    return made


async def stored(_admin: Admin, _source: Source, folder: Path) -> int:
    """Return the number of rows in the table."""
    table = DeltaTable(str(folder / TABLE))
    return int(table.to_pyarrow_dataset().count_rows())


async def in_turn(
    programs: Mapping[str, Program], fewer: Source, more: Source, rounds: int
) -> Rounds:
    """Run all of *programs* in each round; the first round warms up and is not counted."""
    found: dict[str, list[Measured]] = {name: [] for name in programs}
    for number in range(rounds + 1):
        for name, program in programs.items():
            measured = await per_event(program, fewer, more)
            if number:
                found[name].append(measured)
    return found


def processor_row(peer: str, mine: Sequence[Measured], theirs: Sequence[Measured]) -> Result:
    """Return the row that compares processor time, less being better."""
    what = f"ingest, processor time per event; {peer}"
    row = Result("R28", what, "<= 1", "µs")
    row.product = [each.cpu / each.units * 1e6 for each in mine]
    row.bare = [each.cpu / each.units * 1e6 for each in theirs]
    row.ratios = [one / other for one, other in zip(row.product, row.bare, strict=True)]
    row.met = statistics.median(row.ratios) <= 1
    return row


def rate_row(peer: str, mine: Sequence[Measured], theirs: Sequence[Measured]) -> Result:
    """Return the row that compares rates, more being better."""
    what = f"events into Delta, exactly once and deduped; {peer}"
    row = Result("R28d", what, ">= 1", "events/s")
    row.product, row.bare = [each.rate for each in mine], [each.rate for each in theirs]
    row.ratios = [one / other for one, other in zip(row.product, row.bare, strict=True)]
    row.met = statistics.median(row.ratios) >= 1
    return row


def figures(found: Rounds) -> None:
    """Print both figures of every contestant: medians over the rounds."""
    for name, rounds in found.items():
        cpu = statistics.median(each.cpu / each.units for each in rounds) * 1e6
        rate = statistics.median(each.rate for each in rounds)
        print(
            f"      {name:<24} {cpu:6.1f} µs of a core per event, {rate:,.0f} events/s", flush=True
        )


async def measure(fewer: Source, more: Source, rounds: int) -> list[Result]:
    """Measure both kinds of work."""
    sent = published(OUT)
    ingest = {
        "product": Program(product_ingest, published(TASKS)),
        "Quix Streams": Program(ingest_by("quix_ingest"), sent),
        "Quix Streams, zstd": Program(ingest_by("quix_ingest", "zstd"), sent),
        "FastStream, confluent": Program(ingest_by("faststream_confluent_ingest"), sent),
        "FastStream, aiokafka": Program(ingest_by("faststream_aiokafka_ingest"), sent),
    }
    found = await in_turn(ingest, fewer, more, rounds)
    rows = [processor_row(peer, found["product"], found[peer]) for peer in [*ingest][1:]]
    for row in rows:
        print(row.line(), flush=True)
    figures(found)
    delta = {
        "product": Program(product_events, stored),
        "Quix Streams": Program(quix_delta, stored),
    }
    found = await in_turn(delta, fewer, more, rounds)
    rows.append(rate_row("Quix Streams", found["product"], found["Quix Streams"]))
    print(rows[-1].line(), flush=True)
    figures(found)
    return rows


async def bench(run: Conditions) -> list[Result]:
    """Measure; without the peers, say how to install them."""
    if missing := [name for module, name in NEEDED.items() if find_spec(module) is None]:
        print(f"R28   not measured, {', '.join(missing)} not installed: run 'nox -s peers'")
        return []
    fewer = await filled(run.url, run.of(20_000, 50_000))
    more = await filled(run.url, run.of(100_000, 250_000))
    return await measure(fewer, more, run.rounds)
