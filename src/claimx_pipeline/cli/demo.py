"""``claimx-run demo``: everything at once, on events and services of its own."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import indent
from typing import Annotated, Any

import typer

from claimx_pipeline.cli import completing
from claimx_pipeline.cli.program import command
from claimx_pipeline.hooks.output import draw_table, print_json
from claimx_pipeline.topics import BRAND

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def demo(
    context: typer.Context,
    domain: Annotated[
        str, typer.Option(help="Domain that is shown.", autocompletion=completing.domains)
    ] = BRAND,
    events: Annotated[int, typer.Option(help="How many events happen.", min=1, max=100_000)] = 200,
    seed: Annotated[int, typer.Option(help="Which world they happen in.")] = 7,
    data_dir: Annotated[Path, typer.Option(help="Where tables and topics go.")] = Path(
        "claimx-data/demo"
    ),
    broker: Annotated[
        str | None,
        typer.Option(help="kafka://HOST:PORT to use Kafka; the embedded broker if not given."),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(help="Settings of yours, file or folder, laid beneath those of the demo."),
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="One setting, such as workers.ingest.batch_size=50; the value is YAML. Wins over "
            "everything; may be given again.",
        ),
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Replace what an earlier demo left in the folder.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Run every worker on sample events and show what came of it.

    Needs nothing: the services around a domain are simulated, those of ClaimX and iTel for
    ClaimX; the broker is embedded, the tables are real. Your own settings and credentials
    are not looked at, unless --config names a file: its plugins, workers and connections then
    take part, and a connection of yours that the demo does not simulate is really called.
    """
    from claimx_pipeline.cli.demo_run import Demo
    from claimx_pipeline.cli.demo_settings import DemoSettings

    own = DemoSettings.read(data_dir, config, changes or [], context.obj.environ)
    run = Demo(
        domain=domain, events=events, seed=seed, data_dir=data_dir, broker_url=broker, own=own
    )
    run.prepare(again=again)
    result = asyncio.run(run.run())
    if json:
        print_json(result)
        return
    show(result, run.summary(result), run.answers(), own.written)
    if prefix := run.left_topics():
        sys.stdout.write(
            f"\nIts topics stay on {broker}; their names begin with {prefix}\n"
            f"    {command(own.written)} topics delete --prefix {prefix}\n"
        )


def show(
    result: Mapping[str, Any],
    summary: Sequence[str],
    answers: list[tuple[Any, Any]],
    config: Path,
) -> None:
    """Print what happened, for a person; *config* is what further commands read."""
    tables = [{"table": name, "rows": rows} for name, rows in result["tables"].items()]
    topics = [
        {"topic": name, "records": count} for name, count in result["topics"].items() if count
    ]
    empty = len(result["topics"]) - len(topics)
    out = sys.stdout.write
    out("\n")
    draw_table(tables, ["table", "rows"], "The Delta tables that were written")
    draw_table(topics, ["topic", "records"], "The topics that the records went through")
    if empty:
        out(f"{empty} more topics are empty, those of retries and dead letters among them.\n")
    out("".join(f"{line}\n" for line in ("", *summary)) if summary else "")
    for query, answer in answers:
        out(f"\n{query.summary}\n\n{indent(query.sql, '    ')}\n\n")
        if answer.num_rows:
            draw_table(answer.to_pylist(), answer.column_names)
        else:
            out("  none\n")
    _end(result, answers, config)


def _end(result: Mapping[str, Any], answers: Sequence[tuple[Any, Any]], config: Path) -> None:
    """Say that it works, what there is now, and what may be asked next."""
    out = sys.stdout.write
    rows = sum(result["tables"].values())
    works = "It works" if not result["dlq"] else "It ran, but not everything worked"
    dead = f"{result['dlq']} dead letter{'' if result['dlq'] == 1 else 's'}"
    out(f"\n{works}: {result['events']} events in {result['seconds']} s, {dead}.\n")
    have = f"{len(result['tables'])} tables with {rows} rows, {result['files']['count']} files"
    out(f"You have {have} in {config.parent}.\n")
    out("\nAsk your own:\n")
    run = command(config)
    if table := _first(result["tables"]):
        out(f"    {run} query 'SELECT * FROM {table} LIMIT 5'\n")  # noqa: S608 - to be read
    if answers:
        out(f"    {run} query --name {answers[0][0].name}\n")
    out(f"    {run} tables list\n")
    if result["dlq"]:
        out(f"    {run} dlq list\n")
    out("\nThe workers and the simulated services have ended. Go on:\n")
    out(f"    {run} console\n")
    out(f"    {command()} init\n")


def _first(tables: Mapping[str, int]) -> str:
    """Return the first table that has rows; empty if none has."""
    return next((name for name, rows in tables.items() if rows), "")
