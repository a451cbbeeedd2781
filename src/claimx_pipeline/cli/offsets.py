"""``claimx-run offsets``: compare what tables, groups and topics have, and repair it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from claimx_pipeline import operations
from claimx_pipeline.cli import completing
from claimx_pipeline.cli.asked import CSV, VERTICAL
from claimx_pipeline.cli.context import CommandLine
from claimx_pipeline.cli.failing import end_with
from claimx_pipeline.errors import UsageError
from claimx_pipeline.hooks.output import note, print_json, print_rows, print_table, warn

if TYPE_CHECKING:
    from claimx_pipeline.operations import ShownOffset
    from claimx_pipeline.operations.offsets import RewindTo
    from claimx_pipeline.runtime.offsets.repair import Moved

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Compare what tables, groups and topics have, and make them agree again.",
)

JSON = Annotated[bool, typer.Option("--json", help="Print JSON.")]
WORKER = Annotated[
    str,
    typer.Argument(
        help="Worker; 'claimx-run worker list' shows them.", autocompletion=completing.worker
    ),
]


@app.command()
def show(
    context: typer.Context,
    workers: Annotated[
        list[str] | None,
        typer.Argument(
            help="Workers, or sets of them; all if none is given.",
            autocompletion=completing.workers,
        ),
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Show what is read to the end on a terminal too.")
    ] = False,
    json: JSON = False,
    csv: CSV = False,
    vertical: VERTICAL = False,
) -> None:
    """Show how far table, group and topic are in each partition, and whether that fits.

    On a terminal partitions that are read to the end are counted only, unless --all or --vertical
    shows them.
    """
    command_line: CommandLine = context.obj
    pipeline = command_line.pipeline()
    shown = asyncio.run(operations.show_offsets(pipeline, *(workers or ())))
    rows = [_row(each) for each in shown]
    if json:
        print_json(rows)
        end_with((each.table or "", each.error) for each in shown if each.error)
        return
    folded = [each for each in rows if each["state"] == "ok" and not each["lag"]]
    if every or csv or vertical or not sys.stdout.isatty():
        folded = []
    columns = [
        "worker",
        "table",
        "topic",
        "partition",
        "stored",
        "committed",
        "begin",
        "end",
        "lag",
    ]
    if any(each.overtaken for each in shown):
        columns.append("overtaken")
    columns.append("state")
    title = f"Offsets on {pipeline.broker().url}"
    spare = ["begin", "end", "table", "stored", "committed"]
    left = [each for each in rows if each not in folded]
    if left or not folded:
        print_rows(left, columns, title, csv=csv, vertical=vertical, spare=spare)
    if folded:
        are = "partition is" if len(folded) == 1 else "partitions are"
        note(f"{len(folded)} {are} read to the end (--all shows them)")
    for refusal in dict.fromkeys(row["refusal"] for row in rows if row["refusal"]):
        warn(refusal)
    end_with((each.table or "", each.error) for each in shown if each.error)


@app.command()
def adopt(
    context: typer.Context,
    worker: WORKER,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json: JSON = False,
) -> None:
    """Accept topic and group as they are for the continuation of the worker's tables.

    For a topic that was recreated: its offsets start again, and are kept apart from those
    of the old one. Rows of the tables stay as they are.
    """
    from claimx_pipeline.operations.names import one_worker

    command_line: CommandLine = context.obj
    pipeline = command_line.pipeline()
    one_worker(pipeline, worker)
    if not yes:
        if not sys.stdin.isatty():
            raise UsageError("standard input is not a terminal to ask at; add --yes to do it")
        typer.confirm(f"Go on with the topics of worker {worker} as they are?", abort=True)
    _print_moved(asyncio.run(operations.adopt_offsets(pipeline, worker)), json=json)


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
    to_time: Annotated[
        str | None,
        typer.Option(
            "--to-time", metavar="TIME", help="Go on with what was published then: a time, or 2h."
        ),
    ] = None,
    topic: Annotated[
        str | None,
        typer.Option(help="Only this topic of those it reads.", autocompletion=completing.topics),
    ] = None,
    json: JSON = False,
) -> None:
    """Set where the worker's group goes on; its workers must be stopped.

    Rows that an append table has already are found and not written twice.
    """
    if [to_table, to_earliest, bool(to), to_time is not None].count(True) != 1:
        raise UsageError("say where to: --to-table, --to-earliest, --to-time TIME or --to OFFSET")
    command_line: CommandLine = context.obj
    pipeline = command_line.pipeline()
    where: RewindTo = "table" if to_table else "earliest" if to_earliest else _named(to or [])
    if to_time is not None:
        where = operations.moment(to_time, pipeline.clock.now())
    rewinding = operations.rewind_offsets(pipeline, worker, where, topic=topic)
    _print_moved(asyncio.run(rewinding), json=json)


def _row(shown: ShownOffset) -> dict[str, Any]:
    if shown.error:
        return {
            "worker": shown.worker,
            "table": shown.table,
            "state": shown.state,
            "refusal": "",
            "error": shown.error,
        }
    if not shown.topic_created:
        return {
            "worker": shown.worker,
            "topic": shown.topic,
            "state": shown.state,
            "refusal": shown.refusal,
        }
    return {
        "worker": shown.worker,
        "table": shown.table,
        "topic": shown.topic,
        "partition": shown.partition,
        "stored": shown.stored,
        "group": shown.committed,
        "committed": shown.committed,
        "begin": shown.log_start,
        "end": shown.log_end,
        "lag": shown.lag,
        "overtaken": shown.overtaken,
        "state": shown.state,
        "refusal": shown.refusal,
    }


def _named(texts: Sequence[str]) -> dict[int | None, int]:
    """Return what ``--to`` says: ``OFFSET`` for all partitions, ``PARTITION:OFFSET`` for one.

    The last one that speaks of a partition holds for it.
    """
    from claimx_pipeline.runtime.headers import whole_number

    offsets: dict[int | None, int] = {}
    for text in texts:
        partition, separator, offset = text.rpartition(":")
        to = whole_number(offset)
        at = whole_number(partition) if separator else None
        if to is None or to < 0 or (separator and (at is None or at < 0)):
            raise UsageError(f"--to {text!r} is neither OFFSET nor PARTITION:OFFSET")
        if not separator:
            offsets.clear()
        offsets[at] = to
    return offsets


def _print_moved(moved: Sequence[Moved], *, json: bool) -> None:
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
        note("nothing was changed; everything was there already")
