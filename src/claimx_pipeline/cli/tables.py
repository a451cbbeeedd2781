"""``claimx-run tables``: list, create and describe tables, and keep them in order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from claimx_pipeline.cli.context import CommandLine
from claimx_pipeline.cli.output import note, print_json, print_table
from claimx_pipeline.errors import UsageError

if TYPE_CHECKING:
    from claimx_pipeline.delta.maintenance import Maintained, Maintenance
    from claimx_pipeline.delta.store import TableStore

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="List, create and describe tables, and keep them in order.",
)

JSON = Annotated[bool, typer.Option("--json", help="Print JSON.")]
NAMES = Annotated[
    list[str] | None,
    typer.Argument(metavar="[NAME]...", help="Tables; all that exist if none is given."),
]
DRY_RUN = Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")]


@app.command("list")
def list_(context: typer.Context, json: JSON = False) -> None:
    """List every table: what it is, how much is in it, where it lies."""
    store = _store(context)
    rows = [_facts(store, name) for name in sorted(store.specs)]
    if json:
        print_json(rows)
        return
    columns = ["table", "mode", "rows", "version", "bytes", "state", "place"]
    print_table(rows, columns, "Tables")


@app.command()
def create(
    context: typer.Context,
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="Tables; all if none is given.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be created.")
    ] = False,
    json: JSON = False,
) -> None:
    """Create the tables that are missing; those that exist are left as they are."""
    store = _store(context)
    # All names are looked at before anything is created.
    wanted = [store.spec(name).name for name in names or sorted(store.specs)]
    missing = [name for name in wanted if not store.exists(name)]
    created = missing if dry_run else [name for name in missing if store.create(name)]
    if json:
        print_json({"dry_run": dry_run, "created": created})
        return
    for name in created:
        verb = "would create" if dry_run else "created"
        note(f"{verb} {name} at {store.location(name).uri}")
    if not created:
        note("every table exists already")


@app.command()
def describe(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Table.")],
    json: JSON = False,
) -> None:
    """Show a table: its columns, its key, and how a second row of one key is treated."""
    store = _store(context)
    spec = store.spec(name)
    columns = [
        {
            "column": column.name,
            "type": str(column.type),
            "null": column.nullable,
            "role": _roles(store, name, column.name),
            "meaning": column.doc,
            "source": column.source,
        }
        for column in spec.stored_columns()
    ]
    facts = {**_facts(store, name), "summary": spec.summary, "key": spec.key}
    facts["partitions"] = spec.partitions()
    if json:
        print_json({**facts, "columns": columns})
        return
    print_table(columns, ["column", "type", "null", "role", "meaning"], f"{name}: {spec.summary}")
    note(f"{facts['mode']}, key {', '.join(spec.key)}; {facts['state']}, at {facts['place']}")


@app.command()
def maintain(
    context: typer.Context, names: NAMES = None, dry_run: DRY_RUN = False, json: JSON = False
) -> None:
    """Do what keeps tables quick: join small files, write a checkpoint, delete unused files.

    Workers may go on meanwhile. Once a day is often enough. Files go that no version of the
    last seven days needs.
    """
    _look_after(context, names, lambda each: each.maintain(), dry_run=dry_run, json=json)


@app.command()
def compact(
    context: typer.Context, names: NAMES = None, dry_run: DRY_RUN = False, json: JSON = False
) -> None:
    """Join the small files of each partition. Workers may go on meanwhile."""
    _look_after(context, names, lambda each: each.compact(), dry_run=dry_run, json=json)


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
    from claimx_pipeline.delta.maintenance import SAFE_HOURS

    kept = SAFE_HOURS if hours is None else hours
    if kept < SAFE_HOURS and not (force or dry_run):
        raise UsageError(
            f"files that were in use {kept} hours ago may be in use still, and nothing older could "
            f"be restored; keep {SAFE_HOURS} hours, or add --force if no worker or reader runs"
        )
    _look_after(
        context, names, lambda each: each.vacuum(kept, orphans=orphans), dry_run=dry_run, json=json
    )


def _look_after(
    context: typer.Context,
    names: Sequence[str] | None,
    work: Callable[[Maintenance], Maintained],
    *,
    dry_run: bool,
    json: bool,
) -> None:
    from claimx_pipeline.delta.maintenance import Maintenance

    store = _store(context)
    wanted = [store.spec(name).name for name in names or sorted(store.specs)]
    there = wanted if names else [name for name in wanted if store.exists(name)]
    rows = [_maintained(work(Maintenance(store.location(name), dry_run))) for name in there]
    if json:
        print_json({"dry_run": dry_run, "tables": rows})
        return
    columns = ["table", "files", "files_after", "bytes", "bytes_after"]
    columns += ["compacted", "busy", "deleted", "checkpoint"]
    print_table(rows, columns, "What would be done" if dry_run else "What was done")
    if any(row["busy"] for row in rows):
        note("busy partitions were left as they are; the next time will do")


def _maintained(done: Maintained) -> dict[str, Any]:
    return {
        "table": done.table,
        "files": done.before.files,
        "files_after": done.after.files,
        "bytes": done.before.bytes,
        "bytes_after": done.after.bytes,
        "compacted": done.compacted,
        "busy": done.busy,
        "deleted": done.deleted,
        "checkpoint": done.checkpoint,
    }


def _store(context: typer.Context) -> TableStore:
    command_line: CommandLine = context.obj
    return command_line.pipeline().table_store


def _facts(store: TableStore, name: str) -> dict[str, Any]:
    known: dict[str, Any] = {
        "table": name,
        "mode": store.spec(name).mode,
        "rows": None,
        "version": None,
        "bytes": None,
        "state": "not created",
        "place": store.location(name).uri,
    }
    if store.exists(name):
        facts = store.facts(name)
        known |= {"rows": facts.rows, "version": facts.version, "bytes": facts.bytes, "state": "ok"}
    return known


def _roles(store: TableStore, name: str, column: str) -> Sequence[str]:
    spec = store.spec(name)
    written_by_us = column in {"_bucket", "_row_hash"}
    roles = {
        "key": column in spec.key,
        "partition": column in spec.partitions(),
        "event time": column == spec.event_time or column in spec.event_columns.values(),
        "answer time": column == spec.answer_time,
        "set by events": column in spec.event_columns,
        "bookkeeping": written_by_us or spec.column(column).bookkeeping,
    }
    return [role for role, has in roles.items() if has]
