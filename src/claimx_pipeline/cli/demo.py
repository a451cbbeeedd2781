"""``claimx-run demo``: everything at once, on events and services of its own."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from claimx_pipeline.cli.output import note, print_json, print_table

app = typer.Typer(add_completion=False, rich_markup_mode=None)

EXAMPLES: tuple[tuple[str, str], ...] = (
    (
        "What became of the events, by type?",
        "SELECT event_type, outcome, count(*) AS events, sum(api_calls) AS api_calls\n"
        "FROM claimx_event_log GROUP BY 1, 2 ORDER BY events DESC, event_type",
    ),
    (
        "Which projects have the most photos?",
        "SELECT p.project_number, p.city, p.type_of_loss, count(*) AS photos\n"
        "FROM claimx_projects p\n"
        "JOIN claimx_attachment_metadata m ON m.project_id = p.project_id\n"
        "GROUP BY 1, 2, 3 ORDER BY photos DESC, 1 LIMIT 5",
    ),
    (
        "How long did cabinet tasks take from assignment to completion?",
        "SELECT assignment_id, task_status,\n"
        "       datediff(minute, task_created_at, task_completed_at) AS minutes\n"
        "FROM itel_cabinet_task_tracking WHERE task_status = 'COMPLETED'\n"
        "ORDER BY minutes LIMIT 5",
    ),
)
"""Questions a newcomer may ask, each with the SQL that answers it."""


@app.command()
def demo(
    events: Annotated[int, typer.Option(help="How many events happen.", min=1, max=100_000)] = 200,
    seed: Annotated[int, typer.Option(help="Which world they happen in.")] = 7,
    data_dir: Annotated[Path, typer.Option(help="Where tables and topics go.")] = Path(
        "claimx-data/demo"
    ),
    broker: Annotated[
        str | None,
        typer.Option(help="kafka://HOST:PORT to use Kafka; the embedded broker if not given."),
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Replace what an earlier demo left in the folder.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Run every worker on sample events and show what came of it.

    Needs nothing: the ClaimX and iTel APIs are simulated, the broker is embedded, the
    tables are real. Your own settings and credentials are not looked at.
    """
    from claimx_pipeline.cli.demo_run import Demo  # noqa: PLC0415 - slow to import

    run = Demo(events=events, seed=seed, data_dir=data_dir, broker_url=broker)
    run.prepare(again=again)
    result = asyncio.run(run.run())
    if json:
        print_json(result)
        return
    show(result, run.answers(EXAMPLES if "itel_cabinet_task_tracking" in result["tables"] else EXAMPLES[:2]), data_dir)


def show(result: Mapping[str, Any], answers: list[tuple[str, str, Any]], data_dir: Path) -> None:
    """Print what happened, for a person."""
    tables = [{"table": name, "rows": rows} for name, rows in result["tables"].items()]
    topics = [{"topic": name, "records": count} for name, count in result["topics"].items()]
    out = sys.stdout.write
    out(f"\n{result['events']} events in {result['seconds']} s, {result['dlq']} dead letters\n\n")
    print_table(tables, ["table", "rows"], "Delta tables")
    out("\n")
    print_table(topics, ["topic", "records"], "Topics")
    out(f"\niTel received {result['itel']['submissions']} completed cabinet forms\n")
    for question, sql, answer in answers:
        out(f"\n{question}\n\n" + "".join(f"    {line}\n" for line in sql.splitlines()) + "\n")
        print_table(answer.to_pylist(), answer.column_names)
    config = data_dir / "claimx.yaml"
    out("\nAsk your own:\n")
    out(f'    claimx-run --config {config} query "SELECT * FROM claimx_tasks LIMIT 5"\n')
    out(f"    claimx-run --config {config} tables list\n")
    note("")
