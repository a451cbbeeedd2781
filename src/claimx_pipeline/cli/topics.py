"""``claimx-run topics``: list and create topics."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from claimx_pipeline.cli.context import CommandLine
from claimx_pipeline.cli.output import note, print_json, print_table

if TYPE_CHECKING:
    from claimx_pipeline.pipeline import Pipeline

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="List and create topics.",
)


@app.command("list")
def list_(
    context: typer.Context,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List every topic: who writes it, who reads it, how many records it has seen."""
    command_line: CommandLine = context.obj
    pipeline = command_line.pipeline()
    rows = asyncio.run(_rows(pipeline))
    if json:
        print_json(rows)
        return
    columns = ["topic", "partitions", "records", "written by", "read by", "state"]
    print_table(rows, columns, f"Topics on {pipeline.broker().url}")


@app.command()
def create(
    context: typer.Context,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Create the topics that are missing; those that exist are left as they are."""
    command_line: CommandLine = context.obj
    pipeline = command_line.pipeline()
    created = create_topics(pipeline)
    if json:
        print_json({"created": created})
        return
    for name in created:
        note(f"created {name}")
    if not created:
        note("every topic exists already")


def create_topics(pipeline: Pipeline) -> Sequence[str]:
    """Create the topics that are missing; return their names."""

    async def create() -> Sequence[str]:
        admin = pipeline.broker().admin()
        try:
            return await admin.create_topics(pipeline.topology.new_topics())
        finally:
            await admin.close()

    return asyncio.run(create())


async def _rows(pipeline: Pipeline) -> list[dict[str, Any]]:
    topology = pipeline.topology
    lonely = {*topology.without_reader(), *topology.without_writer()}
    admin = pipeline.broker().admin()
    try:
        existing = await admin.topics()
        rows = []
        for name in sorted(topology.topics):
            physical = topology.physical(name)
            there = physical in existing
            ends = await admin.end_offsets(physical) if there else {}
            state = "nobody reads or writes it" if name in lonely else "ok"
            rows.append(
                {
                    "topic": physical,
                    "partitions": existing.get(physical, topology.topics[name].partitions),
                    "records": sum(ends.values()) if there else None,
                    "written by": topology.writers.get(name, ["outside"]),
                    "read by": topology.readers.get(name, []),
                    "state": state if there else "not created",
                }
            )
        return rows
    finally:
        await admin.close()
