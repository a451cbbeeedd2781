"""``claimx-run dlq``: see, replay and export dead letters."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from claimx_pipeline import operations
from claimx_pipeline.cli import completing
from claimx_pipeline.cli.asked import CSV, VERTICAL
from claimx_pipeline.cli.context import CommandLine
from claimx_pipeline.cli.dlq_report import counted, note_previews, report
from claimx_pipeline.cli.live import following
from claimx_pipeline.errors import Category, UsageError
from claimx_pipeline.hooks.output import note, print_json, print_rows
from claimx_pipeline.system_errors import reason_of

if TYPE_CHECKING:
    from claimx_pipeline.operations import Replayed, ReplayPlan
    from claimx_pipeline.pipeline import Pipeline
    from claimx_pipeline.runtime.dead_letters.reader import DeadLetterFilter

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="See, replay and export dead letters.",
)

Topic = Annotated[
    str | None,
    typer.Option(help="Only this topic of dead letters.", autocompletion=completing.topics),
]
Kind = Annotated[
    Literal["record", "plugin"] | None,
    typer.Option(help="Only records that failed, or only plugins that did."),
]
CategoryOption = Annotated[
    Category | None, typer.Option("--category", help="Only failures of this category.")
]
Worker = Annotated[
    str | None,
    typer.Option(
        help="Only what failed at this worker, or at one of this set: a domain.",
        autocompletion=completing.workers,
    ),
]
Since = Annotated[
    str | None, typer.Option(help="Only what failed since: a time, or how long ago (30m, 2h, 7d).")
]
Until = Annotated[str | None, typer.Option(help="Only what failed until then; as --since.")]
EventId = Annotated[str | None, typer.Option(help="Only dead letters about this event.")]
Fingerprint = Annotated[
    str | None, typer.Option(help="Only this group of 'dlq list'; its first characters will do.")
]
Where = Annotated[
    list[str] | None,
    typer.Option(
        metavar="PATH=TEXT",
        help="Only dead letters whose record this is true of: as 'topics read --where'.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_(
    context: typer.Context,
    topic: Topic = None,
    kind: Kind = None,
    category: CategoryOption = None,
    worker: Worker = None,
    since: Since = None,
    until: Until = None,
    event_id: EventId = None,
    fingerprint: Fingerprint = None,
    where: Where = None,
    all_: Annotated[
        bool, typer.Option("--all", "--again", help="Also those that were replayed.")
    ] = False,
    json: Json = False,
    csv: CSV = False,
    vertical: VERTICAL = False,
) -> None:
    """List dead letters, those that failed with the same thing together.

    The last column says where the newest of a group is: 'claimx-run dlq show' takes it.
    """
    from claimx_pipeline.cli.dlq_output import COLUMNS, readable, rows_of

    command_line: CommandLine = context.obj
    pipeline = command_line.pipeline()
    wanted = chosen(
        pipeline,
        topic,
        kind,
        category,
        worker,
        since,
        until,
        event_id,
        fingerprint,
        where,
        replayed=all_,
    )
    look = asyncio.run(operations.look_at_dead_letters(pipeline, wanted))
    rows = rows_of(look.groups)
    shown = rows if json else readable(rows)
    title = "Dead letters, a row for each cause"
    if (rows or json or csv) and not print_rows(
        shown, COLUMNS, title, json=json, csv=csv, vertical=vertical
    ):
        return
    hidden = f"; {look.hidden} replayed already are not shown, --all does" if look.hidden else ""
    note(f"{counted(look.groups.count)}{hidden}")


@app.command()
def show(
    context: typer.Context,
    dead_letter: Annotated[str, typer.Argument(metavar="TOPIC/PARTITION/OFFSET")],
    json: Json = False,
) -> None:
    """Show everything about one dead letter: failure, traceback, headers, value."""
    from claimx_pipeline.cli.dlq_output import described

    command_line: CommandLine = context.obj
    found = asyncio.run(operations.show_dead_letter(command_line.pipeline(), dead_letter))
    if json:
        print_json(found.as_json())
    else:
        sys.stdout.write(described(found) + "\n")


@app.command()
def replay(
    context: typer.Context,
    dead_letters: Annotated[
        list[str] | None,
        typer.Argument(metavar="[TOPIC/PARTITION/OFFSET]...", help="These; all if none is given."),
    ] = None,
    topic: Topic = None,
    kind: Kind = None,
    category: CategoryOption = None,
    worker: Worker = None,
    since: Since = None,
    until: Until = None,
    event_id: EventId = None,
    fingerprint: Fingerprint = None,
    where: Where = None,
    again: Annotated[
        bool, typer.Option("--again", help="Also those that were replayed already.")
    ] = False,
    limit: Annotated[int | None, typer.Option(help="This many at most.", min=1)] = None,
    transform: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATH=VALUE",
            help="Change each value first: PATH=JSON, PATH=@OTHER to copy, PATH= to remove. May "
            "be repeated; one of each group is shown before and after.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be replayed.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json: Json = False,
) -> None:
    """Send dead letters back to where they came from, to the worker that failed on them.

    No other worker takes them up again, and the dead letter of a plugin runs that plugin
    alone. Each is marked once it is on its way, and left out from then on. Ctrl-C ends it
    between two of them. Ends with 1 if one could not be replayed.
    """
    command_line: CommandLine = context.obj
    pipeline = command_line.pipeline()
    wanted = chosen(
        pipeline,
        topic,
        kind,
        category,
        worker,
        since,
        until,
        event_id,
        fingerprint,
        where,
        replayed=again,
    )
    planning = operations.plan_replay(
        pipeline,
        wanted,
        locations=dead_letters or (),
        limit=limit,
        transform=operations.RecordTransform.parse(transform or ()),
    )
    plan = asyncio.run(planning)
    if not json:
        note_previews(plan)
    outcome = operations.Replayed(plan.groups, plan.refused)
    if plan.count and not dry_run:
        if not yes:
            confirm(plan.count, json=json)
        outcome = asyncio.run(carried_out(pipeline, plan))
    report(outcome, plan, dry_run=dry_run, json=json)
    if outcome.error is not None:
        raise outcome.error
    if outcome.refused or outcome.interrupted:
        raise typer.Exit(1)


@app.command()
def export(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="A new file; - for standard output.")],
    topic: Topic = None,
    kind: Kind = None,
    category: CategoryOption = None,
    worker: Worker = None,
    since: Since = None,
    until: Until = None,
    event_id: EventId = None,
    fingerprint: Fingerprint = None,
    where: Where = None,
    all_: Annotated[
        bool, typer.Option("--all", "--again", help="Also those that were replayed.")
    ] = False,
) -> None:
    """Write dead letters to a file, a JSON object per line with everything about each.

    Keys, values and headers that are not text are base64; 'value_encoding' says so.
    """
    command_line: CommandLine = context.obj
    pipeline = command_line.pipeline()
    wanted = chosen(
        pipeline,
        topic,
        kind,
        category,
        worker,
        since,
        until,
        event_id,
        fingerprint,
        where,
        replayed=all_,
    )
    if str(file) == "-":
        count = asyncio.run(operations.export_dead_letters(pipeline, sys.stdout.buffer, wanted))
    else:
        try:
            with file.open("xb") as out:
                count = asyncio.run(operations.export_dead_letters(pipeline, out, wanted))
        except FileExistsError as error:
            raise UsageError(f"{file} is there already; give the name of a new file") from error
        except OSError as error:
            raise UsageError(f"{file} cannot be written: {reason_of(error)}") from error
    note(f"wrote {counted(count)} to {'standard output' if str(file) == '-' else file}")


def chosen(
    pipeline: Pipeline,
    topic: str | None,
    kind: Literal["record", "plugin"] | None,
    category: Category | None,
    worker: str | None,
    since: str | None,
    until: str | None,
    event_id: str | None,
    fingerprint: str | None,
    where: Sequence[str] | None,
    *,
    replayed: bool,
) -> DeadLetterFilter:
    """Return the filter that the options mean."""
    return operations.dead_letter_filter(
        pipeline,
        topic=topic,
        kind=kind,
        category=category,
        worker=worker,
        since=since,
        until=until,
        event_id=event_id,
        fingerprint=fingerprint,
        replayed=replayed,
        where=where or (),
    )


async def carried_out(pipeline: Pipeline, plan: ReplayPlan) -> Replayed:
    """Replay until the plan is done or a signal comes."""
    from claimx_pipeline.runtime.process import stop_on_signals

    stop = asyncio.Event()
    with following(pipeline.clock) as say:
        async with stop_on_signals(stop.set):
            return await operations.replay_dead_letters(
                pipeline,
                plan,
                stop=stop,
                on_part=lambda count, of: say(f"replayed {count:,} of {of:,} dead letters"),
            )


def confirm(count: int, *, json: bool) -> None:
    """Ask whether to go on.

    Raises:
        UsageError: Standard input is not a terminal, so there is no answer.
        Abort: The answer is no.
    """
    if json or not sys.stdin.isatty():
        raise UsageError(f"this replays {counted(count)}; say so with --yes, or see --dry-run")
    typer.confirm(f"Replay {counted(count)}?", abort=True, err=True)
