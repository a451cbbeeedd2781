"""What ``topics delete`` shows, asks and says."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import typer

from claimx_pipeline import operations
from claimx_pipeline.cli.program import program
from claimx_pipeline.errors import UsageError
from claimx_pipeline.hooks.output import note, print_json, print_table

if TYPE_CHECKING:
    from claimx_pipeline.operations import TopicToDelete
    from claimx_pipeline.pipeline import Pipeline


def delete_asked(
    pipeline: Pipeline,
    names: Sequence[str],
    prefix: str | None,
    *,
    dry_run: bool,
    yes: bool,
    json: bool,
) -> None:
    """Show which topics are meant, ask unless *yes*, delete them and say so."""
    from claimx_pipeline.operations.topic_deletion import refuse_read

    found = asyncio.run(operations.topics_to_delete(pipeline, names, prefix=prefix))
    rows = [_row(each) for each in found]
    if dry_run or not found:
        _print_plan(rows, pipeline, json=json)
        return
    refuse_read(found)
    if not yes:
        _confirm(rows, pipeline, json=json)
    chosen = [each.topic for each in found]
    deleted = asyncio.run(operations.delete_topics(pipeline, chosen))
    if json:
        print_json({"deleted": deleted})
        return
    for topic in deleted:
        note(f"deleted {topic}")
    note(
        f"'{program()} topics create' makes those of the settings again; a worker whose tables "
        "were written from a deleted topic then needs 'offsets adopt'"
    )


def _print_plan(rows: list[dict[str, Any]], pipeline: Pipeline, *, json: bool) -> None:
    if json:
        print_json({"deleted": [], "would_delete": rows})
        return
    if rows:
        _print_rows(rows, pipeline)
    are = "topic" if len(rows) == 1 else "topics"
    note(f"{len(rows)} {are} would be deleted; nothing was" if rows else "there is no such topic")


def _print_rows(rows: list[dict[str, Any]], pipeline: Pipeline) -> None:
    columns = ["topic", "records", "partitions", "groups", "members"]
    print_table(rows, columns, f"To be deleted on {pipeline.broker().url}", spare=["partitions"])


def _confirm(rows: list[dict[str, Any]], pipeline: Pipeline, *, json: bool) -> None:
    counted = "1 topic" if len(rows) == 1 else f"{len(rows)} topics"
    if not sys.stdin.isatty():
        raise UsageError(f"this deletes {counted} for ever; add --yes to do it, --dry-run to look")
    if not json:
        _print_rows(rows, pipeline)
    typer.confirm(f"Delete {counted} and all their records for ever?", abort=True, err=True)


def _row(topic: TopicToDelete) -> dict[str, Any]:
    return {
        "topic": topic.topic,
        "records": topic.records,
        "partitions": topic.partitions,
        "groups": topic.groups,
        "members": sum(topic.members.values()),
    }
