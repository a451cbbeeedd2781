"""``claimx-run publish --topic``: shows what would be published, asks, and publishes it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from attrs import frozen

from claimx_pipeline import operations
from claimx_pipeline.cli.live import following
from claimx_pipeline.cli.publish import lines_of, note_refused
from claimx_pipeline.errors import UsageError
from claimx_pipeline.hooks.output import note, print_json, warn

if TYPE_CHECKING:
    from claimx_pipeline.operations import Publication
    from claimx_pipeline.pipeline import Pipeline

PREVIEW = 3
"""Records that are shown before they are published."""
SHOWN_BYTES = 300
"""Of each of them."""


@frozen
class Options:
    """The options that only ``--topic`` has."""

    key: str | None = None
    key_from: str | None = None
    header: tuple[str, ...] = ()
    dry_run: bool = False
    yes: bool = False
    json: bool = False

    def refuse_without_topic(self) -> None:
        """See that none is given where events are published.

        Raises:
            UsageError: One is.
        """
        given = {
            "--key": self.key is not None,
            "--key-from": self.key_from is not None,
            "--header": bool(self.header),
            "--dry-run": self.dry_run,
            "--yes": self.yes,
        }
        if found := [name for name, is_given in given.items() if is_given]:
            raise UsageError(f"{found[0]} is for records; add --topic, or leave it out for events")

    def headers(self) -> Mapping[str, str]:
        """Return the headers by name.

        Raises:
            UsageError: One is not written as ``NAME=TEXT``.
        """
        found = {}
        for text in self.header:
            name, equals, value = text.partition("=")
            if not equals or not name:
                raise UsageError(f"{text!r} is not a valid header; write NAME=TEXT")
            found[name] = value
        return found


def publish_records(pipeline: Pipeline, topic: str, file: Path, options: Options) -> None:
    """Show what would be published to *topic*; publish it if the answer is yes."""
    plan = asyncio.run(
        operations.plan_publication(
            pipeline,
            topic,
            lines_of(file),
            key=options.key,
            key_from=options.key_from,
            headers=options.headers(),
        )
    )
    note_refused(file, plan.refused)
    for warning in plan.warnings:
        warn(f"warning: {warning}")
    if not options.json:
        _show(plan)
    going = bool(plan.records) and not options.dry_run
    if going and not options.yes:
        if options.json or not sys.stdin.isatty() or str(file) == "-":
            raise UsageError(
                f"this publishes {_counted(len(plan.records))} to {plan.topic}; say so with --yes, "
                "or see --dry-run"
            )
        typer.confirm(f"Publish {_counted(len(plan.records))} to {plan.topic}?", abort=True)
    published = _published(pipeline, plan) if going else 0
    if options.json:
        print_json(_as_json(plan, published, dry_run=options.dry_run))
    elif going:
        note(f"published {_counted(published)} to {plan.topic}")
    if plan.refused:
        raise typer.Exit(1)


def _published(pipeline: Pipeline, plan: Publication) -> int:
    with following(pipeline.clock) as say:
        return asyncio.run(
            operations.publish_planned(
                pipeline,
                plan,
                on_part=lambda count, of: say(f"published {count:,} of {of:,} records"),
            )
        )


def _show(plan: Publication) -> None:
    readers = ", ".join(plan.read_by) or "nothing here"
    note(f"topic {plan.topic}: {plan.partitions} partitions, read by {readers}")
    for record in plan.records[:PREVIEW]:
        number = plan.partition_of(record)
        where = "any partition" if number is None else f"partition {number}"
        key = "no key" if record.key is None else f"key {record.key.decode()}"
        note(f"  {where}, {key}")
        for name, value in record.headers:
            note(f"    {name}: {value.decode()}")
        text = (record.value or b"").decode("utf-8", "replace")
        note(f"    {text[:SHOWN_BYTES]}{' ...' if len(text) > SHOWN_BYTES else ''}")
    if len(plan.records) > PREVIEW:
        note(f"  and {len(plan.records) - PREVIEW} more")


def _as_json(plan: Publication, published: int, *, dry_run: bool) -> dict[str, Any]:
    return {
        "topic": plan.topic,
        "partitions": plan.partitions,
        "read_by": plan.read_by,
        "records": len(plan.records),
        "by_partition": {str(at): count for at, count in plan.by_partition.items()},
        "warnings": plan.warnings,
        "dry_run": dry_run,
        "published": published,
        "refused": [{"line": each.line, "reason": each.reason} for each in plan.refused],
    }


def _counted(count: int) -> str:
    return "1 record" if count == 1 else f"{count} records"
