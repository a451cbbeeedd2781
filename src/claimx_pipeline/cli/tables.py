"""``claimx-run tables``: list, create and describe tables, and keep them in order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from claimx_pipeline import operations
from claimx_pipeline.cli import completing
from claimx_pipeline.cli.asked import CSV, JSON, VERTICAL
from claimx_pipeline.cli.context import CommandLine
from claimx_pipeline.cli.failing import end_with
from claimx_pipeline.cli.live import following
from claimx_pipeline.cli.tables_import import import_, views
from claimx_pipeline.hooks.output import note, print_json, print_rows, print_table, warn
from claimx_pipeline.operations.names import one_domain

if TYPE_CHECKING:
    from claimx_pipeline.delta.maintenance import Maintained
    from claimx_pipeline.operations import DescribedTable, ListedTable
    from claimx_pipeline.pipeline import Pipeline

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="List, create and describe tables, and keep them in order.",
)

app.command("import")(import_)
app.command()(views)

NAMES = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[NAME]...",
        help="Tables; all that exist if none is given.",
        autocompletion=completing.tables,
    ),
]
DRY_RUN = Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")]

LOST = (
    "of versions before the last 400 commits the log keeps nothing: they can be neither read nor "
    "restored, and a reader that follows the log as a stream must not be further behind"
)
"""What bounding the log of a table costs."""


@app.command("list")
def list_(
    context: typer.Context,
    domain: Annotated[
        str | None,
        typer.Option(help="Only the tables of this domain.", autocompletion=completing.domains),
    ] = None,
    json: JSON = False,
    csv: CSV = False,
    vertical: VERTICAL = False,
) -> None:
    """List every table: what it is, how much is in it, where it is."""
    pipeline = _pipeline(context)
    if domain is not None:
        one_domain(pipeline, domain)
    every = asyncio.run(operations.list_tables(pipeline))
    listed = [each for each in every if domain in (None, each.domain)]
    rows = [{**_facts(each), "domain": each.domain} for each in listed]
    columns = ["table", "mode", "rows", "version", "bytes", "state", "place"]
    roots = {str(row["place"]).rpartition("/")[0] for row in rows}
    title = f"{len(rows)} tables{f' in {roots.pop()}' if len(roots) == 1 else ''}"
    if print_rows(
        rows, columns, title, json=json, csv=csv, vertical=vertical, spare=["place", "mode"]
    ):
        for each in listed:
            if each.warning:
                warn(f"{each.table}: {each.warning}")
    end_with((each.table, each.error) for each in listed)


@app.command()
def create(
    context: typer.Context,
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME]...",
            help="Tables; all if none is given.",
            autocompletion=completing.tables,
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be created.")
    ] = False,
    json: JSON = False,
) -> None:
    """Create the tables that are missing; those that exist are left as they are."""
    creating = operations.create_tables(_pipeline(context), *(names or ()), dry_run=dry_run)
    created = asyncio.run(creating)
    if json:
        print_json({"dry_run": dry_run, "created": [each.table for each in created]})
        return
    for each in created:
        note(f"{'would create' if dry_run else 'created'} {each.table} at {each.location}")
    if not created:
        note("every table exists already")


@app.command()
@app.command("describe", hidden=True)  # as it was called at first
def show(
    context: typer.Context,
    name: Annotated[
        str,
        typer.Argument(help="Table; 'tables list' shows them.", autocompletion=completing.tables),
    ],
    json: JSON = False,
    csv: CSV = False,
    vertical: VERTICAL = False,
) -> None:
    """Show a table: its columns, its key, and how a second row of one key is treated."""
    found = asyncio.run(operations.describe_table(_pipeline(context), name))
    columns = [
        {
            "column": column.column,
            "type": column.type,
            "null": column.nullable,
            "role": column.roles,
            "meaning": column.meaning,
            "source": column.source,
            **({"plugin": column.plugin} if column.plugin else {}),
        }
        for column in found.columns
    ]
    facts = {**_facts(found.listed), "summary": found.summary, "key": found.key}
    facts |= {"description": found.description, "unexplained": found.unexplained}
    facts |= {"partitions": found.partitions, "written": found.written}
    if found.plugin:
        facts["plugin"] = found.plugin
    if json:
        print_json({**facts, "columns": columns})
    else:
        shown = ["column", "type", "null", "role", "meaning"]
        if any(column.plugin for column in found.columns):
            shown.append("plugin")
        title = f"{name}: {found.summary}"
        spare = ["null", "role", "type"]
        if print_rows(columns, shown, title, csv=csv, vertical=vertical, spare=spare):
            _note_facts(found, facts)
    end_with([(name, found.listed.error)])


def _note_facts(found: DescribedTable, facts: Mapping[str, Any]) -> None:
    """Say what is true of a table as a whole."""
    note(f"{facts['mode']}, key {', '.join(found.key)}; {facts['state']}, at {facts['place']}")
    if found.plugin:
        note(f"added by plugin {found.plugin}")
    if found.written:
        note(f"written by {found.written}")
    if found.description != found.summary:
        note(found.description)
    if found.unexplained:
        note(
            "the stored table does not say this to other readers; 'claimx-run tables migrate "
            f"{found.listed.table}' adds it"
        )


@app.command()
def maintain(
    context: typer.Context,
    names: NAMES = None,
    log_retention: Annotated[
        bool,
        typer.Option("--log-retention", help="Keep the last 400 commits only in the log."),
    ] = False,
    dry_run: DRY_RUN = False,
    json: JSON = False,
) -> None:
    """Do what keeps tables quick: join small files, write a checkpoint, delete unused files.

    Rows that maintenance.retention_days of the settings does not keep any longer go first. The
    worker 'maintenance' does the same by a schedule.

    Workers may go on meanwhile. Once a day is often enough. Files go that no version of the
    last seven days needs.

    The log of a table that this version creates keeps the last 400 commits. With
    --log-retention that of an older table does so as well, from now on: no version before them
    can be read or restored any more, and a reader that follows the log as a stream (Spark,
    Fabric) must not be further behind. What workers need to notice a restore is kept.
    """
    work = partial(operations.maintain_tables, log_retention=log_retention)
    _print_maintained(_pipeline(context), names, work, dry_run=dry_run, json=json)
    if log_retention and not json:
        note(LOST)


@app.command()
def migrate(
    context: typer.Context, names: NAMES = None, dry_run: DRY_RUN = False, json: JSON = False
) -> None:
    """Add the columns that this version declares and a table lacks, as workers do at their start.

    Description and comments that a table of an earlier version lacks are added as well, for other
    readers of it; no row is written again.

    Workers of this version and of the one before may go on meanwhile. Ends with 1 if a table
    differs in more than new columns; nothing of that one is changed.
    """
    work = operations.migrate_tables(_pipeline(context), *(names or ()), dry_run=dry_run)
    done = asyncio.run(work)
    rows: list[dict[str, Any]] = [
        {
            "table": each.table,
            "added": list(each.added),
            "foreign": list(each.foreign),
            "commented": list(each.commented),
            "described": each.described,
        }
        | ({"error": each.error} if each.error else {})
        for each in done
    ]
    if json:
        print_json({"dry_run": dry_run, "tables": rows})
    else:
        shown = [
            {name: ", ".join(row[name]) for name in ("added", "foreign")}
            | {"table": row["table"], "comments": len(row["commented"]) + row["described"]}
            for row in rows
            if row["added"] or row["foreign"] or row["commented"] or row["described"]
        ]
        title = "What would be changed" if dry_run else "What was changed"
        if shown:
            print_table(shown, ["table", "added", "foreign", "comments"], title)
        else:
            note("no table lacks a column or a comment")
    end_with([(each.table, f"table {each.table!r}: {each.error}") for each in done if each.error])


@app.command()
def compact(
    context: typer.Context, names: NAMES = None, dry_run: DRY_RUN = False, json: JSON = False
) -> None:
    """Join the small files of each partition. Workers may go on meanwhile."""
    work = operations.compact_tables
    _print_maintained(_pipeline(context), names, work, dry_run=dry_run, json=json)


@app.command()
def vacuum(
    context: typer.Context,
    names: NAMES = None,
    hours: Annotated[
        int | None,
        typer.Option("--retention-hours", min=0, help="Keep what versions so old need.  [168]"),
    ] = None,
    orphans: Annotated[
        bool, typer.Option("--orphans", help="Also files left behind by commits that failed.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Allow fewer than 168 hours.")] = False,
    dry_run: DRY_RUN = False,
    json: JSON = False,
) -> None:
    """Delete files that no version of the last seven days needs.

    Older versions can be neither read nor restored afterwards.
    """
    work = partial(operations.vacuum_tables, hours=hours, orphans=orphans, force=force)
    _print_maintained(_pipeline(context), names, work, dry_run=dry_run, json=json)


def _print_maintained(
    pipeline: Pipeline,
    names: Sequence[str] | None,
    work: Callable[..., Coroutine[Any, Any, list[Maintained]]],
    *,
    dry_run: bool,
    json: bool,
) -> None:
    with following(pipeline.clock) as say:
        doing = work(
            pipeline,
            *(names or ()),
            dry_run=dry_run,
            on_table=lambda name, number, of: say(f"table {name}, {number} of {of}"),
        )
        done = asyncio.run(doing)
    errors = [(each.table, each.error) for each in done]
    rows = [_maintained(each) for each in done if json or not each.error]
    if json:
        print_json({"dry_run": dry_run, "tables": rows})
        end_with(errors)
        return
    columns = ["table", "files", "files_after", "bytes", "bytes_after"]
    columns += ["expired", "compacted", "busy", "deleted", "checkpoint", "log_deleted"]
    print_table(rows, columns, "What would be done" if dry_run else "What was done")
    if any(row["busy"] for row in rows):
        note("busy partitions were left as they are; the next time will do")
    end_with(errors)


def _maintained(done: Maintained) -> dict[str, Any]:
    return {
        "table": done.table,
        "files": done.before.files,
        "files_after": done.after.files,
        "bytes": done.before.bytes,
        "bytes_after": done.after.bytes,
        "expired": done.expired,
        "compacted": done.compacted,
        "busy": done.busy,
        "deleted": done.deleted,
        "checkpoint": done.checkpoint,
        "log_deleted": done.log_deleted,
        **({"error": done.error} if done.error else {}),
    }


def _pipeline(context: typer.Context) -> Pipeline:
    command_line: CommandLine = context.obj
    return command_line.pipeline()


def _facts(listed: ListedTable) -> dict[str, Any]:
    return {
        "table": listed.table,
        "mode": listed.mode,
        "rows": listed.rows,
        "version": listed.version,
        "bytes": listed.bytes,
        "log_files": listed.log_files,
        "state": _state(listed),
        "place": listed.location,
        **({"error": listed.error} if listed.error else {}),
    }


def _state(listed: ListedTable) -> str:
    if listed.error:
        return "cannot be opened"
    return "ok" if listed.created else "not created"
