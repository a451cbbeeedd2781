"""``claimx-run doctor``: what is wrong with an installation, and what to do about it."""

from __future__ import annotations

import asyncio
import sys
import textwrap
from typing import TYPE_CHECKING, Annotated

import typer

from claimx_pipeline import operations
from claimx_pipeline.cli.context import CommandLine
from claimx_pipeline.cli.program import typed
from claimx_pipeline.clock import SystemClock
from claimx_pipeline.errors import PluginLoadError, SettingsError
from claimx_pipeline.hooks.drawing import terminal_width
from claimx_pipeline.hooks.output import note, print_json

if TYPE_CHECKING:
    from pathlib import Path

    from claimx_pipeline.operations import Finding

app = typer.Typer(add_completion=False, rich_markup_mode=None)

WIDTH = 96
"""Columns at most, however wide the terminal is."""

_ORDER = ("wrong", "warning", "ok")


@app.command()
def doctor(
    context: typer.Context,
    probe: Annotated[
        list[str] | None,
        typer.Option(
            metavar="http://HOST:PORT",
            help="Health server of a process; may be repeated. Without, those of this machine.",
        ),
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="Also show what is as it should be.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Examine settings, broker, topics, groups, tables, stores, services and this machine.

    Each finding comes with its remedy. Services are asked their harmless question, a small file
    is written to each store and deleted again. Running processes are asked which fields of answers
    and which questions of forms were not known. Ends with 1 if something is wrong.
    """
    command_line: CommandLine = context.obj
    try:
        found = asyncio.run(operations.examine(command_line.pipeline(), probes=probe or ()))
    except (SettingsError, PluginLoadError) as error:
        found = operations.unreadable(error, SystemClock().now())
    if json:
        print_json(found.as_json())
    else:
        for finding in sorted(found.findings, key=lambda each: _ORDER.index(each.level)):
            if all_ or finding.level != "ok":
                sys.stdout.write(_shown(finding, command_line.config))
        warnings = sum(each.level == "warning" for each in found.findings)
        well = len(found.findings) - len(found.wrong) - warnings
        note(
            f"{len(found.wrong)} wrong, {warnings} warning{'' if warnings == 1 else 's'}, "
            f"{well} as it should be{'' if all_ or not well else ' (--all shows them)'}"
        )
    if found.wrong:
        raise typer.Exit(1)


def _shown(finding: Finding, config: Path | None) -> str:
    wide = min(WIDTH, terminal_width())
    head = f"{finding.level.upper():<8}{finding.area}: {finding.what} [{finding.check}]"
    lines = textwrap.wrap(head, wide, subsequent_indent=" " * 8, break_long_words=False)
    if finding.remedy:
        indent = " " * 8
        lines += textwrap.wrap(
            f"do: {typed(finding.remedy, config)}",
            wide,
            initial_indent=indent,
            subsequent_indent=f"{indent}    ",
            break_long_words=False,
            break_on_hyphens=False,
        )
    return "\n".join(lines) + "\n"
