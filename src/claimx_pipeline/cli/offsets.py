"""``claimx-run offsets``: compare what tables, groups and topics have, and repair it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from claimx_pipeline.cli.context import CommandLine
from claimx_pipeline.cli.output import note, print_json, print_table
from claimx_pipeline.errors import UnknownTopicError, UsageError

if TYPE_CHECKING:
    from claimx_pipeline.broker.protocol import TopicPartition
    from claimx_pipeline.pipeline import Pipeline
    from claimx_pipeline.runtime.offsets.repair import Moved, WorkerOffsets

T = TypeVar("T")

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Compare what tables, groups and topics have, and make them agree again.",
)

JSON = Annotated[bool, typer.Option("--json", help="Print JSON.")]
WORKER = Annotated[str, typer.Argument(help="Worker; 'claimx-run worker --list' shows them.")]


@app.command()
def show(
    context: typer.Context,
    workers: Annotated[
        list[str] | None, typer.Argument(help="Workers, or sets of them; all if none is given.")
    ] = None,
    json: JSON = False,
) -> None:
    """Show how far table, group and topic are in each partition, and whether that fits."""
    command_line: CommandLine = context.obj
    pipeline = command_line.pipeline()
    chosen = pipeline.select(workers) if workers else list(pipeline.workers.values())
    rows = [row for worker in chosen for row in _with(pipeline, worker.name, _rows)]
    if json:
        print_json(rows)
        return
    columns = ["worker", "table", "topic", "partition", "stored", "group", "begin", "end", "state"]
    print_table(rows, columns, f"Offsets on {pipeline.broker().url}")
    for refusal in dict.fromkeys(row["refusal"] for row in rows if row["refusal"]):
        note(refusal)


@app.command()
def adopt(
    context: typer.Context,
    worker: WORKER,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json: JSON = False,
) -> None:
    """Accept topic and group as they are for the continuation of the worker's tables.

    For a topic that was recreated: its offsets start again, and are kept apart from those
    of the old one. Rows of the tables stay as they are.
    """
    command_line: CommandLine = context.obj
    pipeline = command_line.pipeline()
    _only(pipeline, worker)
    if not yes:
        if not sys.stdin.isatty():
            raise UsageError("nobody is there to be asked; add --yes to do it")
        typer.confirm(f"Go on with the topics of worker {worker} as they are?", abort=True)
    _tell(_with(pipeline, worker, lambda offsets: offsets.adopt()), json=json)


@app.command()
def rewind(
    context: typer.Context,
    worker: WORKER,
    to_table: Annotated[
        bool, typer.Option("--to-table", help="Go on after the rows that the tables have.")
    ] = False,
    to_earliest: Annotated[
        bool, typer.Option("--to-earliest", help="Go on with the oldest record kept.")
    ] = False,
    to: Annotated[
        list[str] | None,
        typer.Option(
            "--to", metavar="[PARTITION:]OFFSET", help="Go on at this offset; may be repeated."
        ),
    ] = None,
    topic: Annotated[str | None, typer.Option(help="Only this topic of those it reads.")] = None,
    json: JSON = False,
) -> None:
    """Set where the worker's group goes on; its workers must be stopped.

    Rows that an append table has already are found and not written twice.
    """
    if [to_table, to_earliest, bool(to)].count(True) != 1:
        raise UsageError("say where to: --to-table, --to-earliest or --to OFFSET")
    command_line: CommandLine = context.obj
    pipeline = command_line.pipeline()
    _only(pipeline, worker)

    async def work(offsets: WorkerOffsets) -> Sequence[Moved]:
        if to_table:
            targets = await offsets.of_tables()
        elif to_earliest:
            targets = await offsets.earliest()
        else:
            targets = _named(to or [], await offsets.partitions())
        if topic is not None:
            wanted = pipeline.topology.physical(topic)
            targets = {at: offset for at, offset in targets.items() if at.topic == wanted}
            if not targets:
                raise UsageError(f"worker {worker!r} does not read topic {topic!r}")
        return await offsets.rewind(targets)

    _tell(_with(pipeline, worker, work), json=json)


def _only(pipeline: Pipeline, name: str) -> None:
    if name not in pipeline.workers:
        pipeline.select([name])  # says what is there, if it is nothing at all
        raise UsageError(f"{name!r} is a set of workers; name one of them")


def _with(pipeline: Pipeline, name: str, work: Callable[[WorkerOffsets], Awaitable[T]]) -> T:
    from claimx_pipeline.runtime.offsets.repair import WorkerOffsets

    async def run() -> T:
        admin = pipeline.broker().admin()
        try:
            return await work(
                WorkerOffsets(
                    pipeline.workers[name], pipeline.topology, pipeline.table_store, admin
                )
            )
        finally:
            await admin.close()

    return asyncio.run(run())


async def _rows(offsets: WorkerOffsets) -> list[dict[str, Any]]:
    worker = offsets.spec.name
    try:
        checks = await offsets.checks()
    except UnknownTopicError as error:
        return [{"worker": worker, "topic": error.topic, "state": "not created", "refusal": ""}]
    return [
        {
            "worker": worker,
            "table": each.table,
            "topic": each.partition.topic,
            "partition": each.partition.partition,
            "stored": each.stored if each.table and not each.keyed else None,
            "group": each.offsets.committed,
            "begin": each.offsets.log_start,
            "end": each.offsets.log_end,
            "state": each.verdict.value,
            "refusal": each.refusal(worker),
        }
        for each in checks
    ]


def _named(texts: Sequence[str], places: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
    """Return what ``--to`` says: ``OFFSET`` for all partitions, ``PARTITION:OFFSET`` for one."""
    targets: dict[TopicPartition, int] = {}
    for text in texts:
        partition, separator, offset = text.rpartition(":")
        if not offset.isdigit() or (separator and not partition.isdigit()):
            raise UsageError(f"--to {text!r} is neither OFFSET nor PARTITION:OFFSET")
        meant = [at for at in places if not separator or at.partition == int(partition)]
        if not meant:
            raise UsageError(f"--to {text!r}: there is no partition {partition}")
        targets |= dict.fromkeys(meant, int(offset))
    return targets


def _tell(moved: Sequence[Moved], *, json: bool) -> None:
    rows = [
        {
            "what": each.what,
            "topic": each.partition.topic,
            "partition": each.partition.partition,
            "before": each.before,
            "after": each.after,
        }
        for each in moved
    ]
    if json:
        print_json(rows)
    elif rows:
        print_table(rows, ["what", "topic", "partition", "before", "after"], "Changed")
    else:
        note("everything stood there already")
