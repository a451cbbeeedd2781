"""``claimx-run topics``: list, create, read and delete topics."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from claimx_pipeline import operations
from claimx_pipeline.cli import completing
from claimx_pipeline.cli.asked import CSV, VERTICAL
from claimx_pipeline.cli.context import CommandLine
from claimx_pipeline.hooks.output import note, print_json, print_rows, print_table, with_snake_keys
from claimx_pipeline.operations.names import one_domain

if TYPE_CHECKING:
    from claimx_pipeline.operations import DescribedTopic, ListedTopic

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="List, create, read and delete topics.",
)


@app.command("list")
def list_(
    context: typer.Context,
    domain: Annotated[
        str | None,
        typer.Option(help="Only the topics of this domain.", autocompletion=completing.domains),
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Show the empty ones on a terminal too.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    csv: CSV = False,
    vertical: VERTICAL = False,
) -> None:
    """List every topic: who writes it, who reads it, how many records it has seen.

    On a terminal the empty ones are counted only, unless --all or --vertical shows them.
    """
    command_line: CommandLine = context.obj
    pipeline = command_line.pipeline()
    if domain is not None:
        one_domain(pipeline, domain)
    described = asyncio.run(operations.describe_topics(pipeline))
    chosen = [each for each in described if domain in (None, each.listed.domain)]
    rows = [with_snake_keys(_row(each.listed) | _kept(each)) for each in chosen]
    folded = [each for each in rows if each["records"] == 0 and each["state"] == "ok"]
    if every or json or csv or vertical or not sys.stdout.isatty():
        folded = []
    shown = [each for each in rows if each not in folded]
    columns = ["topic", "records", "partitions", "retention", "read by", "written by", "state"]
    title = f"{len(rows)} topics on {pipeline.broker().url}"
    spare = ["partitions", "retention", "written by"]
    if all(each["state"] == "ok" for each in shown):
        spare.insert(0, "state")
    print_rows(shown, columns, title, json=json, csv=csv, vertical=vertical, spare=spare)
    if folded:
        are = "topic is" if len(folded) == 1 else "topics are"
        note(f"{len(folded)} {are} empty (--all shows them)")


@app.command()
def show(
    context: typer.Context,
    topic: Annotated[
        str,
        typer.Argument(help="Topic; 'topics list' shows them.", autocompletion=completing.topics),
    ],
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show a topic: how it is kept, how the settings want it, who writes and reads it."""
    command_line: CommandLine = context.obj
    facts = _facts(asyncio.run(operations.describe_topic(command_line.pipeline(), topic)))
    if json:
        print_json(facts)
        return
    rows = ({"of": key.replace("_", " "), "is": value} for key, value in facts.items())
    print_table(rows, ["of", "is"], facts["topic"])


@app.command()
def create(
    context: typer.Context,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Create the topics that are missing; those that exist are left as they are."""
    command_line: CommandLine = context.obj
    created = asyncio.run(operations.create_topics(command_line.pipeline()))
    if json:
        print_json({"created": created})
        return
    for name in created:
        note(f"created {name}")
    if not created:
        note("every topic exists already")


@app.command()
def read(
    context: typer.Context,
    topic: Annotated[
        str,
        typer.Argument(help="Topic; 'topics list' shows them.", autocompletion=completing.topics),
    ],
    where: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATH=TEXT",
            help="Only records of which this is true: a dotted path into the value, headers.NAME, "
            "key, partition or offset; also != ~ < > <= >=. May be repeated.",
        ),
    ] = None,
    from_: Annotated[
        list[str] | None,
        typer.Option(
            "--from",
            metavar="TIME|[PARTITION:]OFFSET",
            help="Begin here: a time, how long ago (2h), or an offset; -10 are the last ten.",
        ),
    ] = None,
    to: Annotated[
        list[str] | None,
        typer.Option(metavar="TIME|[PARTITION:]OFFSET", help="End before this; as --from."),
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Wait for more at the end, until Ctrl-C.")
    ] = False,
    limit: Annotated[
        int | None, typer.Option(min=1, help="This many records at most.", show_default=False)
    ] = None,
    headers: Annotated[
        bool, typer.Option("--headers/--no-headers", help="Show the headers too.")
    ] = True,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object per record.")] = False,
) -> None:
    """Read records of a topic in the order in which they were published.

    Joins no group and changes nothing. Without --from it begins at the oldest record.
    """
    from claimx_pipeline.cli.topic_records import print_records

    command_line: CommandLine = context.obj
    pipeline = command_line.pipeline()
    now = pipeline.clock.now()
    reading = operations.read_records(
        pipeline,
        topic,
        where=operations.RecordFilter.parse(where or ()),
        start=operations.bound(from_ or (), now),
        stop=operations.bound(to or (), now),
        limit=limit,
        follow=follow,
    )
    count = asyncio.run(print_records(reading, headers=headers, json=json))
    if not json:
        note("no record matches" if not count else f"{count} record{'s' if count > 1 else ''}")


@app.command()
def delete(
    context: typer.Context,
    topics: Annotated[
        list[str] | None,
        typer.Argument(help="Topics; 'topics list' shows them.", autocompletion=completing.topics),
    ] = None,
    prefix: Annotated[
        str | None, typer.Option(help="Every topic whose name on the broker begins so.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be deleted; delete nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Delete topics with all their records, for ever; tables keep their rows.

    Refused while a group that reads one of them has members.
    """
    from claimx_pipeline.cli.topic_deletion import delete_asked

    command_line: CommandLine = context.obj
    pipeline = command_line.pipeline()
    delete_asked(pipeline, topics or (), prefix, dry_run=dry_run, yes=yes, json=json)


def _kept(topic: DescribedTopic) -> dict[str, Any]:
    """Return how long a topic keeps its records, as it is, else as it would be created."""
    kept = topic.found or topic.wanted
    hours = kept and kept.retention_hours
    compacted = topic.found and topic.found.compacted
    return {
        "retention": "" if kept is None else "for ever" if hours is None else f"{hours:g} h",
        "retention_hours": hours,
        "cleanup_policy": None if compacted is None else "compact" if compacted else "delete",
        "partitions_wanted": topic.wanted and topic.wanted.partitions,
    }


def _facts(topic: DescribedTopic) -> dict[str, Any]:
    """Return what is known of a topic; null is not known, or without a limit of hours."""
    row, wanted, found = _row(topic.listed), topic.wanted, topic.found
    return {
        "topic": row["topic"],
        "name": topic.listed.name,
        "domain": row["domain"],
        "state": row["state"],
        "records": row["records"],
        "partitions": topic.listed.partitions if topic.listed.created else None,
        "partitions_wanted": wanted and wanted.partitions,
        "retention_hours": found and found.retention_hours,
        "retention_hours_wanted": wanted and wanted.retention_hours,
        "cleanup_policy": _kept(topic)["cleanup_policy"],
        "written_by": row["written by"],
        "read_by": row["read by"],
    }


def _row(topic: ListedTopic) -> dict[str, Any]:
    state = topic.note or ("ok" if topic.used else "nothing reads or writes it")
    return {
        "topic": topic.physical,
        "domain": topic.domain,
        "partitions": topic.partitions,
        "records": topic.records,
        "written by": topic.written_by,
        "read by": topic.read_by,
        "state": state if topic.created else "not created",
    }
