"""``claimx-run erase``: everything about a project, or a policyholder's projects."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer

from claimx_pipeline import operations
from claimx_pipeline.cli import completing
from claimx_pipeline.cli.context import CommandLine
from claimx_pipeline.cli.failing import end_with
from claimx_pipeline.errors import UsageError
from claimx_pipeline.hooks.output import note, print_json, print_table

if TYPE_CHECKING:
    from claimx_pipeline.operations import Erasure

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def erase(
    context: typer.Context,
    *,
    project: Annotated[
        list[str] | None,
        typer.Option("--project", metavar="ID", help="A project; may be repeated."),
    ] = None,
    policyholder: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT", help="First and last name, e-mail address or phone number, as stored."
        ),
    ] = None,
    domain: Annotated[
        str | None,
        typer.Option(help="Domain of the claims.  [the first]", autocompletion=completing.domains),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Delete nothing, show what would be.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Erase projects: files, rows with all older versions of their tables, records.

    Workers may go on meanwhile. Older versions of the tables can be neither read nor restored
    afterwards, not even for other projects; have a backup of what must stay. What cannot be
    erased is printed. Ends with 1 if a table kept its rows.
    """
    if bool(project) == bool(policyholder):
        raise UsageError("name what to erase: --project ID, or --policyholder TEXT")
    command_line: CommandLine = context.obj
    pipeline = command_line.pipeline()
    keys = project or asyncio.run(
        operations.claims_of_person(pipeline, policyholder or "", domain=domain)
    )
    if not (dry_run or yes):
        _confirm(keys, json=json)
    done = asyncio.run(operations.erase(pipeline, keys, domain=domain, dry_run=dry_run))
    if json:
        print_json(_plain(done))
    else:
        _print(done)
    end_with(done.errors)


def _confirm(keys: list[str], *, json: bool) -> None:
    if json:
        raise UsageError("nothing is asked with --json; add --yes, or --dry-run to look first")
    typer.confirm(f"Erase {len(keys)} projects ({', '.join(keys)}) for ever?", abort=True, err=True)


def _plain(done: Erasure) -> dict[str, Any]:
    return {
        "domain": done.domain,
        "keys": list(done.keys),
        "dry_run": done.dry_run,
        "tables": _tables(done),
        "files": [
            {"store": each.store, "files": each.files, "shared": list(each.shared)}
            for each in done.files
        ],
        "topics": _topics(done),
        "waiting": done.waiting,
        "stays": list(done.stays),
    }


def _tables(done: Erasure) -> list[dict[str, Any]]:
    return [
        {
            "table": each.table,
            "column": each.column,
            "rows": each.rows,
            "old_files": each.old_files,
            **({"error": each.error} if each.error else {}),
        }
        for each in done.tables
    ]


def _topics(done: Erasure) -> list[dict[str, Any]]:
    return [
        {
            "topic": each.topic,
            "records": each.records,
            "waiting": each.waiting,
            "deleted": each.deleted,
            "left": each.left,
            "until": each.until.isoformat(timespec="minutes") if each.until else None,
        }
        for each in done.topics
    ]


def _print(done: Erasure) -> None:
    title = "What would be erased" if done.dry_run else "What was erased"
    title = f"{title} of {', '.join(done.keys)}"
    print_table(_tables(done), ["table", "column", "rows", "old_files"], title)
    for each in done.files:
        note(f"{each.files} files in {each.store}")
        if each.shared:
            note(f"{len(each.shared)} files stay, since other projects have them as well")
    if done.topics:
        columns = ["topic", "records", "waiting", "deleted", "left", "until"]
        print_table(_topics(done), columns, "Records in topics")
    if done.waiting:
        note(f"{done.waiting} records are still to be read and bring rows back; erase again then")
    for sentence in done.stays:
        note(sentence)
